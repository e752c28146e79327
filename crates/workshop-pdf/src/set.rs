//! From a request to files.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use handouts::pdf::{Data, Reply, Request};
use handouts::{Block, Card, Paper, Row, Workshop};
use serde::Serialize;
use typst::diag::{SourceDiagnostic, Warned};
use typst::syntax::PathError;
use typst::{World as _, WorldExt as _};
use typst_layout::PagedDocument;
use typst_pdf::PdfOptions;
use unicode_bidi::Direction;

use crate::fonts;
use crate::sheet::{self, Sheet};

/// After so many documents typst forgets what the last of them did not use: a thousand cards take no more memory
/// than a hundred. To look through what it keeps takes a fifth of a card's time, so not after each.
const FORGET: usize = 32;

/// Cards of one file. A document is in memory as a whole, a megabyte a card, so a large room gets several.
const CARDS_OF_A_FILE: usize = 100;

/// Cards of a file each are made side by side, by at most so many threads: each has a document in memory, and what
/// they share in typst's memory is locked now and then.
const MOST_THREADS: usize = 4;

/// A handout could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    /// A template is wrong.
    #[error("{message}")]
    Template {
        /// What is wrong.
        message: String,
        /// What to do about it.
        help: Option<String>,
        /// In which template.
        template: Option<String>,
        /// Where in it, in bytes.
        at: Option<(usize, usize)>,
    },
    /// A template has no file's name.
    #[error("a template cannot be called so: {0}")]
    Name(PathError),
    /// A file could not be written.
    #[error("cannot write a PDF file")]
    Write(#[from] io::Error),
    /// The data could not be handed on.
    #[error("the data cannot be written as JSON")]
    Data(#[from] serde_json::Error),
}

impl SetError {
    /// As it is told to `workshop`.
    pub fn reply(self) -> Reply {
        match self {
            Self::Template {
                message,
                help,
                template,
                at,
            } => Reply::Wrong {
                message,
                help,
                template,
                at,
            },
            error => {
                let mut message = error.to_string();
                let mut cause = std::error::Error::source(&error);
                while let Some(next) = cause {
                    message = format!("{message}: {next}");
                    cause = next.source();
                }
                Reply::Failed { message }
            }
        }
    }
}

/// What a template reads of a request: what its document shows and no more, since every card is read anew.
#[derive(Serialize)]
struct Seen<'a> {
    paper: Paper,
    workshop: &'a Workshop,
    attribution: &'a str,
    licence: &'a str,
    licence_url: &'a str,
    cards: Vec<SeenCard<'a>>,
    rows: &'a [Row],
    tasks: Vec<SeenTask<'a>>,
}

#[derive(Serialize)]
struct SeenCard<'a> {
    #[serde(flatten)]
    card: &'a Card,
    right_to_left: bool,
}

#[derive(Serialize)]
struct SeenTask<'a> {
    id: &'a str,
    title: &'a str,
    brief: &'a str,
    blocks: &'a [Block],
}

/// What is set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Document<'a> {
    Cards(&'a [Card]),
    Table,
    Tasks,
}

impl<'a> Document<'a> {
    fn template(self) -> &'static str {
        match self {
            Self::Cards(_) => "cards.typ",
            Self::Table => "table.typ",
            Self::Tasks => "tasks.typ",
        }
    }

    fn seen(self, data: &'a Data) -> Seen<'a> {
        let cards = match self {
            Self::Cards(cards) => cards,
            Self::Table | Self::Tasks => &[],
        };
        Seen {
            paper: data.paper,
            workshop: &data.workshop,
            attribution: &data.attribution,
            licence: &data.licence,
            licence_url: &data.licence_url,
            cards: cards
                .iter()
                .map(|card| SeenCard {
                    card,
                    right_to_left: card.name.as_deref().is_some_and(|name| {
                        unicode_bidi::get_base_direction(name) == Direction::Rtl
                    }),
                })
                .collect(),
            rows: match self {
                Self::Table => &data.rows,
                Self::Cards(_) | Self::Tasks => &[],
            },
            tasks: data
                .tasks
                .iter()
                .map(|task| SeenTask {
                    id: &task.id,
                    title: &task.title,
                    brief: &task.brief,
                    blocks: match self {
                        Self::Tasks => &task.blocks,
                        Self::Cards(_) | Self::Table => &[],
                    },
                })
                .collect(),
        }
    }
}

