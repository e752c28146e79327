//! Why a run as a whole cannot begin or go on.

use crate::cloud::CloudError;
use crate::inventory::ProviderKind;
use crate::nix::cache::CacheError;
use crate::nix::source::SourceError;
use crate::plan::PlanError;
use crate::state::WorkplaceError;

/// The run as a whole could not begin or go on. What fails on one host is in its report instead.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ProvisionError {
    /// State, lock or keys.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Workplace(#[from] WorkplaceError),
    /// The provider.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Cloud(#[from] CloudError),
    /// Hosts of one workshop come from one place.
    #[error("this workshop's hosts are of the provider `{is}`, and the inventory says `{wanted}`")]
    #[diagnostic(help(
        "Write `provider: {is}` again, or take the hosts down first: `workshop destroy`."
    ))]
    OtherProvider {
        /// Where they are.
        is: ProviderKind,
        /// Where the inventory wants them.
        wanted: ProviderKind,
    },
    /// No plan.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Plan(#[from] PlanError),
    /// Too expensive.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Cost(#[from] crate::cost::OverLimit),
    /// No source.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Source(#[from] SourceError),
    /// No cache.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Cache(#[from] CacheError),
    /// No export.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Export(#[from] crate::nix::export::ExportError),
    /// No named cache.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Named(#[from] crate::nix::named::NamedError),
    /// Two keys of one name.
    #[error(
        "the key of `bitcoin.cache` and that of this machine's own cache are both called `{name}`, and are two keys"
    )]
    #[diagnostic(help(
        "Nix tells keys apart by their names. If nothing depends on your own cache any more, remove {} and let it be made anew.",
        cache.display()
    ))]
    CacheKeyName {
        /// Their name.
        name: String,
        /// The folder of this machine's own.
        cache: std::path::PathBuf,
    },
    /// `--only` names no host of the plan.
    #[error("no host of this workshop is called `{word}`")]
    #[diagnostic(help("`workshop status` lists them."))]
    NoSuchHost {
        /// The word that was given.
        word: String,
    },
    /// Nothing can be collected.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Collect(Box<crate::collect::CollectError>),
    /// It has a word and does not exist.
    #[error("{word} does not exist, so it cannot be woken")]
    #[diagnostic(help("`workshop provision` makes it."))]
    NotMade {
        /// The word that was given.
        word: String,
    },
    /// Hosts would power themselves off at once.
    #[error("the deadline is over: {deadline}")]
    #[diagnostic(help(
        "Move `workshop.deadline` and run `workshop provision`, which also starts hosts that are off; `provision` and `rebuild` with --after-deadline make hosts that stay on until you destroy them. No longer needed? `workshop destroy`: a stopped server still costs."
    ))]
    AfterDeadline {
        /// As people read it.
        deadline: String,
    },
    /// The builder is no participant's host.
    #[error("the builder is not woken by hand")]
    #[diagnostic(help("`workshop provision` starts it when some host needs it."))]
    BuilderWakesItself,
    /// Files for OpenSSH could not be written.
    #[error("cannot write the files for ssh")]
    SshFiles {
        /// Why not.
        source: std::io::Error,
    },
}

impl ProvisionError {
    /// Nothing before the deadline; for what would make hosts that power themselves off at once.
    ///
    /// # Errors
    /// [`ProvisionError::AfterDeadline`].
    pub fn unless_over(
        inventory: &crate::inventory::Inventory,
        now: jiff::Timestamp,
    ) -> Result<(), Self> {
        if !inventory.workshop.is_over(now) {
            return Ok(());
        }
        Err(Self::AfterDeadline {
            deadline: inventory.workshop.deadline_text().unwrap_or_default(),
        })
    }
}

impl From<crate::state::JournalError> for ProvisionError {
    fn from(error: crate::state::JournalError) -> Self {
        Self::Workplace(error.into())
    }
}

impl From<crate::host::keys::KeyFileError> for ProvisionError {
    fn from(error: crate::host::keys::KeyFileError) -> Self {
        Self::Workplace(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Failure;
    use super::*;
    use crate::inventory::Inventory;

    #[test]
    fn a_deadline_that_is_over_is_told_with_the_ways_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inventory.yaml");
        let key =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILbbuaIHYQLfSUrj8NTzormAiISgPhuRPNFReXH/qcTW";
        let text = format!(
            "workshop: {{name: W, deadline: 2027-02-21T20:00:00+01:00}}\nparticipants: [{{name: Ada, key: {key}}}]\n"
        );
        std::fs::write(&path, text).unwrap();
        let inventory = Inventory::load(&path).unwrap().inventory;
        let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
        let told = |now| {
            ProvisionError::unless_over(&inventory, at(now)).map_err(|error| {
                let failure = Failure::new(&error);
                format!(
                    "{}\nhint: {}",
                    failure.message,
                    failure.hint.unwrap_or_default()
                )
            })
        };
        assert_eq!(told("2027-02-21T18:59:59Z"), Ok(()));
        insta::assert_snapshot!(told("2027-02-21T19:00:00Z").unwrap_err());
    }
}
