//! The run's builder: asked for by whoever needs it first, and replaced when it dies.

use super::{Failure, Run};
use crate::host::{Limits, Ssh};
use crate::nix::{Closure, builder, remote};
use crate::plan::{Action, BUILDER, BUILDER_INDEX};
use crate::run;
use crate::state::{Effect, Event};

use super::hosts::REBOOT;

/// How often one run brings a builder to serve: the third that dies has another cause, and rented ones cost.
const MOST: u32 = 3;

/// Somebody who serves the closure.
#[derive(Clone, Debug)]
pub(super) struct Serving {
    pub(super) closure: Closure,
    /// Which builder of this run it is; [`NAMED`] is the named cache, which comes before all of them.
    turn: u32,
}

const NAMED: u32 = 0;

impl Serving {
    /// Whether a builder serves it, and not the named cache.
    pub(super) fn is_builder(&self) -> bool {
        self.turn > NAMED
    }
}

/// Why there is none, and whether a fresh builder could do better.
pub(super) struct Trouble {
    pub(super) failure: Failure,
    pub(super) is_the_hosts: bool,
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            is_the_hosts: false,
        }
    }
}

impl Run {
    /// Whether the builder has a disk of its own instead of this machine's cache folder.
    fn builder_is_remote(&self) -> bool {
        self.remote_builder || !self.provider.shares_folders()
    }

    /// The closure, and who serves it: the named cache, or a builder that is made once.
    pub(super) async fn closure(&self) -> Result<Serving, Failure> {
        let mut built = self.built.lock().await;
        if let Some(built) = &*built {
            return built.clone();
        }
        let result = match self.ask_named().await {
            Some(closure) => Ok(Serving {
                closure,
                turn: NAMED,
            }),
            None => self.serve(NAMED + 1).await,
        };
        *built = Some(result.clone());
        result
    }

    /// After a host could not get the closure from `served`: a builder where that was the named cache, else one that was
    /// looked at again since, mended or made anew; none when that was done often enough.
    /// `host` and `why` are for whoever wonders at a builder where there is a named cache.
    pub(super) async fn serving_again(
        &self,
        served: &Serving,
        host: &str,
        why: &Failure,
    ) -> Result<Option<Serving>, Failure> {
        let mut built = self.built.lock().await;
        match &*built {
            Some(Ok(now)) if now.turn > served.turn => return Ok(Some(now.clone())),
            Some(Err(failure)) => return Err(failure.clone()),
            _ if served.turn >= MOST => return Ok(None),
            _ => {}
        }
        if !served.is_builder() {
            self.named_failed(host, why);
        }
        let result = self.serve(served.turn + 1).await;
        *built = Some(result.clone());
        result.map(Some)
    }

    async fn serve(&self, mut turn: u32) -> Result<Serving, Failure> {
        let report = self.reporter(BUILDER);
        loop {
            match self.build().await {
                Ok(closure) => {
                    report.done("serves the closure");
                    return Ok(Serving { closure, turn });
                }
                Err(trouble) if trouble.is_the_hosts && turn < MOST => {
                    turn += 1;
                    report.doing(format!("another takes over: {}", trouble.failure.line()));
                    if let Err(failure) = self.remove_builder().await {
                        report.failed(failure.line());
                        return Err(failure);
                    }
                }
                Err(trouble) => {
                    report.failed(trouble.failure.line());
                    return Err(trouble.failure);
                }
            }
        }
    }

    /// Never is another host taken for it: on those, participants are root.
    async fn remove_builder(&self) -> Result<(), Failure> {
        let effect = Effect::Destroy;
        let host = || BUILDER.to_owned();
        self.record(Event::Intent {
            host: host(),
            effect,
        })?;
        if let Err(error) = self.provider.destroy(BUILDER).await {
            let failure = Failure::new(&error);
            self.record_failure(BUILDER, effect, &failure)?;
            return Err(failure);
        }
        self.record(Event::Done {
            host: host(),
            effect,
            address: None,
        })
    }