/// Makes every file of the request in `folder`.
///
/// # Errors
/// [`SetError`]; what was made before stays in the folder.
pub fn set(mut request: Request, folder: &Path) -> Result<Reply, SetError> {
    let all = serde_json::to_string(&request.data)?;
    let (fonts, lacking) = fonts::for_text(&all);
    drop(all);
    let templates = request.templates.iter();
    let mut sheet = Sheet::new(
        fonts,
        templates.map(|(name, text)| (name.as_str(), text.as_str())),
    )
    .map_err(SetError::Name)?;
    let cards = std::mem::take(&mut request.data.cards);
    let mut written = Vec::new();
    let mut make = |document: Document<'_>, name: String| {
        let pdf = pdf(&mut sheet, document, &request.data)?;
        fs_err::write(folder.join(&name), pdf)?;
        written.push(name);
        if written.len() % FORGET == 0 {
            comemo::evict(1);
        }
        Ok::<(), SetError>(())
    };
    if request.whole {
        make(Document::Table, "table.pdf".to_owned())?;
        make(Document::Tasks, "tasks.pdf".to_owned())?;
        let parts = cards.chunks(CARDS_OF_A_FILE);
        let alone = parts.len() <= 1;
        for (at, part) in parts.enumerate() {
            let name = match alone {
                true => "cards.pdf".to_owned(),
                false => format!("cards-{}.pdf", at + 1),
            };
            make(Document::Cards(part), name)?;
            // What it needed is as large as itself, and no other document has use for it.
            comemo::evict(0);
        }
    }
    if !cards.is_empty() {
        // The folder itself is not made: whoever asked may be gone, and have taken it along.
        match fs_err::create_dir(folder.join("cards")) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error.into()),
            _ => {}
        }
    }
    one_by_one(&sheet, &cards, &request.data, folder)?;
    written.extend(cards.iter().map(file_of));
    let mut remarks = Vec::new();
    if !lacking.is_empty() {
        let letters: Vec<String> = lacking
            .iter()
            .take(10)
            .map(|letter| format!("{letter} (U+{:04X})", u32::from(*letter)))
            .collect();
        remarks.push(format!(
            "no font of this machine has {}{}: in the PDF there are boxes in their places",
            letters.join(", "),
            if lacking.len() > letters.len() {
                ", …"
            } else {
                ""
            }
        ));
    }
    Ok(Reply::Made { written, remarks })
}

fn file_of(card: &Card) -> String {
    format!("cards/{}.pdf", card.word)
}

/// A file for each card, in the folder `cards`. What is in it depends on nothing but its card, so that it does not
/// matter which thread makes it.
fn one_by_one(sheet: &Sheet, cards: &[Card], data: &Data, folder: &Path) -> Result<(), SetError> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut sheet = sheet.clone();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(card) = cards.get(at) else {
                return Ok(());
            };
            let document = Document::Cards(std::slice::from_ref(card));
            let made = pdf(&mut sheet, document, data).and_then(|pdf| {
                fs_err::write(folder.join(file_of(card)), pdf).map_err(SetError::from)
            });
            if let Err(error) = made {
                // The others end with the card that they are at.
                next.fetch_max(cards.len(), Ordering::Relaxed);
                return Err((at, error));
            }
            if (at + 1).is_multiple_of(FORGET) {
                comemo::evict(1);
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.min(MOST_THREADS).min(cards.len());
    let failed = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let results = workers.into_iter().map(|worker| {
            worker
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        // The first card's, as if they had been made one after the other.
        results.filter_map(Result::err).min_by_key(|(at, _)| *at)
    });
    failed.map_or(Ok(()), |(_, error)| Err(error))
}

