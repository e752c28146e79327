//! Makes one host and works on it; has the builder build. Everything that happens is written down.

use std::net::IpAddr;
use std::sync::PoisonError;
use std::time::Duration;

use super::{Failure, HostReport, Run};
use crate::cloud::hetzner::contact::{FirstKey, first_contact};
use crate::cloud::{Endpoint, HostLimits, HostSpec};
use crate::host::{Limits, Ssh, Target};
use crate::job::Reporter;
use crate::nix::Closure;
use crate::nix::builder;
use crate::plan::{Action, BUILDER, BUILDER_INDEX, PlannedHost};
use crate::run::{self, StepResult};
use crate::state::{Effect, Event, Workplace};
use crate::step::Seen;
use crate::steps;

/// A host on a busy machine boots in 10 s; a rented one may need a minute.
const BOOT: Duration = Duration::from_secs(120);

/// A host that was verified and runs needs no boot, but a participant may just have rebooted it.
const REBOOT: Duration = Duration::from_secs(30);

impl Run {
    pub(super) fn place(&self) -> std::sync::MutexGuard<'_, Workplace> {
        // Every record is whole in itself, so a panic elsewhere leaves nothing half-written.
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn reporter(&self, host: &str) -> Reporter {
        Reporter::new(host, self.events.clone())
    }

    /// Makes or starts a host; the provider leaves a running one alone.
    pub(super) async fn create(&self, host: &PlannedHost) -> Result<Endpoint, Failure> {
        let address = self
            .create_unreported(&host.name, host.index, host.action, vec![])
            .await;
        if let Err(failure) = &address {
            self.reporter(&host.name).failed(failure.line());
        }
        address
    }

    async fn create_unreported(
        &self,
        name: &str,
        index: u16,
        action: Action,
        binds: Vec<(std::path::PathBuf, std::path::PathBuf)>,
    ) -> Result<Endpoint, Failure> {
        let limits = &self.inventory.hosts.limits;
        let changes = matches!(action, Action::Create | Action::Start);
        let spec = {
            let place = self.place();
            // A provider that keeps the key gets one that is good for nothing but our first visit.
            let host_key = if self.provider.keeps_host_keys() && action == Action::Create {
                FirstKey::of(place.folder(), name)
                    .for_new_server()
                    .map_err(|error| Failure::new(&error))?
            } else {
                place.host_key(name).map_err(|error| Failure::new(&error))?
            };
            HostSpec {
                name: name.to_owned(),
                index,
                host_key: host_key.private_text().map_err(|error| Failure {
                    message: error.to_string(),
                    hint: None,
                })?,
                root_key: self.instructor.public_line(),
                // The builder is the instructor's and may use the machine.
                limits: if name == BUILDER {
                    HostLimits::default()
                } else {
                    HostLimits {
                        memory_bytes: Some(limits.memory.as_bytes()),
                        cpus: Some(f64::from(limits.cpus.as_millis()) / 1000.0),
                        pids: Some(limits.pids),
                    }
                },
                binds,
            }
        };
        if changes {
            self.reporter(name).doing(if action == Action::Create {
                "creating"
            } else {
                "starting"
            });
            self.record(Event::Intent {
                host: name.to_owned(),
                effect: Effect::Create,
            })?;
        }
        match self.provider.create(&spec).await {
            Ok(address) => {
                let known = self
                    .place()
                    .state()
                    .hosts
                    .get(name)
                    .and_then(|host| host.address);
                if changes || known != Some(address) {
                    self.record(Event::Done {
                        host: name.to_owned(),
                        effect: Effect::Create,
                        address: Some(address),
                    })?;
                }
                Ok(address)
            }
            Err(error) => {
                let failure = Failure::new(&error);
                self.record_failure(name, Effect::Create, &failure)?;
                Err(failure)
            }
        }
    }

    fn record(&self, event: Event) -> Result<(), Failure> {
        self.place()
            .record(event)
            .map_err(|error| Failure::new(&error))
    }

    fn record_failure(&self, host: &str, effect: Effect, failure: &Failure) -> Result<(), Failure> {
        self.record(Event::Failed {
            host: host.to_owned(),
            effect,
            error: failure.line().to_owned(),
        })
    }

    /// Connects to the host; at the first visit its own key takes the place of the one that the provider knows.
    async fn connect(
        &self,
        name: &str,
        address: Endpoint,
        patience: Duration,
    ) -> Result<Ssh, Failure> {
        let (first, own) = {
            let place = self.place();
            let own = place.host_key(name).map_err(|error| Failure::new(&error))?;
            (FirstKey::of(place.folder(), name), own)
        };
        let target = Target::root(name, address, own.public());
        first_contact(&target, &first, &own, self.instructor.private(), patience)
            .await
            .map_err(|error| Failure::new(&error))
    }

