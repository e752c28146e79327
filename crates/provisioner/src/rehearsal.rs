//! Runs the host's own rehearsal of its tasks, where nobody's work can be touched: in a mount namespace with copies
//! of the tree and empty folders in place of the participant's own.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::host::{Limits, Script, Ssh, SshError};
use crate::provision::ProvisionError;
use crate::room::{Condition, Seat, room};
use crate::state::{Keys, Role};
use crate::steps::TREE;

/// Why there is no rehearsal.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum RehearsalError {
    /// No inventory, state or such host.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Provision(#[from] ProvisionError),
    /// None was named, and none is free.
    #[error("there is no verified spare host to rehearse on")]
    #[diagnostic(help(
        "Ask for one in the inventory (`spare: 1` under hosts) and run `workshop provision`, or name a host: \
         `workshop rehearse WORD`. Nobody's work there is touched, but it is slower meanwhile."
    ))]
    NoSpare,
    /// The host is not there to be asked.
    #[error("{word} cannot rehearse: it {is}")]
    #[diagnostic(help("`workshop provision` makes or mends it."))]
    NotThere {
        /// The host.
        word: String,
        /// How it is.
        is: &'static str,
    },
    /// Talking to it failed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Ssh(#[from] SshError),
    /// The rehearsal as a whole did not come to its end.
    #[error("{word}: the rehearsal did not come to its end: {said}")]
    #[diagnostic(help(
        "Look with `workshop ssh {word}`; `workshop doctor` shows what is missing there."
    ))]
    Ended {
        /// The host.
        word: String,
        /// Its last lines.
        said: String,
    },
}

/// A full rehearsal builds fifty programs, each in ten seconds on two cores; a small server has one.
const DEADLINE: Duration = Duration::from_secs(2 * 60 * 60);

/// Runs `workshop rehearse --here` with these arguments, as the participant, on the named host or else on a spare,
/// and hands on each line that it prints. Returns the host's word.
///
/// # Errors
/// When there is no such host, it does not answer, or the rehearsal could not be brought to its end.
pub async fn rehearse(
    path: &Path,
    word: Option<&str>,
    arguments: &[String],
    on_line: impl FnMut(&str),
) -> Result<Seat, RehearsalError> {
    let seat = choose(room(path).await?, word)?;
    let keys = Keys::of(path);
    let instructor = keys.instructor().map_err(ProvisionError::from)?;
    let address = seat.address.ok_or_else(|| RehearsalError::NotThere {
        word: seat.word.clone(),
        is: "has no known address",
    })?;
    let target = keys
        .root(&seat.word, address)
        .map_err(ProvisionError::from)?;
    let key = Arc::clone(&instructor.private());
    let ssh = Ssh::connect(&target, key, Duration::from_secs(20)).await?;
    let limits = Limits {
        deadline: DEADLINE,
        ..Limits::default()
    };
    let ran = ssh.run_lines(&script(arguments), limits, on_line).await;
    ssh.close().await;
    let ran = ran?;
    // 1: something was misjudged, which its lines say.
    if matches!(ran.status, Some(0 | 1)) {
        return Ok(seat);
    }
    Err(RehearsalError::Ended {
        word: seat.word,
        said: ran.last_lines(5).join(" / "),
    })
}

fn choose(seats: Vec<Seat>, word: Option<&str>) -> Result<Seat, RehearsalError> {
    let Some(word) = word else {
        let mut spares = seats
            .into_iter()
            .filter(|seat| seat.role == Role::Spare && seat.condition == Condition::Verified);
        return spares.next().ok_or(RehearsalError::NoSpare);
    };
    let seat = seats
        .into_iter()
        .find(|seat| seat.word == word)
        .ok_or_else(|| ProvisionError::NoSuchHost { word: word.into() })?;
    let is = match (seat.role, seat.condition) {
        (Role::Builder, _) => "is the builder",
        (_, Condition::Absent) => "does not exist",
        (_, Condition::Stopped) => "is stopped",
        (_, Condition::Verified | Condition::Unfinished) => return Ok(seat),
    };
    Err(RehearsalError::NotThere {
        word: seat.word,
        is,
    })
}

fn script(arguments: &[String]) -> Script {
    let words: Vec<String> = arguments
        .iter()
        .map(|word| crate::host::script::quote(word))
        .collect();
    let line = format!("workshop rehearse --here --json {}", words.join(" "));
    let mut script = Script::default().with("tree", TREE).with("line", &line);
    script.push(SCRIPT);
    script
}

/// `tree` and `line` are set in front of it. The lock is held by everything that is started, so that a second
/// rehearsal never sweeps the folders of one that still goes on.
const SCRIPT: &str = r#"
set -eu
exec 9> /run/lock/workshop-rehearsal
flock -n 9 || { echo "another rehearsal goes on here" >&2; exit 75; }
place=/var/lib/workshop-rehearsal
home=$(getent passwd workshop | cut -d: -f6)
rm -rf --one-file-system "$place"
trap 'rm -rf --one-file-system "$place"; rmdir "$home/workshop" 2>/dev/null || true' EXIT
mkdir -m 0755 "$place"
install -d -o workshop -g workshop "$place/work" "$place/state"
runuser -u workshop -- mkdir -p "$home/workshop" "$home/.local/state"
cp -a --reflink=auto "$tree" "$place/tree"
export place home tree line
unshare --mount --propagation private sh -c '
  set -eu
  mount --bind "$place/tree" "$tree"
  mount --bind "$place/work" "$home/workshop"
  mount --bind "$place/state" "$home/.local/state"
  exec runuser -l workshop -c "$line"
' < /dev/null
"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(word: &str, role: Role, condition: Condition) -> Seat {
        Seat {
            word: word.into(),
            role,
            identity: word.into(),
            address: None,
            condition,
            unfinished: None,
            failure: None,
            powered_off: None,
            billed: false,
            spent: None,
        }
    }

    #[test]
    fn a_spare_is_taken_when_none_is_named() {
        let room = || {
            vec![
                seat("ada", Role::Participant, Condition::Verified),
                seat("broken", Role::Spare, Condition::Unfinished),
                seat("free", Role::Spare, Condition::Verified),
                seat("off", Role::Spare, Condition::Stopped),
                seat("builder", Role::Builder, Condition::Verified),
            ]
        };
        assert_eq!(choose(room(), None).unwrap().word, "free");
        assert_eq!(choose(room(), Some("ada")).unwrap().word, "ada");
        let says = |word| choose(room(), Some(word)).unwrap_err().to_string();
        assert_eq!(says("off"), "off cannot rehearse: it is stopped");
        assert_eq!(
            says("builder"),
            "builder cannot rehearse: it is the builder"
        );
        assert_eq!(says("zoo"), "no host of this workshop is called `zoo`");
        let none = choose(vec![], None).unwrap_err();
        assert!(matches!(none, RehearsalError::NoSpare));
    }

    #[test]
    fn arguments_stay_words() {
        let script = script(&["--solution".into(), "a b'c".into()]);
        let said = std::process::Command::new("sh")
            .arg("-c")
            .arg(format!(
                "{}eval \"set -- $line\"; printf '%s|' \"$@\"",
                script.text().split("\nset -eu").next().unwrap().to_owned() + "\n"
            ))
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8_lossy(&said.stdout),
            "workshop|rehearse|--here|--json|--solution|a b'c|"
        );
    }
}