/// One file.
fn pdf(sheet: &mut Sheet, document: Document<'_>, data: &Data) -> Result<Vec<u8>, SetError> {
    let pages = compile(sheet, document, data)?;
    // Its options hold no time stamp: the same data give the same file.
    let made = typst_pdf::pdf(&pages, &PdfOptions::default());
    made.map_err(|errors| wrong(sheet, errors.first()))
}

fn compile(
    sheet: &mut Sheet,
    document: Document<'_>,
    data: &Data,
) -> Result<PagedDocument, SetError> {
    sheet
        .show(
            document.template(),
            serde_json::to_vec(&document.seen(data))?,
        )
        .map_err(SetError::Name)?;
    let Warned { output, .. } = typst::compile::<PagedDocument>(sheet);
    output.map_err(|errors| wrong(sheet, errors.first()))
}

fn wrong(sheet: &Sheet, error: Option<&SourceDiagnostic>) -> SetError {
    let Some(error) = error else {
        return SetError::Template {
            message: "typst refused it without a reason".to_owned(),
            help: None,
            template: None,
            at: None,
        };
    };
    let id = error.span.id();
    SetError::Template {
        message: error.message.to_string(),
        help: error.hints.first().map(|hint| hint.v.to_string()),
        template: id.map(sheet::name),
        at: id
            .filter(|id| sheet.source(*id).is_ok())
            .and_then(|_| sheet.range(error.span))
            .map(|range| (range.start, range.end)),
    }
}

#[cfg(test)]
mod tests {
    use handouts::{Paper, Participant, Renderer, Room, Seat, Task, Templates, Workshop};

    use super::*;

    /// Somebody of each of these names, on hosts that are made.
    fn request(names: &[&str], paper: Paper) -> Request {
        let seats = names.iter().enumerate().map(|(at, name)| Seat {
            word: format!("word{at}"),
            participant: Some(Participant {
                name: (*name).to_owned(),
                key: format!("SHA256:{}", "W".repeat(43)),
            }),
            address: Some("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff".parse().unwrap()),
            port: 22,
            fingerprint: Some(format!("SHA256:{}", "W".repeat(43))),
        });
        let spare = Seat {
            word: "spare".into(),
            participant: None,
            address: None,
            port: 22,
            fingerprint: None,
        };
        let text = "Look at `x`, *so* **it** is.\n\n## Questions\n\n1. Who?\n\n```\nid\n```\n\n- a\n- b\n\n\
                    ```diagram tracepoint\n+--+\n```\n";
        let room = Room {
            workshop: Workshop {
                name: "Tracing Bitcoin Core ".repeat(4).trim().to_owned(),
                date: Some("Wednesday, 30 September 2027".into()),
                deadline: Some("Wednesday, 30 September 2027, 20:00 UTC+01:00".into()),
                switches_off: true,
                core: "v29 and newer".into(),
                user: "workshop".into(),
            },
            seats: seats.chain([spare]).collect(),
            tasks: (0..6)
                .map(|n| Task {
                    id: format!("task{n}"),
                    title: "Run the interface tests".into(),
                    brief: "Put two tracepoints of your own into Bitcoin Core, and see them fire."
                        .into(),
                    text: text.into(),
                })
                .collect(),
            paper,
        };
        Renderer::new(Templates::built_in(), room)
            .unwrap()
            .pdf(true)
    }

    fn pages(request: &Request, document: Document<'_>) -> Result<usize, SetError> {
        let templates = request.templates.iter();
        let (fonts, _) = fonts::for_text("");
        let mut sheet = Sheet::new(
            fonts,
            templates.map(|(name, text)| (name.as_str(), text.as_str())),
        )
        .unwrap();
        compile(&mut sheet, document, &request.data).map(|document| document.pages().len())
    }

