//! Waits for actions of many servers with few requests: whoever waits asks for everybody.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::answer::Action;
use super::api::Api;
use super::error::HetznerError;

/// How an action ended.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    Success,
    Failed {
        command: String,
        code: String,
        message: String,
    },
    /// It was not asked for again: see [`SPARE`].
    Unknown,
}

/// So many looks more than there are actions. When they are used up, waiting ends with [`Outcome::Unknown`]: what an
/// action was for is seen for itself, a server at the latest when nobody answers there.
const SPARE: u32 = 8;
/// Actions in one request: the most that the API gives at once.
const AT_ONCE: usize = 50;

/// The actions that somebody waits for.
#[derive(Debug, Default)]
pub(super) struct Watch {
    state: Mutex<State>,
    /// Whoever holds it looks.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    waiting: BTreeSet<i64>,
    ended: BTreeMap<i64, Outcome>,
    begun: u32,
    looks: u32,
    /// Since anything new was waited for.
    pauses: u32,
    last: Option<Instant>,
}

/// Takes back what is waited for when nobody waits any more.
struct Waiting<'a> {
    watch: &'a Watch,
    id: i64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.watch.state();
        state.waiting.remove(&self.id);
        state.ended.remove(&self.id);
    }
}

impl Watch {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until all of `actions`, of the server `host`, have ended.
    pub(super) async fn wait(
        &self,
        api: &Api,
        host: &str,
        actions: &[Action],
    ) -> Result<(), HetznerError> {
        for action in actions {
            let outcome = match outcome(action) {
                Some(outcome) => outcome,
                None => self.wait_for(api, action.id).await?,
            };
            if let Outcome::Failed {
                command,
                code,
                message,
            } = outcome
            {
                return Err(HetznerError::Action {
                    host: host.to_owned(),
                    command,
                    code,
                    message,
                });
            }
        }
        Ok(())
    }

    async fn wait_for(&self, api: &Api, id: i64) -> Result<Outcome, HetznerError> {
        {
            let mut state = self.state();
            state.waiting.insert(id);
            state.begun += 1;
            state.pauses = 0;
        }
        let waiting = Waiting { watch: self, id };
        loop {
            if let Some(outcome) = self.state().ended.get(&waiting.id) {
                return Ok(outcome.clone());
            }
            let _turn = self.turn.lock().await;
            // Whoever had the turn before may have seen it.
            if let Some(outcome) = self.state().ended.get(&waiting.id) {
                return Ok(outcome.clone());
            }
            let Some(at) = self.next_look(api) else {
                return Ok(Outcome::Unknown);
            };
            sleep_until(at).await;
            self.look(api).await?;
        }
    }

    /// When to look next; `None` when that would be one look too many.
    fn next_look(&self, api: &Api) -> Option<Instant> {
        let mut state = self.state();
        if state.looks >= state.begun + SPARE {
            return None;
        }
        let pause = pause(api.pace.look, api.pace.longest_look, state.pauses);
        state.pauses += 1;
        let now = Instant::now();
        Some(
            state
                .last
                .map_or(now + pause, |last| (last + pause).max(now)),
        )
    }

    async fn look(&self, api: &Api) -> Result<(), HetznerError> {
        let waiting: Vec<i64> = self.state().waiting.iter().copied().take(AT_ONCE).collect();
        let query: Vec<_> = waiting.iter().map(|id| ("id", id.to_string())).collect();
        self.state().looks += 1;
        let actions: Vec<Action> = api
            .list("actions", &query, "waiting for Hetzner's actions")
            .await?;
        let mut state = self.state();
        state.last = Some(Instant::now());
        for action in actions {
            if let Some(outcome) = outcome(&action)
                && state.waiting.remove(&action.id)
            {
                state.ended.insert(action.id, outcome);
            }
        }
        Ok(())
    }
}

/// `None` while it runs, and for a status that nobody knows yet.
fn outcome(action: &Action) -> Option<Outcome> {
    match action.status.as_str() {
        "success" => Some(Outcome::Success),
        "error" => {
            let error = action.error.as_ref();
            let text = |text: Option<&String>| {
                let text = text.map_or("", String::as_str);
                crate::host::printable(text.as_bytes())
            };
            Some(Outcome::Failed {
                command: action.command.clone(),
                code: text(error.map(|error| &error.code)),
                message: text(error.map(|error| &error.message)),
            })
        }
        _ => None,
    }
}

fn pause(first: Duration, longest: Duration, times: u32) -> Duration {
    // Half as long again, in whole numbers.
    let factor = 3_u32.saturating_pow(times.min(10));
    let divisor = 2_u32.pow(times.min(10));
    (first * factor / divisor).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_by_half_up_to_the_longest() {
        let pauses: Vec<u64> = (0..6)
            .map(|times| {
                pause(Duration::from_secs(2), Duration::from_secs(10), times).as_millis() as u64
            })
            .collect();
        assert_eq!(pauses, [2000, 3000, 4500, 6750, 10_000, 10_000]);
        assert_eq!(
            pause(Duration::from_secs(2), Duration::from_secs(10), 1000),
            Duration::from_secs(10)
        );
    }
}
