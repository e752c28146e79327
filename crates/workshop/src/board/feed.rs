//! One connection a host, for as long as somebody looks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use exercises::progress::LARGEST;
use jiff::Timestamp;
use provisioner::host::{Limits, Script};
use provisioner::room::{Condition, Seat, room};
use provisioner::state::Role;
use provisioner::visit::{Visits, visit};
use provisioner::{Failure, ProvisionError};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::line::{Lines, TELL};
use super::model::{Board, News};
use crate::room::PATIENCE;
use crate::room::progress::PATH;

/// How often we look which hosts there are.
const ROOM: Duration = Duration::from_secs(5);

/// Before a host is tried again; it may be restarting.
const AGAIN: Duration = Duration::from_secs(3);

/// Longer than any workshop's day. Then it is connected to anew.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The board, and whoever wants to know when it changes.
#[derive(Clone)]
pub(crate) struct Feed {
    board: Arc<Mutex<Board>>,
    changed: Arc<watch::Sender<u64>>,
}

impl Feed {
    /// Starts to look at the workshop at `path`, on the runtime that this is called on.
    ///
    /// # Errors
    /// When the room cannot be read at all.
    pub(crate) async fn start(path: &Path) -> Result<Self, ProvisionError> {
        let feed = Self {
            board: Arc::default(),
            changed: Arc::new(watch::Sender::new(0)),
        };
        let seats = room(path).await?;
        let mut hosts = BTreeMap::new();
        feed.seats(path, seats, &mut hosts);
        let (ours, path) = (feed.clone(), path.to_owned());
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(ROOM).await;
                // The state may be in the middle of a change; the next look tells.
                if let Ok(seats) = room(&path).await {
                    ours.seats(&path, seats, &mut hosts);
                }
            }
        });
        Ok(feed)
    }

    /// Who wants to know when something changes.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Looks at the board.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Board) -> T) -> T {
        look(&self.board.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn hear(&self, news: News) {
        let mut board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
        board.hear(news, Timestamp::now());
        drop(board);
        self.changed.send_modify(|count| *count += 1);
    }

    /// Connects to hosts that came, lets go of those that went.
    fn seats(&self, path: &Path, seats: Vec<Seat>, hosts: &mut BTreeMap<String, Listening>) {
        let wanted = |seat: &&Seat| {
            seat.role != Role::Builder
                && matches!(seat.condition, Condition::Verified | Condition::Unfinished)
        };
        let running: BTreeMap<&str, &Seat> = seats
            .iter()
            .filter(wanted)
            .map(|seat| (seat.word.as_str(), seat))
            .collect();
        hosts.retain(|word, listening| {
            running
                .get(word.as_str())
                .is_some_and(|seat| seat.address == listening.seat.address)
        });
        for (word, seat) in running {
            hosts.entry(word.to_owned()).or_insert_with(|| Listening {
                seat: seat.clone(),
                task: tokio::spawn(self.clone().listen(path.to_owned(), seat.clone())),
            });
        }
        self.hear(News::Room(seats));
    }

    /// Hears what a host tells, and connects again whenever that ends.
    async fn listen(self, path: PathBuf, seat: Seat) {
        loop {
            let visits = Visits {
                parallel: 1,
                patience: PATIENCE,
                events: None,
            };
            let feed = self.clone();
            let visited = visit(&path, vec![seat.clone()], visits, move |visit| {
                let feed = feed.clone();
                async move {
                    let mut script = Script::default()
                        .with("path", PATH)
                        .with("most", &(LARGEST + 1).to_string());
                    script.push(TELL);
                    let limits = Limits {
                        deadline: DAY,
                        output: 4096,
                    };
                    let mut lines = Lines::default();
                    let word = visit.seat.word.clone();
                    let ran = visit.ssh.run_lines(&script, limits, |line| {
                        if let Some(told) = lines.add(line) {
                            feed.hear(News::Told(word.clone(), told));
                        }
                    });
                    ran.await.map_err(|error| Failure::new(&error))
                }
            });
            let why = visited
                .await
                .into_iter()
                .next()
                .map(|visited| match visited.result {
                    Ok(_) => "its side of the board ended".to_owned(),
                    Err(failure) => failure.message,
                });
            self.hear(News::Gone(seat.word.clone(), why.unwrap_or_default()));
            tokio::time::sleep(AGAIN).await;
        }
    }
}

/// A connection's task, which ends when it is dropped.
struct Listening {
    seat: Seat,
    task: JoinHandle<()>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Waits until each host has answered or failed, but no longer than a host may take to let us in.
pub(crate) async fn settled(feed: &Feed) {
    let mut changes = feed.changes();
    let wait = async {
        while !feed.look(Board::settled) {
            // The sender lives as long as the feed.
            let _ = changes.changed().await;
        }
    };
    let _ = tokio::time::timeout(PATIENCE + AGAIN, wait).await;
}