    #[test]
    fn every_card_is_one_page_whatever_somebody_calls_themselves() {
        let endless = "W".repeat(400);
        let blanks = "Wolfe ".repeat(100);
        let names = [
            "Ada Lovelace",
            "#panic(\"markup\") *bold* _thin_ `raw` $x$ <label> @ref // /* ",
            "\\u{41} = heading\n- item",
            "עדה לאבלייס",
            "👩\u{200d}🔬 🦀",
            &endless,
            &blanks,
            "Z\u{335}\u{336}\u{337}\u{338}",
        ];
        for paper in [Paper::A4, Paper::Letter] {
            let request = request(&names, paper);
            for card in &request.data.cards {
                let one = pages(&request, Document::Cards(std::slice::from_ref(card))).unwrap();
                assert_eq!(one, 1, "{paper:?}: {:?}", card.name);
            }
            let all = pages(&request, Document::Cards(&request.data.cards)).unwrap();
            assert_eq!(all, names.len() + 1);
        }
    }

    #[test]
    fn a_large_room_has_its_cards_in_several_files() {
        let folder = tempfile::tempdir().unwrap();
        let mut request = request(&["Ada"; CARDS_OF_A_FILE], Paper::A4);
        // And the spare.
        assert_eq!(request.data.cards.len(), CARDS_OF_A_FILE + 1);
        let last = request.data.cards.split_off(CARDS_OF_A_FILE);
        let reply = set(request.clone(), folder.path()).unwrap();
        let Reply::Made { written, .. } = reply else {
            panic!("{reply:?}")
        };
        assert!(written.contains(&"cards.pdf".to_owned()));
        request.data.cards.extend(last);
        let Reply::Made { written, .. } = set(request, folder.path()).unwrap() else {
            panic!()
        };
        let of_all = written.iter().filter(|name| name.starts_with("cards"));
        let of_all: Vec<_> = of_all.filter(|name| !name.contains('/')).collect();
        assert_eq!(of_all, ["cards-1.pdf", "cards-2.pdf"]);
    }

    #[test]
    fn every_file_is_made_and_the_same_again() {
        let mut files = Vec::new();
        for _ in 0..2 {
            let folder = tempfile::tempdir().unwrap();
            let reply = set(request(&["Ada"], Paper::A4), folder.path()).unwrap();
            let Reply::Made { written, remarks } = reply else {
                panic!("{reply:?}")
            };
            assert_eq!(
                written,
                [
                    "table.pdf",
                    "tasks.pdf",
                    "cards.pdf",
                    "cards/word0.pdf",
                    "cards/spare.pdf"
                ]
            );
            assert_eq!(remarks, [""; 0]);
            let read = |name: &String| std::fs::read(folder.path().join(name)).unwrap();
            files.push(written.iter().map(read).collect::<Vec<_>>());
        }
        assert!(files[0].iter().all(|file| file.starts_with(b"%PDF-")));
        assert!(files[0] == files[1]);
    }

    #[test]
    fn a_templates_mistake_is_told_with_its_place_and_nothing_is_read() {
        for (text, told) in [
            ("line\n#nosuch", "unknown variable: nosuch"),
            ("#read(\"/etc/passwd\")", "a handout has no such file"),
            (
                "#read(\"../../etc/passwd\")",
                "would escape the project root",
            ),
            (
                "#import \"@preview/example:0.1.0\": *",
                "a handout has no such file",
            ),
            (
                "#{ let n = 0; while n >= 0 { n += 1 } }",
                "loop seems to be infinite",
            ),
            (
                "#let f() = f()\n#f()",
                "maximum function call depth exceeded",
            ),
            ("#datetime.today()", "unable to get the current date"),
        ] {
            let mut request = request(&[], Paper::A4);
            request.templates.insert("table.typ".into(), text.into());
            let SetError::Template {
                message,
                template,
                at,
                ..
            } = pages(&request, Document::Table).unwrap_err()
            else {
                panic!("{text}")
            };
            assert!(message.contains(told), "{text}: {message}");
            assert_eq!(template.as_deref(), Some("table.typ"), "{text}");
            assert!(at.is_some(), "{text}");
        }
    }

    #[test]
    fn a_folder_that_is_gone_is_not_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let gone = folder.path().join("gone");
        let error = set(request(&[], Paper::A4), &gone).unwrap_err();
        assert!(matches!(error, SetError::Write(_)), "{error}");
        assert!(!gone.exists());
    }
}
