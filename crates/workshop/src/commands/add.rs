//! `workshop add`: judges a person's key and puts both into the inventory; with `--dry-run`, only judges.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use miette::{Diagnostic as _, IntoDiagnostic as _};
use provisioner::inventory::edit::{self, Addition, Change, Written};
use provisioner::participants::{
    MAX_FILE, PublicKey, Refusal, Verdict, is_inline, judge_bytes, judge_file,
};
use serde::Serialize;

use crate::cli::{Outcome, Result};
use crate::output::Output;

/// Stands for standard input.
const STDIN: &str = "-";

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  workshop add \"Ada Lovelace\" --key ada.pub
  pbpaste | workshop add \"Ada Lovelace\" --key -
  workshop add --folder keys/
  workshop add --dry-run inbox/*")]
pub(crate) struct Args {
    /// The person's name; with --dry-run, key files to judge (`-` is standard input).
    #[arg(value_name = "NAME|FILE", required_unless_present = "folder")]
    names: Vec<String>,

    /// The key: a file, `-` for standard input, or the key itself.
    #[arg(long, value_name = "FILE|KEY", required_unless_present_any = ["folder", "dry_run"])]
    key: Option<String>,

    /// One to four letters; made from the name when missing.
    #[arg(long, value_name = "LETTERS", requires = "key")]
    initials: Option<String>,

    /// Add everybody whose key lies in this folder as NAME.pub.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["names", "key", "dry_run"])]
    folder: Option<PathBuf>,

    /// Only judge the files: exit 0 when every key is accepted, else 1. Nothing is written.
    #[arg(long, conflicts_with = "key")]
    dry_run: bool,

    /// The inventory to add to.
    #[arg(long, default_value = "inventory.yaml", value_name = "PATH")]
    inventory: PathBuf,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result {
    if args.dry_run {
        return dry_run(&args.names, output);
    }
    if let Some(folder) = &args.folder {
        let addition = Addition::Folder {
            folder: folder.clone(),
        };
        return add(&args.inventory, &addition, None, output);
    }
    // clap made sure that one of the three is there.
    let Some(key) = &args.key else {
        return Ok(Outcome::No);
    };
    let judged = judge(key)?;
    let Some(public) = judged.verdict.key().cloned() else {
        return refused(&args.inventory, &judged, output);
    };
    let addition = Addition::Person {
        // An unquoted `workshop add Ada Lovelace --key …` means one person.
        name: args.names.join(" "),
        initials: args.initials.clone(),
        key: public,
        written: judged.written.clone(),
    };
    add(&args.inventory, &addition, Some(&judged), output)
}

/// A key and how it came.
struct Judged {
    /// As it was named; never a key itself.
    named: String,
    written: Written,
    verdict: Verdict,
}

fn judge(named: &str) -> miette::Result<Judged> {
    // A key on the command line, perhaps a private one, is never repeated.
    let (shown, written, verdict) = if named == STDIN {
        let mut bytes = Vec::new();
        std::io::stdin()
            .lock()
            .take(MAX_FILE as u64 + 1)
            .read_to_end(&mut bytes)
            .into_diagnostic()?;
        ("standard input", Written::Inline, judge_bytes(&bytes))
    } else if is_inline(named) {
        let verdict = judge_bytes(named.as_bytes());
        ("the key given", Written::Inline, verdict)
    } else {
        let path = Path::new(named);
        (named, Written::File(path.to_owned()), judge_file(path))
    };
    Ok(Judged {
        named: shown.to_owned(),
        written,
        verdict,
    })
}

/// What is said about one file, for people and as JSON.
#[derive(Serialize)]
struct FileReport {
    file: String,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cleaned: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl FileReport {
    fn new(judged: &Judged) -> Self {
        let key = judged.verdict.key();
        let refusal = match &judged.verdict {
            Verdict::Refused(refusal) => Some(refusal),
            Verdict::Accepted { .. } | Verdict::Cleaned { .. } => None,
        };
        Self {
            file: judged.named.clone(),
            verdict: match judged.verdict {
                Verdict::Accepted { .. } => "accepted",
                Verdict::Cleaned { .. } => "cleaned",
                Verdict::Refused(_) => "refused",
            },
            fingerprint: key.map(PublicKey::fingerprint),
            comment: key
                .map(|key| key.comment().to_owned())
                .filter(|comment| !comment.is_empty()),
            cleaned: judged
                .verdict
                .cleanings()
                .iter()
                .map(ToString::to_string)
                .collect(),
            reason: refusal.map(reason),
            hint: refusal.and_then(|refusal| refusal.help().map(|help| help.to_string())),
        }
    }

    fn text(&self) -> String {
        let mut text = match (&self.reason, self.cleaned.as_slice()) {
            (Some(reason), _) => format!("{}: refused: {reason}\n", self.file),
            (None, []) => format!("{}: accepted\n", self.file),
            (None, some) => format!(
                "{}: accepted after cleaning: {}\n",
                self.file,
                some.join(", ")
            ),
        };
        if let Some(fingerprint) = &self.fingerprint {
            let comment = self.comment.as_deref().unwrap_or_default();
            text.push_str(format!("  {fingerprint} {comment}").trim_end());
            text.push('\n');
        }
        if let Some(hint) = &self.hint {
            text.push_str(&format!("  hint: {hint}\n"));
        }
        text
    }
}

/// The reason, with the system's own where there is one.
fn reason(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Unreadable { source, .. } => format!("{refusal} ({source})"),
        other => other.to_string(),
    }
}

#[derive(Serialize)]
struct DryRun {
    accepted: bool,
    files: Vec<FileReport>,
}

fn dry_run(files: &[String], output: &Output) -> Result {
    let mut seen: Vec<(PublicKey, String)> = Vec::new();
    let mut reports = Vec::new();
    for file in files {
        let mut judged = judge(file)?;
        if let Some(key) = judged.verdict.key().cloned() {
            match seen.iter().find(|(other, _)| *other == key) {
                // Two people's files with one key; the same file named twice is one person's.
                Some((_, other)) if *other != judged.named => {
                    let other = other.clone();
                    judged.verdict = Verdict::Refused(Refusal::SameKey { other });
                }
                Some(_) => {}
                None => seen.push((key, judged.named.clone())),
            }
        }
        reports.push(FileReport::new(&judged));
    }
    let accepted = reports.iter().all(|report| report.reason.is_none());
    let document = DryRun {
        accepted,
        files: reports,
    };
    if output.json() {
        output.document("add", &document)?;
    } else {
        output.text(
            &document
                .files
                .iter()
                .map(FileReport::text)
                .collect::<String>(),
        )?;
    }
    Ok(if accepted { Outcome::Yes } else { Outcome::No })
}

#[derive(Serialize)]
struct AddReport {
    inventory: String,
    added: Vec<Person>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<FileReport>,
}

#[derive(Serialize)]
struct Person {
    name: String,
    initials: String,
    fingerprint: String,
}

fn add(inventory: &Path, addition: &Addition, judged: Option<&Judged>, output: &Output) -> Result {
    let change = edit::add(inventory, addition)?;
    let path = inventory.display().to_string();
    let people = match &change {
        Change::Added { people, .. } => people.as_slice(),
        Change::Nothing => &[],
    };
    if output.json() {
        let added = people.iter().map(|person| Person {
            name: person.name.clone(),
            initials: person.initials.clone(),
            fingerprint: person.key.fingerprint(),
        });
        output.document(
            "add",
            &AddReport {
                inventory: path,
                added: added.collect(),
                key: judged.map(FileReport::new),
            },
        )?;
        return Ok(Outcome::Yes);
    }
    let mut text = String::new();
    if let Some(judged) = judged {
        text.push_str(&FileReport::new(judged).text());
    }
    match &change {
        Change::Nothing => text.push_str(&format!("{path}: nothing to do, it says so already\n")),
        Change::Added { people, written } => {
            for person in people {
                text.push_str(&format!(
                    "{path}: added {} ({}), {}\n",
                    person.name,
                    person.initials,
                    person.key.fingerprint()
                ));
            }
            if let (
                Addition::Person {
                    written: Written::File(file),
                    ..
                },
                true,
            ) = (addition, is_inline(written))
            {
                text.push_str(&format!(
                    "  the key itself was written: {} does not lie beside the inventory\n",
                    file.display()
                ));
            }
        }
    }
    output.text(&text)?;
    Ok(Outcome::Yes)
}

fn refused(inventory: &Path, judged: &Judged, output: &Output) -> Result {
    let report = FileReport::new(judged);
    if output.json() {
        output.document(
            "add",
            &AddReport {
                inventory: inventory.display().to_string(),
                added: Vec::new(),
                key: Some(report),
            },
        )?;
    } else {
        output.text(&report.text())?;
    }
    Ok(Outcome::No)
}
