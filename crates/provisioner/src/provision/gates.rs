//! How many hosts a run is at, at once.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::plan::Action;

/// Verified hosts that are looked at side by side, whatever `parallel` says. A look is a connection and one short
/// script, nearly all of it waiting for some seven round trips: at 50 ms each and eight hosts at once, 100 would take over 4 s. Open files
/// stay far below the usual limit of 1024, also with the largest `parallel` beside them.
const LOOKS: usize = 64;

/// Two gates: `parallel` is for what loads hosts, the builder and the provider; a look loads nobody.
///
/// Whoever holds a permit to work never waits for one to look, so the two cannot wait for each other.
#[derive(Clone)]
pub(super) struct Gates {
    work: Arc<Semaphore>,
    looks: Arc<Semaphore>,
}

/// A host's way through the gates; what it holds is given back when it is dropped.
pub(super) struct Pass {
    gates: Gates,
    work: Option<OwnedSemaphorePermit>,
    _look: Option<OwnedSemaphorePermit>,
}

impl Gates {
    pub(super) fn new(parallel: usize) -> Self {
        Self {
            work: Arc::new(Semaphore::new(parallel)),
            looks: Arc::new(Semaphore::new(LOOKS)),
        }
    }

    /// For what changes something on every host.
    pub(super) fn work(&self) -> Arc<Semaphore> {
        Arc::clone(&self.work)
    }

    /// Lets a host in that is to be looked at, and changed if need be. One that was never verified needs changes
    /// for certain, so it has its turn to work before we connect: a connection made earlier would lie idle.
    pub(super) async fn enter(&self, action: Action) -> Pass {
        let (work, look) = if action == Action::Check {
            (None, permit(&self.looks).await)
        } else {
            (permit(&self.work).await, None)
        };
        Pass {
            gates: self.clone(),
            work,
            _look: look,
        }
    }
}

impl Pass {
    /// Waits until this host may be changed; `waiting` is called if that is not at once.
    pub(super) async fn begin_work(&mut self, waiting: impl FnOnce()) {
        if self.work.is_none() {
            self.work = Arc::clone(&self.gates.work).try_acquire_owned().ok();
        }
        if self.work.is_none() {
            waiting();
            self.work = permit(&self.gates.work).await;
        }
    }
}

/// Nobody closes a gate, so there is always a permit in the end.
async fn permit(gate: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    Arc::clone(gate).acquire_owned().await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether `future` is ready without anybody giving a permit back.
    async fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = future => Some(done),
            () = tokio::task::yield_now() => None,
        }
    }

    #[tokio::test]
    async fn verified_hosts_are_looked_at_beside_each_other_and_changed_by_turns() {
        let gates = Gates::new(1);
        let mut a = at_once(gates.enter(Action::Check)).await.unwrap();
        let mut b = at_once(gates.enter(Action::Check)).await.unwrap();
        let mut waited = 0;
        a.begin_work(|| waited += 1).await;
        assert_eq!(waited, 0, "nobody else works");
        assert!(at_once(b.begin_work(|| waited += 1)).await.is_none());
        assert_eq!(waited, 1);
        // The same host again, as when the builder had to be replaced: it has its permit.
        a.begin_work(|| panic!("it waits for itself")).await;
        drop(a);
        assert!(at_once(b.begin_work(|| {})).await.is_some());
    }

    #[tokio::test]
    async fn a_host_that_was_never_verified_takes_its_turn_first() {
        for action in [Action::Create, Action::Start, Action::Finish] {
            let gates = Gates::new(1);
            let first = at_once(gates.enter(action)).await;
            assert!(first.is_some());
            assert!(at_once(gates.enter(action)).await.is_none(), "{action:?}");
            assert!(at_once(gates.enter(Action::Check)).await.is_some());
        }
    }

    #[tokio::test]
    async fn what_is_open_is_bounded() {
        let gates = Gates::new(8);
        let mut passes = Vec::new();
        while let Some(pass) = at_once(gates.enter(Action::Check)).await {
            passes.push(pass);
            assert!(passes.len() <= LOOKS);
        }
        assert_eq!(passes.len(), LOOKS);
        passes.pop();
        assert!(at_once(gates.enter(Action::Check)).await.is_some());
    }
}
