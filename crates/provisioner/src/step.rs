//! A remote step is data: a fact to look at and a change that makes it so.
//!
//! All facts of a host are gathered in one round trip. Whatever is not satisfied is changed in a second
//! one, each change followed by a second look at its own fact: a change that did not help is an error.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::host::Script;
use crate::host::script::quote;

/// One thing that must be so on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Names the step in events, errors and plans.
    pub id: &'static str,
    /// Files that must be there, with their content; the fact covers them.
    pub files: Vec<HostFile>,
    /// Shell that exits 0 when all is as it should be. Files are looked at before it.
    pub fact: Script,
    /// Shell that makes it so; the files are in place when it runs.
    pub change: Script,
}

/// A file that must be there as given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostFile {
    /// Absolute; ours, without blanks.
    pub path: String,
    /// Permission bits, as in 0o644.
    pub mode: u32,
    /// `user:group`.
    pub owner: &'static str,
    /// The whole content.
    pub content: Vec<u8>,
}

impl HostFile {
    /// A file of root's that everybody may read.
    pub fn public(path: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        Self {
            path: path.into(),
            mode: 0o644,
            owner: "root:root",
            content: content.into(),
        }
    }

    fn sum(&self) -> String {
        Sha256::digest(&self.content)
            .iter()
            .fold(String::new(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            })
    }
}

impl Step {
    /// A step that is nothing but files.
    pub fn files(id: &'static str, files: Vec<HostFile>) -> Self {
        Self {
            id,
            files,
            fact: Script::new("true"),
            change: Script::new("true"),
        }
    }
}

/// What the host said of one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// As it should be.
    Satisfied,
    /// Not yet; what the fact printed.
    Unsatisfied(String),
}

/// What changing one step came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// Changed, and the second look found it so.
    Yes,
    /// The change or the second look failed.
    No {
        /// The exit status.
        status: i32,
        /// Whether the change itself was fine and only the second look was not.
        second_look: bool,
        /// The last lines it printed.
        tail: Vec<String>,
    },
}

/// How many lines of a failing command an error shows; colmena's number.
pub const TAIL: usize = 20;

/// What starts each of our own lines in a script's output. A fresh `nonce` a run keeps a step's own
/// output from being taken for ours.
fn marker(nonce: &str) -> String {
    format!("@workshop-{nonce}")
}

/// Functions of every script. One `stat` and one `sha256sum` look at all files of all steps.
const PRELUDE: &str = r#"
nl='
'
look() {
  # Without a file sha256sum would read standard input, and that is this script.
  [ -n "$paths" ] || return 0
  stats=$(stat -c '%n|%a|%U:%G|%F' -- $paths 2>/dev/null)
  sums=$(sha256sum -- $paths 2>/dev/null)
}
# file_is PATH MODE OWNER SUM
file_is() {
  case "$nl$stats$nl" in *"$nl$1|$2|$3|regular file$nl"*|*"$nl$1|$2|$3|regular empty file$nl"*) ;;
    *) echo "$1 is missing, or not $3 with mode $2"; return 1 ;; esac
  case "$nl$sums$nl" in *"$nl$4  $1$nl"*) ;; *) echo "$1 has another content"; return 1 ;; esac
}
# put_file PATH MODE OWNER, content in base64 on standard input: whole or not at all
put_file() {
  mkdir -p "$(dirname "$1")" && base64 -d > "$1.workshop-new" && chown "$3" "$1.workshop-new" &&
    chmod "$2" "$1.workshop-new" && mv -fT "$1.workshop-new" "$1"
}
"#;

/// The script that gathers the facts of `steps`, and nothing else.
pub fn gather(steps: &[Step], nonce: &str) -> Script {
    let mut script = start(steps.iter(), nonce);
    script.push("look");
    for step in steps {
        script.push(&format!("fact_{} 2>&1 </dev/null", function(step.id)));
        script.push(&format!(
            "printf '\\n%s %s %s\\n' \"$marker\" {} $?",
            quote(step.id)
        ));
    }
    script
}