    /// The closure in a builder that serves it: asked for by whoever needs it first, made once.
    pub(super) async fn closure(&self) -> Result<Closure, Failure> {
        let built = self.built.get_or_init(|| async {
            let built = self.build().await;
            match &built {
                Ok(_) => self.reporter(BUILDER).done("serves the closure"),
                Err(failure) => self.reporter(BUILDER).failed(failure.line()),
            }
            built
        });
        built.await.clone()
    }

    async fn build(&self) -> Result<Closure, Failure> {
        let report = self.reporter(BUILDER);
        let running = self
            .provider
            .list()
            .await
            .map_err(|error| Failure::new(&error))?
            .iter()
            .find(|host| host.name == BUILDER)
            .map(|host| host.running);
        let action = match running {
            None => Action::Create,
            Some(false) => Action::Start,
            Some(true) => Action::Check,
        };
        let binds = vec![(self.cache.folder().to_owned(), builder::CACHE_FOLDER.into())];
        let address = self
            .create_unreported(BUILDER, BUILDER_INDEX, action, binds)
            .await?;
        report.doing("booting");
        let ssh = self.connect(BUILDER, address, BOOT).await?;
        report.doing("preparing");
        self.record(Event::Intent {
            host: BUILDER.into(),
            effect: Effect::Configure,
        })?;
        let steps = builder::steps(&self.cache);
        let result = async {
            let seen = run::gather(BUILDER, &ssh, &steps, Limits::default())
                .await
                .map_err(|error| Failure::new(&error))?;
            run::change(BUILDER, &ssh, &steps, &seen, &report)
                .await
                .map_err(|error| Failure::new(&error))?;
            match self.cache.look_up(&self.inputs.key()) {
                Some(closure) => Ok(closure),
                None => builder::build(&ssh, &self.inputs, &self.cache, &report)
                    .await
                    .map_err(|error| Failure::new(&error)),
            }
        }
        .await;
        ssh.close().await;
        match &result {
            Ok(_) => {
                self.record(Event::Done {
                    host: BUILDER.into(),
                    effect: Effect::Configure,
                    address: None,
                })?;
            }
            Err(failure) => self.record_failure(BUILDER, Effect::Configure, failure)?,
        }
        result
    }

    pub(super) async fn configure(
        &self,
        host: PlannedHost,
        address: Result<Endpoint, Failure>,
        known: Option<Closure>,
        ring: &[(String, IpAddr)],
    ) -> HostReport {
        let report = self.reporter(&host.name);
        let fingerprint = self
            .place()
            .host_key(&host.name)
            .map(|key| key.fingerprint())
            .unwrap_or_default();
        let result = match address.clone() {
            Ok(address) => {
                self.configure_at(&host, address, known, ring, &report)
                    .await
            }
            Err(failure) => Err(failure),
        };
        let host_report = HostReport {
            address: address.ok(),
            fingerprint,
            result,
            host,
        };
        match &host_report.result {
            Ok(_) => report.done(match host_report.changed_steps().len() {
                0 => "verified, nothing to do".to_owned(),
                n => format!("verified, {n} steps changed"),
            }),
            Err(failure) => report.failed(failure.line()),
        }
        host_report
    }

    async fn configure_at(
        &self,
        host: &PlannedHost,
        address: Endpoint,
        known: Option<Closure>,
        ring: &[(String, IpAddr)],
        report: &Reporter,
    ) -> Result<Vec<(&'static str, StepResult)>, Failure> {
        let name = &host.name;
        let patience = if host.action == Action::Check {
            REBOOT
        } else {
            report.doing("booting");
            BOOT
        };
        let attempt = async {
            let ssh = self.connect(name, address, patience).await?;
            let closure = match known.filter(|_| self.builder_address().is_some()) {
                Some(closure) => closure,
                None => {
                    report.doing("waiting for the builder");
                    self.closure().await?
                }
            };
            let steps = steps::host(&self.context(host, closure, ring));
            let seen = run::gather(name, &ssh, &steps, Limits::default())
                .await
                .map_err(|error| Failure::new(&error))?;
            if seen.iter().any(|seen| *seen != Seen::Satisfied) {
                // The host may have to fetch from the builder: it must be there and serve.
                report.doing("waiting for the builder");
                self.closure().await?;
                self.record(Event::Intent {
                    host: name.clone(),
                    effect: Effect::Configure,
                })?;
                report.doing("configuring");
            }
            let results = run::change(name, &ssh, &steps, &seen, report)
                .await
                .map_err(|error| Failure::new(&error))?;
            ssh.close().await;
            Ok(steps.iter().map(|step| step.id).zip(results).collect())
        };
        let result: Result<Vec<_>, Failure> = attempt.await;
        match &result {
            Ok(_) => {
                let verified = self
                    .place()
                    .state()
                    .hosts
                    .get(name)
                    .is_some_and(|host| host.verified);
                if !verified {
                    self.record(Event::Done {
                        host: name.clone(),
                        effect: Effect::Configure,
                        address: None,
                    })?;
                }
            }
            Err(failure) => self.record_failure(name, Effect::Configure, failure)?,
        }
        result
    }
}
