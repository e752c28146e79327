//! Makes one host and works on it; has the builder build. Everything that happens is written down.

use std::net::IpAddr;
use std::sync::PoisonError;
use std::time::Duration;

use super::builder::{Serving, Trouble};
use super::gates::Pass;
use super::{Failure, HostReport, Run};
use crate::cloud::hetzner::contact::{ContactError, FirstKey, first_contact};
use crate::cloud::{Endpoint, HostLimits, HostSpec};
use crate::host::keys::fingerprint;
use crate::host::{Limits, Ssh};
use crate::job::Reporter;
use crate::nix::Closure;
use crate::plan::{Action, BUILDER, PlannedHost};
use crate::run::{self, StepResult};
use crate::state::{Effect, Event, Workplace};
use crate::step::Seen;
use crate::steps;

/// A host on a busy machine boots in 10 s; a rented one may need a minute.
const BOOT: Duration = Duration::from_secs(120);

/// A host that was verified and runs needs no boot, but a participant may just have rebooted it.
pub(super) const REBOOT: Duration = Duration::from_secs(30);

impl Run {
    pub(super) fn place(&self) -> std::sync::MutexGuard<'_, Workplace> {
        // Every record is whole in itself, so a panic elsewhere leaves nothing half-written.
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long a host may take until it answers for the first time.
    pub(super) fn boot(&self) -> Duration {
        self.boot_patience.unwrap_or(BOOT)
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

    pub(super) async fn create_unreported(
        &self,
        name: &str,
        index: u16,
        action: Action,
        binds: Vec<(std::path::PathBuf, std::path::PathBuf)>,
    ) -> Result<Endpoint, Failure> {
        let changes = matches!(action, Action::Create | Action::Start);
        let spec = {
            let place = self.place();
            let host_key = if self.provider.gives_host_keys() {
                // Its own is made before the host, also where the host gets it later.
                let own = place.host_key(name).map_err(|error| Failure::new(&error))?;
                // A provider that keeps the key gets one that is good for nothing but our first visit.
                Some(
                    if self.provider.keeps_host_keys() && action == Action::Create {
                        let key = FirstKey::of(place.folder(), name).for_new_server();
                        key.map_err(|error| Failure::new(&error))?
                    } else {
                        own
                    },
                )
            } else {
                None
            };
            let host_key = host_key.map(|key| key.private_text()).transpose();
            HostSpec {
                name: name.to_owned(),
                index,
                host_key: host_key
                    .map_err(|error| Failure {
                        message: error.to_string(),
                        hint: None,
                    })?
                    .unwrap_or_default(),
                root_key: self.instructor.public_line(),
                // The builder is the instructor's and may use the machine.
                limits: if name == BUILDER {
                    HostLimits::default()
                } else {
                    HostLimits::of(&self.inventory.hosts.limits)
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

    pub(super) fn record(&self, event: Event) -> Result<(), Failure> {
        self.place()
            .record(event)
            .map_err(|error| Failure::new(&error))
    }

    pub(super) fn record_failure(
        &self,
        host: &str,
        effect: Effect,
        failure: &Failure,
    ) -> Result<(), Failure> {
        self.record(Event::Failed {
            host: host.to_owned(),
            effect,
            error: failure.line().to_owned(),
        })
    }

    /// Connects to the host; at the first visit its own key takes the place of the one that the provider knows.
    pub(super) async fn connect(
        &self,
        name: &str,
        address: Endpoint,
        patience: Duration,
    ) -> Result<Ssh, Trouble> {
        let trouble = |error: ContactError| Trouble {
            is_the_hosts: error.is_gone(),
            failure: Failure::new(&error),
        };
        let (target, visit) = {
            let place = self.place();
            let target = place.keys().root(name, address);
            let target = target.map_err(|error| Failure::new(&error))?;
            let visit = if self.provider.keeps_host_keys() {
                let own = place.host_key(name).map_err(|error| Failure::new(&error))?;
                Some((FirstKey::of(place.folder(), name), own))
            } else {
                None
            };
            (target, visit)
        };
        let login = self.instructor.private();
        match visit {
            Some((first, own)) => first_contact(&target, &first, &own, login, patience)
                .await
                .map_err(trouble),
            None => Ssh::connect_when_up(&target, login, patience)
                .await
                .map_err(|error| trouble(error.into())),
        }
    }

    pub(super) async fn configure(
        &self,
        host: PlannedHost,
        address: Result<Endpoint, Failure>,
        known: Option<Closure>,
        ring: &[(String, IpAddr)],
        mut pass: Pass,
    ) -> HostReport {
        let report = self.reporter(&host.name);
        let fingerprint = self
            .place()
            .keys()
            .find_host(&host.name)
            .ok()
            .flatten()
            .as_ref()
            .map(fingerprint)
            .unwrap_or_default();
        let result = match address.clone() {
            Ok(address) => {
                self.configure_at(&host, address, known, ring, &report, &mut pass)
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
        pass: &mut Pass,
    ) -> Result<Vec<(&'static str, StepResult)>, Failure> {
        let name = &host.name;
        let patience = if host.action == Action::Check {
            REBOOT
        } else {
            report.doing("booting");
            self.boot()
        };
        let attempt = async {
            let ssh = self
                .connect(name, address, patience)
                .await
                .map_err(|trouble| trouble.failure)?;
            let mut serving = None;
            // Where a builder's address is known only once there is one, what the hosts are told hangs on it.
            let moves = self.prepared.builder.is_none()
                && !self.builder_runs
                && self.hosts_cache().is_none();
            if known.is_none() || moves {
                report.doing("waiting for the closure");
                serving = Some(self.closure().await?);
            }
            let mut began = false;
            let (steps, results) = loop {
                let closure = serving
                    .as_ref()
                    .map(|serving: &Serving| serving.closure.clone());
                let Some(closure) = closure.or_else(|| known.clone()) else {
                    unreachable!("no closure is known, so the builder was asked");
                };
                let from = self.closure_from(serving.as_ref());
                let told = (self.builder_address(), from.clone());
                let steps = steps::host(&self.context(host, closure, ring, from));
                let seen = run::gather(name, &ssh, &steps, Limits::default())
                    .await
                    .map_err(|error| Failure::new(&error))?;
                if seen.iter().any(|seen| *seen != Seen::Satisfied) {
                    // The host may have to fetch from the builder: it must be there and serve. A named cache is asked,
                    // and a builder made in its place, only for who lacks the closure itself.
                    let lacks = (steps.iter().zip(&seen))
                        .any(|(step, seen)| step.id == "closure" && *seen != Seen::Satisfied);
                    if serving.is_none() && (lacks || self.hosts_cache().is_none()) {
                        report.doing("waiting for the closure");
                        serving = Some(self.closure().await?);
                    }
                    let from = self.closure_from(serving.as_ref());
                    if (self.builder_address(), from) != told {
                        // Another builder, elsewhere, or one in the place of the named cache.
                        continue;
                    }
                    pass.begin_work(|| report.doing("waiting for its turn"))
                        .await;
                    if !began {
                        began = true;
                        self.record(Event::Intent {
                            host: name.clone(),
                            effect: Effect::Configure,
                        })?;
                    }
                    report.doing("configuring");
                }
                match run::change(name, &ssh, &steps, &seen, report).await {
                    Ok(results) => break (steps, results),
                    // The builder or the cache may have died meanwhile, or what it gives out is spoiled.
                    Err(error) if error.step() == Some("closure") => {
                        let served = serving.as_ref();
                        let failure = Failure::new(&error);
                        let again = match served {
                            Some(served) => self.serving_again(served, name, &failure).await?,
                            None => None,
                        };
                        serving = Some(again.ok_or(failure)?);
                    }
                    Err(error) => return Err(Failure::new(&error)),
                }
            };
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
