//! The section `participants`: people, their keys, and that no two can be taken for one another.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::fields::{FOLDER, PARTICIPANT};
use super::naming;
use super::problem::Report;
use super::read::{Fields, Text, shown};
use super::tree::{Kind, Node};
use super::types::Participant;
use super::values::Bad;
use super::{Place, resolve};
use crate::participants::{self, PublicKey, Refusal, Verdict, private};

/// More entries than this are not a folder of keys, but a home folder or a disk.
const MAX_ENTRIES: usize = 4096;

const RENAME: &str = "rename the file: it gives the participant's name";

/// A participant as far as it could be read: what is wrong in one field hides no problem of another.
#[derive(Default)]
struct Draft {
    name: Option<(String, Place)>,
    initials: Option<String>,
    key: Option<(PublicKey, Place)>,
}

/// Reads all entries; the people in it are whole only if no problem was reported.
pub(super) fn participants(
    node: Option<&Node>,
    folder: &Path,
    report: &mut Report,
) -> Vec<Participant> {
    let mut drafts = Vec::new();
    match node.map(|node| (&node.kind, &node.span)) {
        None | Some((Kind::Null, _)) => {}
        Some((Kind::List(entries), _)) => {
            for entry in entries {
                read_entry(entry, folder, &mut drafts, report);
            }
        }
        Some((other, span)) => report.problem(
            span,
            format!("`participants` is a list, and this is {}", other.describe()),
            "begin each person with a dash: `- {name: Ada Lovelace, key: keys/ada.pub}`",
        ),
    }
    check_names(&drafts, report);
    check_keys(&drafts, report);
    check_initials(&drafts, report);
    drafts
        .into_iter()
        .filter_map(|draft| {
            Some(Participant {
                name: draft.name?.0,
                initials: draft.initials?,
                key: draft.key?.0,
            })
        })
        .collect()
}

fn read_entry(entry: &Node, folder: &Path, drafts: &mut Vec<Draft>, report: &mut Report) {
    let is_folder = |key: &Node| matches!(&key.kind, Kind::Scalar(name) if name == "folder");
    match &entry.kind {
        Kind::Map(pairs) if pairs.iter().any(|(key, _)| is_folder(key)) => {
            let fields = FOLDER.read(Some(entry), &entry.span, report);
            if let Some(path) = fields.text("folder", report) {
                read_folder(&path, folder, drafts, report);
            }
        }
        Kind::Map(_) => drafts.push(read_person(entry, folder, report)),
        other => report.problem(
            &entry.span,
            format!("a participant has a name and a key, and this is {}", other.describe()),
            "write `- {name: Ada Lovelace, key: keys/ada.pub}`, or `- {folder: keys/}` for every key of a folder",
        ),
    }
}

fn read_person(entry: &Node, folder: &Path, report: &mut Report) -> Draft {
    let fields = PARTICIPANT.read(Some(entry), &entry.span, report);
    let mut draft = Draft::default();
    if let Some(Text { text, span }) = fields.text("name", report) {
        match naming::person_name(text) {
            Ok(name) => draft.name = Some((name, span)),
            Err(Bad { message, help }) => report.problem(&span, message, help),
        }
    }
    draft.initials = initials(&fields, draft.name.as_ref(), report);
    if let Some(written) = fields.text("key", report) {
        let key = if participants::is_inline(written.text) {
            judge_inline(&written, report)
        } else {
            let path = resolve(written.text, folder);
            judge(&path, written.text.trim(), &written.span, report)
        };
        draft.key = key.map(|key| (key, written.span));
    }
    draft
}

fn initials(
    fields: &Fields<'_>,
    name: Option<&(String, Place)>,
    report: &mut Report,
) -> Option<String> {
    let (initials, span) = match fields.text("initials", report) {
        Some(Text { text, span }) => (naming::initials(text), span),
        // What is not one value was reported.
        None if fields.value("initials").is_some() => return None,
        None => {
            let (name, span) = name?;
            (naming::initials_of(name), span.clone())
        }
    };
    match initials {
        Ok(initials) => Some(initials),
        Err(Bad { message, help }) => {
            report.problem(&span, message, help);
            None
        }
    }
}

fn judge_inline(written: &Text<'_>, report: &mut Report) -> Option<PublicKey> {
    let verdict = participants::judge_bytes(written.text.as_bytes());
    if matches!(verdict, Verdict::Refused(Refusal::PrivateKey)) {
        report.hide(&written.span);
    }
    settle(verdict, None, &written.span, report)
}

fn judge(path: &Path, named: &str, span: &Place, report: &mut Report) -> Option<PublicKey> {
    let what = format!("`{}`", shown(named));
    settle(participants::judge_file(path), Some(&what), span, report)
}

/// Turns a verdict into a key, and what is to be said about it into findings.
fn settle(
    verdict: Verdict,
    what: Option<&str>,
    span: &Place,
    report: &mut Report,
) -> Option<PublicKey> {
    match verdict {
        Verdict::Accepted { key } => Some(key),
        Verdict::Cleaned { key, cleanings } => {
            let cleanings: Vec<String> = cleanings.iter().map(ToString::to_string).collect();
            report.remark(
                span,
                format!(
                    "{} was cleaned: {}",
                    what.unwrap_or("the key"),
                    cleanings.join(", ")
                ),
                format!(
                    "its owner can compare the fingerprint: {}",
                    key.fingerprint()
                ),
            );
            Some(key)
        }
        Verdict::Refused(refusal) => {
            refuse(&refusal, what, span, report);
            None
        }
    }
}

