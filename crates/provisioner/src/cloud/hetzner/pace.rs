//! How long is waited for an answer, and before the next try.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use backon::ExponentialBuilder;
use reqwest::header::{HeaderMap, HeaderName};

/// Waits and tries. The default is for the real API; tests have no time for that.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// For one answer, all of it.
    pub answer: Duration,
    /// Before the second try; then twice as long each time, with jitter, up to [`Pace::longest`].
    pub first: Duration,
    /// Between two tries, at the most.
    pub longest: Duration,
    /// How often the same is tried.
    pub tries: u32,
    /// Before an action is looked at for the first time; then half as long again each time.
    pub look: Duration,
    /// Between two looks at actions, at the most.
    pub longest_look: Duration,
    /// Longer than the limit of requests says, since its header counts whole seconds and clocks differ.
    pub margin: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(30),
            first: Duration::from_millis(500),
            longest: Duration::from_secs(10),
            tries: 6,
            // A small server runs 5 to 20 s after it was asked for.
            look: Duration::from_secs(2),
            longest_look: Duration::from_secs(10),
            margin: Duration::from_secs(1),
        }
    }
}

impl Pace {
    /// For a server in the same process: faults that pass are over at once.
    pub fn quick() -> Self {
        Self {
            answer: Duration::from_millis(500),
            first: Duration::from_millis(1),
            longest: Duration::from_millis(4),
            tries: 6,
            look: Duration::from_millis(1),
            longest_look: Duration::from_millis(8),
            margin: Duration::ZERO,
        }
    }

    /// What a request that met the limit waits for. At most a minute at once: the limit fills up all the time, by
    /// one request a second, and the header only says when it is whole.
    pub(super) fn wait(&self, until: Duration) -> Duration {
        const AT_ONCE: Duration = Duration::from_secs(60);
        (until + self.margin).min(AT_ONCE)
    }

    /// Jitter: hosts that failed together do not come back together.
    pub(super) fn backoff(&self) -> ExponentialBuilder {
        ExponentialBuilder::default()
            .with_min_delay(self.first)
            .with_max_delay(self.longest)
            .with_max_times(self.tries.saturating_sub(1) as usize)
            .with_jitter()
    }
}

/// The moment at which the limit of requests is whole again, in seconds since 1970.
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// How long until the limit of requests is whole again. By the answer's own clock where it has one: this
/// machine's may be wrong.
pub(super) fn until_reset(headers: &HeaderMap) -> Option<Duration> {
    let reset: u64 = headers.get(RESET)?.to_str().ok()?.trim().parse().ok()?;
    let theirs = headers
        .get(reqwest::header::DATE)
        .and_then(|date| date.to_str().ok())
        .and_then(|date| jiff::fmt::rfc2822::parse(date).ok())
        .and_then(|date| u64::try_from(date.timestamp().as_second()).ok());
    let now = theirs.or_else(|| Some(SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs()));
    Some(Duration::from_secs(reset.saturating_sub(now?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn the_reset_is_counted_by_their_clock() {
        let date = ("date", "Sat, 20 Feb 2027 09:00:00 GMT");
        let reset = |reset| until_reset(&headers(&[date, ("ratelimit-reset", reset)]));
        assert_eq!(reset("1803114005"), Some(Duration::from_secs(5)));
        assert_eq!(reset("1803113000"), Some(Duration::ZERO));
        assert_eq!(reset("soon"), None);
        assert_eq!(until_reset(&headers(&[date])), None);
        // No clock of theirs, or none that can be read: ours.
        let past = until_reset(&headers(&[("date", "now"), ("ratelimit-reset", "1000")]));
        assert_eq!(past, Some(Duration::ZERO));
    }

    #[test]
    fn an_hour_is_not_waited_for_at_once() {
        let wait = |until| Pace::default().wait(until);
        assert_eq!(wait(Duration::from_secs(5)), Duration::from_secs(6));
        assert_eq!(wait(Duration::from_secs(3600)), Duration::from_secs(60));
    }
}
