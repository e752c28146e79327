//! Who asked to join, what became of it, and where their hosts are: what all connections look at, and the instructor
//! decides on.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

use super::error::{RegisterError, StoreError};
use super::event::{Applicant, Event};
use super::hosts::{Seat, Seats, read_seats};
use super::store::{Answer, Request, Store};
use crate::inventory::edit::{self, Addition, EditError, Written};
use crate::inventory::{Inventory, Participant, naming};
use crate::participants::PublicKey;

/// Requests that nobody has answered: more than any class, and few enough for a file that is written each time.
const MAX_OPEN: usize = 1000;

/// As many of them from one address as a class may have: whoever makes up more keys does not fill the list.
const MAX_OPEN_FROM: usize = 300;

/// People who were refused and are told so. The oldest are forgotten.
const MAX_REFUSED: usize = 1000;

/// How somebody with a key stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nobody knows the key.
    Unknown,
    /// Asked, and not answered.
    Waiting { name: String, initials: String },
    /// Not to join.
    Refused { name: String },
    /// In the inventory.
    In {
        name: String,
        initials: String,
        seat: Option<Seat>,
    },
}

/// Why a request was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    /// Not a name, or not initials.
    #[error("{message}: {help}")]
    Invalid { message: String, help: String },
    /// Somebody is called so, or nearly so.
    #[error("somebody called {name} is there already")]
    NameTaken { name: String },
    /// Too many requests.
    #[error("more people wait for an answer than this workshop can have; come back later")]
    TooMany,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An answer of the instructor's could not be given.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum AnswerError {
    /// There is no such number.
    #[error("nobody waits who has the number {number}")]
    #[diagnostic(help("`list` shows who waits"))]
    NoSuchNumber {
        /// What was given.
        number: u32,
    },
    /// The inventory does not take them.
    #[error("{name} is not in the inventory")]
    #[diagnostic(help(
        "put that right, and approve them again; or refuse them, and they can be told in person"
    ))]
    Inventory {
        /// Who.
        name: String,
        /// Why not.
        #[source]
        source: Box<EditError>,
    },
    /// It could not be written down.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Store(#[from] StoreError),
}

#[derive(Debug)]
struct Inner {
    store: Store,
    requests: Vec<Request>,
    /// The inventory's, as last read.
    people: Vec<Participant>,
    seats: Seats,
}

/// What all connections and the instructor share.
#[derive(Debug)]
pub struct Desk {
    inventory: PathBuf,
    auto: usize,
    inner: Mutex<Inner>,
    /// One at a time writes the inventory or reads it, without holding up those who only look at the rest.
    answering: Mutex<()>,
    changed: watch::Sender<()>,
    events: UnboundedSender<Event>,
}