/// The script that changes `steps` in order and looks at each again; it ends at the first that fails.
/// What has become satisfied since the facts were gathered is left alone.
pub fn change(steps: &[&Step], nonce: &str) -> Script {
    let mut script = start(steps.iter().copied(), nonce);
    for step in steps {
        let name = function(step.id);
        let mut body = format!("change_{name}() {{\nset -e\n");
        for file in &step.files {
            use base64::Engine as _;
            let content = base64::engine::general_purpose::STANDARD.encode(&file.content);
            let _ = writeln!(
                body,
                "put_file {} {:o} {} <<'END_OF_FILE'\n{content}\nEND_OF_FILE",
                quote(&file.path),
                file.mode,
                file.owner
            );
        }
        body.push_str(step.change.text());
        body.push_str("}\n");
        script.push(&body);
        script.push(&format!(
            "printf '%s begin %s\\n' \"$marker\" {id}\n\
             s=0; l=0; look\n\
             fact_{name} >/dev/null 2>&1 </dev/null || {{\n\
             (change_{name}) 2>&1 </dev/null; s=$?\n\
             [ $s != 0 ] || {{ look; fact_{name} 2>&1 </dev/null; l=$?; }}\n\
             }}\n\
             printf '\\n%s end %s %s %s\\n' \"$marker\" {id} $s $l\n\
             [ $s$l = 00 ] || exit 0",
            id = quote(step.id),
        ));
    }
    script
}

fn start<'a>(steps: impl Iterator<Item = &'a Step> + Clone, nonce: &str) -> Script {
    let paths: Vec<&str> = steps
        .clone()
        .flat_map(|s| &s.files)
        .map(|f| f.path.as_str())
        .collect();
    let mut script = Script::default()
        .with("marker", &marker(nonce))
        .with("paths", &paths.join(" "));
    // sshd gives a short PATH to commands that no shell profile was read for.
    script
        .push("export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    script.push(PRELUDE);
    for step in steps {
        // A subshell: the variables of one step never reach another.
        let mut body = format!("fact_{}() (\n", function(step.id));
        for file in &step.files {
            let _ = writeln!(
                body,
                "file_is {} {:o} {} {} || exit 1",
                quote(&file.path),
                file.mode,
                file.owner,
                file.sum()
            );
        }
        body.push_str(step.fact.text());
        body.push_str(")\n");
        script.push(&body);
    }
    script
}

fn function(id: &str) -> String {
    id.replace(|c: char| !c.is_ascii_alphanumeric(), "_")
}

/// Reads what [`gather`] printed. `None` when the host did not answer for every step.
pub fn read_gathered(steps: &[Step], nonce: &str, text: &str) -> Option<Vec<Seen>> {
    let marker = marker(nonce);
    let mut seen = Vec::new();
    let mut printed = Vec::new();
    let mut expected = steps.iter();
    for line in text.lines() {
        let Some(rest) = line.strip_prefix(&marker) else {
            printed.push(line);
            continue;
        };
        let (id, status) = rest.trim().rsplit_once(' ')?;
        if expected.next()?.id != id {
            return None;
        }
        seen.push(match status {
            "0" => Seen::Satisfied,
            _ => Seen::Unsatisfied(printed.join("\n").trim().to_owned()),
        });
        printed.clear();
    }
    (seen.len() == steps.len()).then_some(seen)
}

/// One of our own lines in what [`change`] prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A step's change begins.
    Begin(String),
    /// A step's change and second look ended with these statuses.
    End(String, i32, i32),
}

