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
    /// No source.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Source(#[from] SourceError),
    /// No cache.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Cache(#[from] CacheError),
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