impl Desk {
    pub(super) fn open(
        inventory: &Path,
        folder: &Path,
        auto: usize,
        events: UnboundedSender<Event>,
    ) -> Result<Self, RegisterError> {
        let people = Inventory::load(inventory)?.inventory.participants;
        let (store, requests) = Store::open(folder)?;
        let mut inner = Inner {
            store,
            requests,
            people,
            // Who had a host before this run is not told anew.
            seats: read_seats(inventory)?,
        };
        inner.reconcile();
        Ok(Self {
            inventory: inventory.to_owned(),
            auto,
            inner: Mutex::new(inner),
            answering: Mutex::new(()),
            changed: watch::channel(()).0,
            events,
        })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Every change is made whole or not at all.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn alone(&self) -> MutexGuard<'_, ()> {
        self.answering
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes up whenever something is no longer as it was.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    pub(super) fn tell(&self, event: Event) {
        // Whoever listened may be gone; people still join.
        let _ = self.events.send(event);
    }

    /// How the owner of a key stands.
    pub(super) fn standing(&self, key: &PublicKey) -> Standing {
        self.inner().standing(key)
    }

    /// The name as it would be written down, if nobody else has it.
    pub(super) fn check_name(&self, name: &str, key: &PublicKey) -> Result<String, AskError> {
        let name = valid(naming::person_name(name))?;
        self.inner().is_free(&name, key)?;
        Ok(name)
    }

    /// Writes a request down. Whoever asked or is in already stays as they are.
    ///
    /// Blocks on the disk.
    pub(super) fn ask(
        &self,
        name: &str,
        initials: &str,
        key: &PublicKey,
        from: IpAddr,
    ) -> Result<(), AskError> {
        let name = valid(naming::person_name(name))?;
        let initials = valid(naming::initials(initials))?;
        let applicant = {
            let mut inner = self.inner();
            if inner.standing(key) != Standing::Unknown {
                return Ok(());
            }
            inner.is_free(&name, key)?;
            let open = || {
                let requests = inner.requests.iter();
                requests.filter(|request| request.answer == Answer::None)
            };
            let open_from = open().filter(|request| request.from == from).count();
            if open().count() >= MAX_OPEN || open_from >= MAX_OPEN_FROM {
                return Err(AskError::TooMany);
            }
            let number = inner.requests.iter().map(|request| request.number).max();
            let request = Request {
                number: number.unwrap_or(0).saturating_add(1),
                name,
                initials,
                key: key.clone(),
                from,
                asked: jiff::Timestamp::now(),
                answer: Answer::None,
            };
            let applicant = request.applicant();
            inner.change(|requests| requests.push(request))?;
            applicant
        };
        self.tell(Event::Asked(applicant));
        self.changed.send_replace(());
        Ok(())
    }

    /// Who waits for an answer, in the order they asked.
    pub fn waiting(&self) -> Vec<Applicant> {
        let inner = self.inner();
        let waiting = inner.requests.iter();
        waiting
            .filter(|request| request.answer == Answer::None)
            .map(Request::applicant)
            .collect()
    }

    /// Puts somebody into the inventory. Blocks on the disk.
    ///
    /// # Errors
    /// [`AnswerError`]; they still wait then.
    pub fn approve(&self, number: u32) -> Result<Applicant, AnswerError> {
        self.answer(number, Answer::Approved)
    }

    /// Does not let somebody join; they are told so whenever they come back. Blocks on the disk.
    ///
    /// # Errors
    /// [`AnswerError`]; they still wait then.
    pub fn refuse(&self, number: u32) -> Result<Applicant, AnswerError> {
        self.answer(number, Answer::Refused)
    }

    /// Approves who waits, as long as `--auto` allows it. Blocks on the disk.
    pub(super) fn answer_by_itself(&self) {
        loop {
            let next = {
                let inner = self.inner();
                let given = inner.requests.iter();
                let given = given.filter(|request| request.answer == Answer::AutoApproved);
                if given.count() >= self.auto {
                    return;
                }
                let mut waiting = inner.requests.iter();
                waiting
                    .find(|request| request.answer == Answer::None)
                    .map(|request| request.number)
            };
            let Some(number) = next else { return };
            if let Err(error) = self.answer(number, Answer::AutoApproved) {
                self.tell(Event::trouble(&error));
                return;
            }
        }
    }

    fn answer(&self, number: u32, answer: Answer) -> Result<Applicant, AnswerError> {
        let _alone = self.alone();
        let request = {
            let inner = self.inner();
            let mut requests = inner.requests.iter();
            requests
                .find(|request| request.number == number && request.answer == Answer::None)
                .cloned()
                .ok_or(AnswerError::NoSuchNumber { number })?
        };
        if answer != Answer::Refused {
            // First the inventory: killed in between, the next run finds them there.
            let addition = Addition::Person {
                name: request.name.clone(),
                initials: Some(request.initials.clone()),
                key: request.key.clone(),
                written: Written::Inline,
            };
            edit::add(&self.inventory, &addition).map_err(|source| AnswerError::Inventory {
                name: request.name.clone(),
                source: Box::new(source),
            })?;
        }
        {
            let mut inner = self.inner();
            if answer != Answer::Refused {
                inner.people.push(request.participant());
            }
            inner.change(|requests| {
                for request in requests.iter_mut().filter(|one| one.number == number) {
                    request.answer = answer;
                }
                forget_refused(requests);
            })?;
        }
        let applicant = request.applicant();
        self.tell(match answer {
            Answer::Refused => Event::Refused(applicant.clone()),
            _ => Event::Approved {
                applicant: applicant.clone(),
                auto: answer == Answer::AutoApproved,
            },
        });
        self.changed.send_replace(());
        Ok(applicant)
    }

    /// Takes in what the inventory says now; somebody may have edited it. Blocks on the disk.
    pub(super) fn read_people(&self) {
        // An answer that comes between reading and taking in would be forgotten.
        let _alone = self.alone();
        let people = match Inventory::load(&self.inventory) {
            Ok(loaded) => loaded.inventory.participants,
            Err(problems) => return self.tell(Event::trouble(&problems)),
        };
        let mut inner = self.inner();
        if inner.people != people {
            inner.people = people;
            inner.reconcile();
            drop(inner);
            self.changed.send_replace(());
        }
    }

    /// Takes in where the hosts are now.
    pub(super) fn set_seats(&self, seats: Seats) {
        let mut inner = self.inner();
        if inner.seats == seats {
            return;
        }
        let ready: Vec<Event> = inner
            .joined()
            .filter_map(|name| {
                let access = seats.get(name)?.access.as_ref()?;
                let before = inner.seats.get(name);
                let is_new = before.is_none_or(|before| before.access.is_none());
                is_new.then(|| Event::Ready {
                    name: name.to_owned(),
                    word: seats
                        .get(name)
                        .map(|seat| seat.word.clone())
                        .unwrap_or_default(),
                    address: access.address,
                })
            })
            .collect();
        inner.seats = seats;
        drop(inner);
        for event in ready {
            self.tell(event);
        }
        self.changed.send_replace(());
    }

    /// Who joined here and has no host that is ready: their names, with their words where they have one.
    pub(super) fn without_host(&self) -> BTreeMap<String, Option<String>> {
        let inner = self.inner();
        inner
            .joined()
            .filter_map(|name| {
                let seat = inner.seats.get(name);
                let is_ready = seat.is_some_and(|seat| seat.access.is_some());
                (!is_ready).then(|| (name.to_owned(), seat.map(|seat| seat.word.clone())))
            })
            .collect()
    }
}

impl Inner {
    fn standing(&self, key: &PublicKey) -> Standing {
        if let Some(person) = self.people.iter().find(|person| person.key == *key) {
            return Standing::In {
                name: person.name.clone(),
                initials: person.initials.clone(),
                seat: self.seats.get(&person.name).cloned(),
            };
        }
        // The last one: somebody who was taken out of the inventory may ask again.
        let request = self.requests.iter().rfind(|request| request.key == *key);
        match request.map(|request| (request, request.answer)) {
            Some((request, Answer::None)) => Standing::Waiting {
                name: request.name.clone(),
                initials: request.initials.clone(),
            },
            Some((request, Answer::Refused)) => Standing::Refused {
                name: request.name.clone(),
            },
            Some((_, Answer::Approved | Answer::AutoApproved)) | None => Standing::Unknown,
        }
    }

