//! How many connections there may be, from where, and for how long.
//!
//! A class sits behind one address, so an address may do what a class does: everybody at once, some of them several
//! times. What keeps one client from shutting out the others is that whoever is longest without logging in goes first.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::leash::Leash;

/// Connections that have not logged in. A class of 200 may come in one second.
const MAX_LOGIN: usize = 300;

/// Connections that have.
const MAX_JOINED: usize = 500;

/// Connections with one key: a second terminal, and one that hangs.
const MAX_PER_KEY: usize = 3;

/// As sshd's LoginGraceTime: somebody may have to look up the passphrase of their key.
const LOGIN: Duration = Duration::from_secs(120);

/// People wait for the instructor and for their server; what they asked for outlives the connection anyway.
const JOINED: Duration = Duration::from_secs(3 * 60 * 60);

/// For a last line to whoever is sent away.
pub(super) const FAREWELL: Duration = Duration::from_secs(5);

/// New connections of one address: all at once, and then so many a second.
const BURST: f64 = 400.0;
const PER_SECOND: f64 = 20.0;

/// How often addresses that have not come for a while are forgotten, when there are too many.
const SWEEP: Duration = Duration::from_secs(1);

/// Addresses whose connections are counted; of more than these, all newer ones share one count.
const MAX_ADDRESSES: usize = 4096;

const CROWDED: &str = "Many people are joining just now, and somebody else needs this place. What you sent is kept: come back in a moment with the same command.";
const ELSEWHERE: &str = "You came back with the same key in another terminal; this one ends.";

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Login,
    /// It has things to say.
    Typing,
    /// It only listens.
    Waiting,
}

#[derive(Debug)]
struct Entry {
    phase: Phase,
    since: Instant,
    key: Option<[u8; 32]>,
    leash: watch::Sender<Leash>,
}

impl Entry {
    fn end(&mut self, why: &'static str) {
        let grace = match self.phase {
            Phase::Login => Duration::ZERO,
            Phase::Typing | Phase::Waiting => FAREWELL,
        };
        self.leash.send_replace(Leash {
            until: Instant::now() + grace,
            why: Some(why),
        });
    }
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    fn full() -> Self {
        Self {
            tokens: BURST,
            at: Instant::now(),
        }
    }

    fn fill(&mut self) {
        let now = Instant::now();
        let gained = now.duration_since(self.at).as_secs_f64() * PER_SECOND;
        self.tokens = (self.tokens + gained).min(BURST);
        self.at = now;
    }

    fn take(&mut self) -> bool {
        self.fill();
        let enough = self.tokens >= 1.0;
        if enough {
            self.tokens -= 1.0;
        }
        enough
    }
}

#[derive(Debug, Default)]
struct Crowd {
    next: u64,
    entries: HashMap<u64, Entry>,
    buckets: HashMap<IpAddr, Bucket>,
    /// Of all addresses that found no place in `buckets`.
    others: Option<Bucket>,
    /// When those were last taken out of `buckets` that count nothing any more.
    swept: Option<Instant>,
}

/// Everybody who is connected.
#[derive(Clone, Debug, Default)]
pub(super) struct Limits(Arc<Mutex<Crowd>>);

/// One connection's place; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    limits: Limits,
    id: u64,
    leash: watch::Receiver<Leash>,
}

impl Limits {
    fn crowd(&self) -> MutexGuard<'_, Crowd> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a new connection; `None` when its address has had too many of late.
    pub(super) fn admit(&self, from: IpAddr) -> Option<Place> {
        let mut crowd = self.crowd();
        if !crowd.count(network(from)) {
            return None;
        }
        crowd.make_room(MAX_LOGIN, CROWDED, |entry| entry.phase == Phase::Login);
        let (sender, leash) = watch::channel(Leash {
            until: Instant::now() + LOGIN,
            why: None,
        });
        let id = crowd.next;
        crowd.next += 1;
        crowd.entries.insert(
            id,
            Entry {
                phase: Phase::Login,
                since: Instant::now(),
                key: None,
                leash: sender,
            },
        );
        Some(Place {
            limits: self.clone(),
            id,
            leash,
        })
    }

    /// Tells everybody that it is over, and ends every connection soon after.
    pub(super) fn end_all(&self, why: &'static str) {
        for entry in self.crowd().entries.values_mut() {
            entry.end(why);
        }
    }

    /// How many connections there are.
    pub(super) fn len(&self) -> usize {
        self.crowd().entries.len()
    }
}

impl Crowd {
    /// Counts a new connection of a network; whether it may come in.
    fn count(&mut self, network: IpAddr) -> bool {
        let now = Instant::now();
        let is_full = self.buckets.len() >= MAX_ADDRESSES && !self.buckets.contains_key(&network);
        if is_full && self.swept.is_none_or(|at| now - at >= SWEEP) {
            self.swept = Some(now);
            self.buckets.retain(|_, bucket| {
                bucket.fill();
                bucket.tokens < BURST
            });
        }
        if self.buckets.len() >= MAX_ADDRESSES && !self.buckets.contains_key(&network) {
            return self.others.get_or_insert_with(Bucket::full).take();
        }
        self.buckets
            .entry(network)
            .or_insert_with(Bucket::full)
            .take()
    }

    /// Sends away who is longest among those that `which` means, until one more has room below `max`.
    fn make_room(&mut self, max: usize, why: &'static str, which: impl Fn(&Entry) -> bool) {
        // Who was sent away already keeps no place.
        let counts = |entry: &Entry| which(entry) && entry.leash.borrow().why.is_none();
        while self.entries.values().filter(|entry| counts(entry)).count() >= max {
            let first = self
                .entries
                .values_mut()
                .filter(|entry| counts(entry))
                // Who only waits loses nothing; who types would have to begin anew.
                .min_by_key(|entry| (entry.phase != Phase::Waiting, entry.since));
            match first {
                Some(entry) => entry.end(why),
                None => break,
            }
        }
    }
}