fn refuse(refusal: &Refusal, what: Option<&str>, span: &Place, report: &mut Report) {
    let cause = match refusal {
        Refusal::Unreadable { source, .. } => format!(" ({source})"),
        _ => String::new(),
    };
    let help = miette::Diagnostic::help(refusal).map(|help| help.to_string());
    // A key that stands in the inventory itself is shown beside the message.
    let what = what.map(|what| format!("{what}: ")).unwrap_or_default();
    report.problem(
        span,
        format!("{what}{refusal}{cause}"),
        help.unwrap_or_default(),
    );
}

/// One participant for each `*.pub` of a folder, in the order of the files' names.
fn read_folder(written: &Text<'_>, base: &Path, drafts: &mut Vec<Draft>, report: &mut Report) {
    let folder = resolve(written.text, base);
    let files = match list(&folder) {
        Ok(files) => files,
        Err((message, help)) => {
            report.problem(
                &written.span,
                format!("`{}`: {message}", shown(written.text)),
                help,
            );
            return;
        }
    };
    let mut is_empty = true;
    for path in files {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            report.problem(
                &written.span,
                format!(
                    "`{}` has a file whose name is not UTF-8: {}",
                    shown(written.text),
                    shown(&path.to_string_lossy())
                ),
                RENAME,
            );
            continue;
        };
        // macOS and editors leave such files; `._ada.pub` is none of a person's.
        if name.starts_with('.') {
            continue;
        }
        let Some(stem) = name.strip_suffix(".pub") else {
            look_for_secrets(&path, name, &written.span, report);
            continue;
        };
        is_empty = false;
        let mut draft = Draft::default();
        match naming::person_name(&stem.replace(['-', '_', '.'], " ")) {
            Ok(person) => {
                match naming::initials_of(&person) {
                    Ok(initials) => draft.initials = Some(initials),
                    Err(Bad { message, .. }) => {
                        report.problem(
                            &written.span,
                            format!("`{}`: {message}", shown(name)),
                            RENAME,
                        );
                    }
                }
                draft.name = Some((person, written.span.clone()));
            }
            Err(Bad { message, .. }) => report.problem(
                &written.span,
                format!("`{}`: {message}", shown(name)),
                RENAME,
            ),
        }
        let key = judge(&path, name, &written.span, report);
        draft.key = key.map(|key| (key, written.span.clone()));
        drafts.push(draft);
    }
    if is_empty {
        report.problem(
            &written.span,
            format!(
                "`{}`: no file of the folder ends in `.pub`",
                shown(written.text)
            ),
            "put one file for each person there, such as ada-lovelace.pub",
        );
    }
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, (String, &'static str)> {
    let metadata = fs::metadata(folder).map_err(|error| {
        (
            error.to_string(),
            "check the spelling; paths begin at the inventory's own folder",
        )
    })?;
    if !metadata.is_dir() {
        return Err((
            "this is not a folder".to_owned(),
            "a single file goes behind `key:`, with a `name:`",
        ));
    }
    let unreadable = |error: io::Error| (error.to_string(), "check the permissions of the folder");
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if files.len() == MAX_ENTRIES {
            return Err((
                format!("it has more than {MAX_ENTRIES} entries"),
                "name a folder that holds the participants' keys and nothing else",
            ));
        }
        files.push(path);
    }
    files.sort();
    Ok(files)
}

/// A private key that lies beside the public ones is worth saying loudly, though it is not used.
fn look_for_secrets(path: &Path, name: &str, span: &Place, report: &mut Report) {
    let bytes = participants::read_file(path).unwrap_or_default();
    if private::is_private(&bytes) {
        report.remark(
            span,
            format!("`{}` in that folder is a PRIVATE key", shown(name)),
            "it is not used. If somebody sent it to you, it must be thrown away and a new pair made; if it is your own, it does not belong among the participants' keys",
        );
    }
}

fn check_names(drafts: &[Draft], report: &mut Report) {
    let mut seen: BTreeMap<String, (&str, &Place)> = BTreeMap::new();
    for (name, span) in drafts.iter().filter_map(|draft| draft.name.as_ref()) {
        let alike = naming::lookalike(name);
        let Some((first, place)) = seen.get(&alike) else {
            seen.insert(alike, (name, span));
            continue;
        };
        let line = report.line(place);
        report.problem(
            span,
            if *first == name {
                format!("two participants are called {name}; the first is on line {line}")
            } else {
                format!("{name} can be taken for {first} (line {line})")
            },
            "add a surname or an initial: a host's word belongs to the name",
        );
    }
}

fn check_keys(drafts: &[Draft], report: &mut Report) {
    let mut seen: BTreeMap<&[u8; 32], (&Place, Option<&str>)> = BTreeMap::new();
    for draft in drafts {
        let Some((key, span)) = &draft.key else {
            continue;
        };
        let name = draft.name.as_ref().map(|(name, _)| name.as_str());
        let Some((place, first)) = seen.get(key.as_bytes()) else {
            seen.insert(key.as_bytes(), (span, name));
            continue;
        };
        let line = report.line(place);
        let other = match first {
            Some(first) => format!("{first}'s (line {line})"),
            None => format!("the one on line {line}"),
        };
        let what = name.map(|name| format!("{name}'s key"));
        refuse(&Refusal::SameKey { other }, what.as_deref(), span, report);
    }
}

fn check_initials(drafts: &[Draft], report: &mut Report) {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for draft in drafts {
        let (Some(initials), Some((name, span))) = (&draft.initials, &draft.name) else {
            continue;
        };
        match seen.get(initials.as_str()) {
            None => {
                seen.insert(initials, name);
            }
            Some(first) => report.remark(
                span,
                format!("{first} and {name} have the same initials, {initials}"),
                "give one of them other `initials:` if lists are to tell them apart",
            ),
        }
    }
}