    fn is_free(&self, name: &str, key: &PublicKey) -> Result<(), AskError> {
        let alike = naming::lookalike(name);
        let people = self.people.iter().map(|person| (&person.name, &person.key));
        let requests = self.requests.iter();
        let open = requests
            .filter(|request| request.answer == Answer::None)
            .map(|request| (&request.name, &request.key));
        let mut taken = people.chain(open);
        match taken.find(|(other, owner)| *owner != key && naming::lookalike(other) == alike) {
            Some((other, _)) => Err(AskError::NameTaken {
                name: other.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Changes the requests, on disk first.
    fn change(&mut self, change: impl FnOnce(&mut Vec<Request>)) -> Result<(), StoreError> {
        let mut requests = self.requests.clone();
        change(&mut requests);
        self.store.save(&requests)?;
        self.requests = requests;
        Ok(())
    }

    /// Who is in the inventory waits for nothing, whoever put them there. Not written down: it is found again.
    fn reconcile(&mut self) {
        for request in &mut self.requests {
            let is_in = self.people.iter().any(|person| person.key == request.key);
            if is_in && request.answer == Answer::None {
                request.answer = Answer::Approved;
            }
        }
    }

    /// The names of those who joined here and are in the inventory.
    fn joined(&self) -> impl Iterator<Item = &str> {
        self.people
            .iter()
            .filter(|person| {
                self.requests
                    .iter()
                    .any(|request| request.key == person.key)
            })
            .map(|person| person.name.as_str())
    }
}

/// Keeps the list of those who were refused from growing for ever.
fn forget_refused(requests: &mut Vec<Request>) {
    let refused = requests.iter();
    let refused = refused.filter(|request| request.answer == Answer::Refused);
    let mut surplus = refused.count().saturating_sub(MAX_REFUSED);
    requests.retain(|request| {
        let goes = surplus > 0 && request.answer == Answer::Refused;
        surplus -= usize::from(goes);
        !goes
    });
}

impl Request {
    fn applicant(&self) -> Applicant {
        Applicant {
            number: self.number,
            name: self.name.clone(),
            initials: self.initials.clone(),
            fingerprint: self.key.fingerprint(),
            from: self.from,
        }
    }

    fn participant(&self) -> Participant {
        Participant {
            name: self.name.clone(),
            initials: self.initials.clone(),
            key: self.key.clone(),
        }
    }
}

fn valid<T>(checked: Result<T, crate::inventory::Bad>) -> Result<T, AskError> {
    checked.map_err(|bad| AskError::Invalid {
        message: bad.message,
        help: bad.help,
    })
}