impl Place {
    /// Ends when this connection is to end.
    pub(super) fn leash(&self) -> watch::Receiver<Leash> {
        self.leash.clone()
    }

    /// Whoever it is has proved to have this key.
    pub(super) fn logged_in(&self, key: &[u8; 32]) {
        let mut crowd = self.limits.crowd();
        crowd.make_room(MAX_JOINED, CROWDED, |entry| entry.phase != Phase::Login);
        crowd.make_room(MAX_PER_KEY, ELSEWHERE, |entry| {
            entry.phase != Phase::Login && entry.key.as_ref() == Some(key)
        });
        if let Some(entry) = crowd.entries.get_mut(&self.id) {
            // Somebody who was sent away in the meantime is not called back.
            if entry.leash.borrow().why.is_none() {
                entry.phase = Phase::Typing;
                entry.since = Instant::now();
                entry.key = Some(*key);
            }
        }
    }

    /// A conversation begins, and may last.
    pub(super) fn talks(&self) {
        if let Some(entry) = self.limits.crowd().entries.get_mut(&self.id) {
            entry.leash.send_if_modified(|leash| {
                let may_stay = leash.why.is_none();
                if may_stay {
                    leash.until = Instant::now() + JOINED;
                }
                may_stay
            });
        }
    }

    /// It has nothing more to say.
    pub(super) fn waits(&self) {
        if let Some(entry) = self.limits.crowd().entries.get_mut(&self.id) {
            entry.phase = Phase::Waiting;
        }
    }

    /// It said goodbye: the client may still read that.
    pub(super) fn leaves(&self) {
        if let Some(entry) = self.limits.crowd().entries.get_mut(&self.id) {
            let until = Instant::now() + FAREWELL;
            entry
                .leash
                .send_modify(|leash| leash.until = until.min(leash.until));
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.limits.crowd().entries.remove(&self.id);
    }
}

/// An IPv6 address with its network: whoever has one has all of its /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let prefix = u128::from(address) >> 64 << 64;
            IpAddr::V6(prefix.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn is_ended(place: &Place) -> bool {
        place.leash.borrow().why.is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn a_class_behind_one_address_comes_in_at_once() {
        let limits = Limits::default();
        let places: Vec<Place> = (0..200)
            .map(|_| limits.admit(CLASS).expect("a place"))
            .collect();
        for (n, place) in (0u8..).zip(&places) {
            place.logged_in(&[n; 32]);
        }
        assert!(!places.iter().any(is_ended));
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_longest_without_logging_in_goes_first() {
        let limits = Limits::default();
        let mut idle = Vec::new();
        for _ in 0..MAX_LOGIN {
            tokio::time::advance(Duration::from_millis(100)).await;
            idle.push(limits.admit(CLASS).unwrap());
        }
        let ada = limits.admit(CLASS).unwrap();
        assert_eq!(
            idle.iter().map(is_ended).collect::<Vec<_>>()[..2],
            [true, false]
        );
        ada.logged_in(&[1; 32]);
        // Who is in is nobody's to send away who is not.
        for _ in 0..MAX_LOGIN {
            tokio::time::advance(Duration::from_millis(100)).await;
            idle.push(limits.admit(CLASS).unwrap());
        }
        assert!(!is_ended(&ada));
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_from_one_address_does_not_count_for_another() {
        let limits = Limits::default();
        let flood: Vec<Place> = (0..10_000).filter_map(|_| limits.admit(CLASS)).collect();
        assert_eq!(flood.len(), 400);
        assert!(limits.admit("198.51.100.7".parse().unwrap()).is_some());
        // The same machine by another address of its network.
        let v6 = |text: &str| limits.admit(text.parse().unwrap());
        let flood: Vec<Place> = (0..500)
            .filter_map(|n| v6(&format!("2001:db8::{n:x}")))
            .collect();
        assert_eq!(flood.len(), 400);
        assert!(v6("2001:db8:0:1::1").is_some());
        assert!(v6("::ffff:192.0.2.1").is_none());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(limits.admit(CLASS).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_makes_room_before_who_types() {
        let limits = Limits::default();
        let mut places = Vec::new();
        for n in 0..MAX_JOINED {
            tokio::time::advance(Duration::from_secs(1)).await;
            let place = limits.admit(CLASS).unwrap();
            let mut key = [0; 32];
            key[..8].copy_from_slice(&n.to_le_bytes());
            place.logged_in(&key);
            places.push(place);
        }
        places[7].waits();
        limits.admit(CLASS).unwrap().logged_in(&[9; 32]);
        let ended: Vec<usize> = (0..MAX_JOINED).filter(|n| is_ended(&places[*n])).collect();
        assert_eq!(ended, [7]);
    }

    #[tokio::test(start_paused = true)]
    async fn one_key_has_a_few_connections() {
        let limits = Limits::default();
        let places: Vec<Place> = (0..=MAX_PER_KEY)
            .map(|_| {
                let place = limits.admit(CLASS).unwrap();
                place.logged_in(&[1; 32]);
                place
            })
            .collect();
        assert_eq!(places.iter().filter(|place| is_ended(place)).count(), 1);
        drop(places);
        assert_eq!(limits.len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_without_number_share_one_count() {
        let limits = Limits::default();
        let came = (0u32..20_000)
            .filter(|n| {
                let address = IpAddr::V4((0x0a00_0000 + n).into());
                limits.admit(address).is_some()
            })
            .count();
        assert_eq!(came, MAX_ADDRESSES + 400);
        assert!(limits.crowd().buckets.len() <= MAX_ADDRESSES);
    }
}