/// Whether `line` is one of ours.
pub fn read_mark(nonce: &str, line: &str) -> Option<Mark> {
    let rest = line.strip_prefix(&marker(nonce))?.trim();
    if let Some(id) = rest.strip_prefix("begin ") {
        return Some(Mark::Begin(id.to_owned()));
    }
    let mut words = rest.strip_prefix("end ")?.rsplitn(3, ' ');
    let look = words.next()?.parse().ok()?;
    let status = words.next()?.parse().ok()?;
    Some(Mark::End(words.next()?.to_owned(), status, look))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    /// Runs a script with the real shell.
    fn sh(script: &Script) -> String {
        let mut child = Command::new("sh")
            .arg("-s")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(script.text().as_bytes())
            .unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
    }

    /// Who runs the tests owns the files that the tests make.
    fn me() -> &'static str {
        let output = Command::new("sh")
            .args(["-c", "printf %s $(id -un):$(id -gn)"])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().leak()
    }

    fn step(id: &'static str, fact: &str, change: &str) -> Step {
        Step {
            id,
            files: vec![],
            fact: Script::new(fact),
            change: Script::new(change),
        }
    }

    fn changed(steps: &[&Step]) -> Vec<Mark> {
        sh(&change(steps, "n"))
            .lines()
            .filter_map(|line| read_mark("n", line))
            .collect()
    }

    #[test]
    fn facts_are_told_apart_whatever_they_print() {
        let steps = [
            step(
                "first one",
                "echo '@workshop-other first one 0'; exit 3",
                "",
            ),
            step("second", "printf 'no end of line'", ""),
            step("the third's", "cat; exit 1", ""),
        ];
        let seen = read_gathered(&steps, "n", &sh(&gather(&steps, "n"))).unwrap();
        assert_eq!(
            seen,
            [
                Seen::Unsatisfied("@workshop-other first one 0".into()),
                Seen::Satisfied,
                Seen::Unsatisfied(String::new())
            ]
        );
    }

    #[test]
    fn a_script_longer_than_the_shells_buffer_is_not_read_by_its_own_commands() {
        let long = format!("true # {}", "x".repeat(100_000));
        let steps = [step("a", "true", ""), step("b", &long, "")];
        let seen = read_gathered(&steps, "n", &sh(&gather(&steps, "n")));
        assert_eq!(seen, Some(vec![Seen::Satisfied, Seen::Satisfied]));
    }

    #[test]
    fn a_host_that_answers_for_fewer_steps_is_no_answer() {
        let steps = [step("a", "true", ""), step("b", "true", "")];
        assert_eq!(read_gathered(&steps, "n", "\n@workshop-n a 0\n"), None);
        assert_eq!(
            read_gathered(&steps, "n", "\n@workshop-n b 0\n@workshop-n a 0\n"),
            None
        );
    }

    #[test]
    fn a_file_is_changed_once_and_then_satisfied() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sub/conf").display().to_string();
        let file = HostFile {
            path: path.clone(),
            mode: 0o640,
            owner: me(),
            content: b"it's $HOME\n".to_vec(),
        };
        let steps = [Step::files("conf", vec![file])];

        let before = read_gathered(&steps, "n", &sh(&gather(&steps, "n"))).unwrap();
        assert!(matches!(&before[0], Seen::Unsatisfied(why) if why.contains("is missing")));
        assert_eq!(
            changed(&[&steps[0]]),
            [Mark::Begin("conf".into()), Mark::End("conf".into(), 0, 0)]
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "it's $HOME\n");
        assert_eq!(
            read_gathered(&steps, "n", &sh(&gather(&steps, "n"))).unwrap(),
            [Seen::Satisfied]
        );

        std::fs::write(&path, "edited").unwrap();
        let after = read_gathered(&steps, "n", &sh(&gather(&steps, "n"))).unwrap();
        assert!(matches!(&after[0], Seen::Unsatisfied(why) if why.contains("another content")));
    }

    #[test]
    fn what_is_satisfied_by_now_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("changed").display().to_string();
        let done = step("done", "echo fine", &format!("touch {path}"));
        assert_eq!(
            changed(&[&done]),
            [Mark::Begin("done".into()), Mark::End("done".into(), 0, 0)]
        );
        assert!(!std::path::Path::new(&path).exists());
    }

    #[test]
    fn a_change_that_fails_or_does_not_help_ends_the_run() {
        let fails = step("fail's", "false", "echo why; false; echo not reached");
        let useless = step("useless", "exit 4", "true");
        let never = step("never", "false", "true");
        assert_eq!(
            changed(&[&fails, &never]),
            [
                Mark::Begin("fail's".into()),
                Mark::End("fail's".into(), 1, 0)
            ]
        );
        assert_eq!(
            changed(&[&useless, &never]),
            [
                Mark::Begin("useless".into()),
                Mark::End("useless".into(), 0, 4)
            ]
        );
        assert!(!sh(&change(&[&fails], "n")).contains("not reached"));
    }
}