    async fn build(&self) -> Result<Closure, Trouble> {
        let report = self.reporter(BUILDER);
        let there = self.provider.list().await;
        let there = there.map_err(|error| Failure::new(&error))?;
        let running = there.iter().find(|host| host.name == BUILDER);
        let (action, patience) = match running.map(|host| host.running) {
            None => (Action::Create, self.boot()),
            Some(false) => (Action::Start, self.boot()),
            Some(true) => (Action::Check, REBOOT),
        };
        let binds = if self.builder_is_remote() {
            vec![]
        } else {
            vec![(self.cache.folder().to_owned(), builder::CACHE_FOLDER.into())]
        };
        let address = self
            .create_unreported(BUILDER, BUILDER_INDEX, action, binds)
            .await?;
        report.doing("booting");
        let ssh = self.connect(BUILDER, address, patience).await?;
        report.doing("preparing");
        self.record(Event::Intent {
            host: BUILDER.into(),
            effect: Effect::Configure,
        })?;
        let result = self.build_at(&ssh).await;
        ssh.close().await;
        match &result {
            Ok(_) => self.record(Event::Done {
                host: BUILDER.into(),
                effect: Effect::Configure,
                address: None,
            })?,
            Err(trouble) => self.record_failure(BUILDER, Effect::Configure, &trouble.failure)?,
        }
        result
    }

    async fn build_at(&self, ssh: &Ssh) -> Result<Closure, Trouble> {
        let report = self.reporter(BUILDER);
        let steps = builder::steps(&self.cache, self.hosts_cache());
        let of_run = |error: run::RunError| Trouble {
            is_the_hosts: matches!(&error, run::RunError::Ssh(error) if error.is_gone()),
            failure: Failure::new(&error),
        };
        let of_build = |error: builder::BuildError| Trouble {
            is_the_hosts: error.is_the_hosts(),
            failure: Failure::new(&error),
        };
        let seen = run::gather(BUILDER, ssh, &steps, Limits::default())
            .await
            .map_err(of_run)?;
        run::change(BUILDER, ssh, &steps, &seen, &report)
            .await
            .map_err(of_run)?;
        if self.builder_is_remote() {
            return remote::provide(ssh, &self.inputs, &self.cache, &report)
                .await
                .map_err(of_build);
        }
        if let Some(closure) = self.cache.look_up(&self.inputs.key()) {
            return Ok(closure);
        }
        let closure = builder::build(ssh, &self.inputs, &report)
            .await
            .map_err(of_build)?;
        self.cache
            .record_build(&self.inputs, &closure)
            .map_err(|error| Failure::new(&error))?;
        Ok(closure)
    }

    /// Fetches what a remote builder built into the user's cache, which outlives the workshop. The hosts do not need
    /// it, so that a failure is told and fails none of them; the next run tries again.
    pub(super) async fn keep_the_build(&self) {
        let serving = match &*self.built.lock().await {
            Some(Ok(serving)) if serving.is_builder() && self.builder_is_remote() => {
                serving.clone()
            }
            _ => return,
        };
        if self.cache.look_up(&self.inputs.key()).is_some() {
            return;
        }
        let report = self.reporter(BUILDER);
        let kept = async {
            let address = self
                .place()
                .state()
                .hosts
                .get(BUILDER)
                .and_then(|host| host.address);
            let Some(address) = address else {
                return Ok(());
            };
            let ssh = self
                .connect(BUILDER, address, REBOOT)
                .await
                .map_err(|trouble| trouble.failure)?;
            let kept =
                remote::keep(&ssh, &self.inputs, &serving.closure, &self.cache, &report).await;
            ssh.close().await;
            kept.map_err(|error| Failure::new(&error))
        };
        match kept.await {
            Ok(()) => report.done("serves the closure; this machine's cache has it too"),
            Err(failure) => report.failed(format!(
                "serves the closure, but this machine's cache did not get it: {}",
                failure.line()
            )),
        }
    }
}
