//! The handouts of a small room, as they are written, and what happens with templates and names that are not as
//! they should be.

use std::fs;
use std::path::{Path, PathBuf};

use handouts::{
    Card, Document, Format, Paper, Participant, Renderer, Room, Seat, Task, TemplateProblems,
    Templates, Workshop,
};
use miette::Diagnostic as _;

fn seat(word: &str, name: Option<&str>, last: u8) -> Seat {
    Seat {
        word: word.to_owned(),
        participant: name.map(|name| Participant {
            name: name.to_owned(),
            key: "SHA256:YkH+rr+ceOLrKfN7QUBrtwiuti6kz4iMoPY384JZEsY".to_owned(),
        }),
        address: (last > 0).then(|| [10, 231, 7, last].into()),
        port: 22,
        fingerprint: (last > 0)
            .then(|| "SHA256:KCvwqz95sAeffg2HEvFMVszuSsaqU2MfcXU5xItaJz8".to_owned()),
    }
}

fn room(seats: Vec<Seat>) -> Room {
    Room {
        workshop: Workshop {
            name: "Tracing Bitcoin Core".into(),
            date: Some("Saturday, 20 February 2027".into()),
            deadline: Some("Sunday, 21 February 2027, 20:00 UTC+01:00".into()),
            core: "v29 and newer".into(),
            user: "workshop".into(),
        },
        seats,
        tasks: vec![Task {
            id: "task0".into(),
            title: "Log in".into(),
            brief: "See what there is.".into(),
            text: "After 0xB10C's workshop 'Tracing Bitcoin Core v23.0', CC BY-SA 4.0\n\n# Task 0: Log in\n\n\
                   Type `id`.\n\n## Questions\n\n1. Who <are> you?\n\n```\nworkshop answer task0 who <NAME>\n```\n"
                .into(),
        }],
        paper: Paper::A4,
    }
}

fn ours(room: Room) -> Renderer {
    Renderer::new(Templates::built_in(), room).unwrap()
}

fn text(renderer: &Renderer, document: Document, format: Format) -> String {
    let mut out = Vec::new();
    renderer.write(document, format, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// What stands in the body: the style is the same on all pages.
fn body(page: &str) -> &str {
    page.split_once("<body").unwrap().1
}

#[test]
fn a_card() {
    let renderer = ours(room(vec![seat("zoo", Some("Ada Lovelace"), 10)]));
    insta::assert_snapshot!(
        "card.html",
        body(&text(&renderer, Document::Cards, Format::Html))
    );
    insta::assert_snapshot!(
        "card.md",
        text(&renderer, Document::Cards, Format::Markdown)
    );
}

#[test]
fn a_spare_that_is_not_made_yet_leaves_lines_to_write_on() {
    let renderer = ours(room(vec![seat("zoo", None, 0)]));
    insta::assert_snapshot!(
        "spare.md",
        text(&renderer, Document::Cards, Format::Markdown)
    );
    let html = text(&renderer, Document::Cards, Format::Html);
    assert!(html.contains("class=\"write\"") && html.contains("name blank"));
    assert!(!html.contains("class=\"qr\""));
}

#[test]
fn the_table_has_no_names() {
    let renderer = ours(room(vec![
        seat("zoo", Some("Ada Lovelace"), 10),
        seat("able", None, 11),
        seat("zebra", Some("Grace Hopper"), 0),
    ]));
    let html = text(&renderer, Document::Table, Format::Html);
    let markdown = text(&renderer, Document::Table, Format::Markdown);
    insta::assert_snapshot!("table.html", body(&html));
    insta::assert_snapshot!("table.md", markdown);
    for name in ["Ada", "Grace", "SHA256"] {
        assert!(!html.contains(name) && !markdown.contains(name), "{name}");
    }
}

#[test]
fn the_task_book() {
    let renderer = ours(room(vec![]));
    insta::assert_snapshot!(
        "tasks.html",
        body(&text(&renderer, Document::Tasks, Format::Html))
    );
    insta::assert_snapshot!(
        "tasks.md",
        text(&renderer, Document::Tasks, Format::Markdown)
    );
}

#[test]
fn every_page_needs_nothing_beside_it_and_is_for_its_paper() {
    let mut room = room(vec![seat("zoo", Some("Ada"), 10)]);
    room.paper = Paper::Letter;
    let renderer = ours(room);
    for document in Document::ALL {
        let page = text(&renderer, document, Format::Html);
        assert!(page.contains("@page { size: letter;"));
        for loads in ["<script", "<link", "src=", "url(", "@import", "<img"] {
            assert!(!page.contains(loads), "{document:?} has {loads}");
        }
    }
}

/// Names that mean something to HTML, to Markdown, to a terminal or to a text's direction.
const NAMES: &[&str] = &[
    "<script>alert(1)</script>",
    "</bdi></p></article></body>",
    "\" onload=\"x",
    "{{ workshop.user }} {% for %} {# #}",
    "**bold** `code` [x](y) | cell",
    "a\u{1b}[2Jb\0c\nd",
    "\u{202e}ecila",
    "עדה לאבלייס",
    "👩\u{200d}🔬 Ada",
];

#[test]
fn whatever_somebody_calls_themselves_is_text() {
    for name in NAMES {
        let renderer = ours(room(vec![seat("zoo", Some(name), 10)]));
        let html = text(&renderer, Document::Cards, Format::Html);
        let markdown = text(&renderer, Document::Cards, Format::Markdown);
        let plain = ours(room(vec![seat("zoo", Some("Ada"), 10)]));
        let like = text(&plain, Document::Cards, Format::Html);
        // The page is that of a plain name, but for the text in the one place where the name is.
        let (before, rest) = html.split_once("<p class=\"name\"><bdi>").unwrap();
        let (shown, after) = rest.split_once("</bdi></p>").unwrap();
        let (like_before, like_rest) = like.split_once("<p class=\"name\"><bdi>").unwrap();
        let like_after = like_rest.split_once("</bdi></p>").unwrap().1;
        assert_eq!((before, after), (like_before, like_after), "{name:?}");
        assert!(!shown.contains(['<', '>', '"']), "{shown}");
        for page in [&html, &markdown] {
            assert!(
                !page.contains(['\u{1b}', '\0', '\u{202e}', '\r']),
                "{name:?}"
            );
        }
    }
}

#[test]
fn in_markdown_too() {
    use pulldown_cmark::{Event, Options, Parser, Tag};
    for name in NAMES {
        let renderer = ours(room(vec![seat("zoo", Some(name), 10)]));
        let markdown = text(&renderer, Document::Cards, Format::Markdown);
        // The name is the first bold text, and nothing in it is markup.
        let events: Vec<Event> = Parser::new_ext(
            &markdown,
            Options::all() - Options::ENABLE_SMART_PUNCTUATION,
        )
        .skip_while(|event| !matches!(event, Event::Start(Tag::Strong)))
        .skip(1)
        .take_while(|event| !matches!(event, Event::End(_)))
        .collect();
        let shown: String = events
            .iter()
            .map(|event| match event {
                Event::Text(text) => &**text,
                other => panic!("{name:?}: {other:?}"),
            })
            .collect();
        let plain: String = name
            .chars()
            .map(|letter| if letter == '\n' { ' ' } else { letter })
            .filter(|letter| !letter.is_control() && *letter != '\u{202e}')
            .collect();
        assert_eq!(shown, plain);
    }
}

#[test]
fn a_name_without_end_ends() {
    let renderer = ours(room(vec![seat("zoo", Some(&"Ada ".repeat(10_000)), 10)]));
    let html = text(&renderer, Document::Cards, Format::Html);
    assert!(html.contains("name long") && html.contains('…'));
    assert!(html.len() < 20_000);
}

#[test]
fn the_same_room_gives_the_same_bytes_and_cards_do_not_depend_on_each_other() {
    let seats = || {
        (1..=200)
            .map(|n| seat(&format!("word{n}"), Some(&format!("Person {n}")), n))
            .collect()
    };
    let (first, second) = (ours(room(seats())), ours(room(seats())));
    for document in Document::ALL {
        for format in [Format::Html, Format::Markdown] {
            assert_eq!(
                text(&first, document, format),
                text(&second, document, format)
            );
        }
    }
    let all = text(&first, Document::Cards, Format::Html);
    let mut one = Vec::new();
    first.write_card(99, Format::Html, &mut one).unwrap();
    let one = String::from_utf8(one).unwrap();
    let card = |page: &str| {
        let at = page.find("aria-labelledby=\"word100\"").unwrap();
        page[at..].split_once("</article>").unwrap().0.to_owned()
    };
    assert_eq!(card(&all), card(&one));
    assert_eq!(all.matches("<article").count(), 200);
}

/// A folder with our templates, one of them changed.
fn edited(name: &str, change: impl FnOnce(String) -> String) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("mine");
    Templates::eject(&folder).unwrap();
    let path = folder.join(name);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, change(text)).unwrap();
    (dir, folder)
}

/// What `Renderer` says of them: the message, and the file and line.
fn complaint(folder: &Path, seats: usize) -> String {
    let seats = (0..seats).map(|n| seat(&format!("word{n}"), Some("Ada"), 10));
    let templates = Templates::load(folder).unwrap();
    let renderer = match Renderer::new(templates, room(seats.collect())) {
        Ok(renderer) => renderer,
        Err(TemplateProblems { problems, .. }) => {
            return problems.iter().map(|p| shown(p, folder) + "\n").collect();
        }
    };
    for document in Document::ALL {
        for format in [Format::Html, Format::Markdown] {
            if let Err(error) = renderer.write(document, format, std::io::sink()) {
                return shown(&error, folder);
            }
        }
    }
    "nothing".into()
}

fn shown(error: &handouts::TemplateError, folder: &Path) -> String {
    let place = error.labels().and_then(|mut labels| labels.next());
    let place = place.and_then(|label| {
        let code = error.source_code()?.read_span(label.inner(), 0, 0).ok()?;
        let name = Path::new(code.name()?).strip_prefix(folder).ok()?;
        Some(format!("{}:{}", name.display(), code.line() + 1))
    });
    format!("{}: {error}", place.unwrap_or_else(|| "nowhere".into()))
}

#[test]
fn an_edited_template_is_used() {
    let (_dir, folder) = edited("table.md.j2", |_| {
        "{{ count }} of {{ workshop.name }}\n".into()
    });
    let renderer = Renderer::new(
        Templates::load(&folder).unwrap(),
        room(vec![seat("zoo", None, 1)]),
    )
    .unwrap();
    assert_eq!(
        text(&renderer, Document::Table, Format::Markdown),
        "1 of Tracing Bitcoin Core\n"
    );
}

#[test]
fn a_mistake_in_a_template_is_told_with_its_line() {
    let table = [
        ("cards.html.j2", "\n{{ card.nmae }}\n"),
        (
            "cards.html.j2",
            "{% for card in cards %}\n{{ card.nmae }}\n{% endfor %}",
        ),
        ("cards.md.j2", "{{ cardz }}"),
        ("style.css.j2", "a { color: {{ colour }}; }"),
        ("table.md.j2", "line\n{% if %}"),
        ("table.md.j2", "{{ 'x' | nosuch }}"),
        ("table.md.j2", "{{ nosuch() }}"),
        ("tasks.md.j2", "{% for x in %}"),
        ("tasks.md.j2", "{% include '/etc/passwd' %}"),
        ("tasks.md.j2", "{% include '../style.css' %}"),
        ("tasks.md.j2", "{% include 'tasks.md.j2' %}"),
        (
            "table.html.j2",
            "{% for a in range(9999) %}{% for b in range(9999) %}{{ b }}{% endfor %}{% endfor %}",
        ),
        ("table.html.j2", "{{ 'x' * 999999999 }}"),
        (
            "table.html.j2",
            "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        ),
    ];
    let mut said = String::new();
    for (file, text) in table {
        let (_dir, folder) = edited(file, |_| text.to_owned());
        said.push_str(&format!(
            "{file}: {text:?}\n  {}\n",
            complaint(&folder, 3).trim_end()
        ));
    }
    insta::assert_snapshot!(said);
}

#[test]
fn every_template_that_cannot_be_read_is_told_at_once() {
    let (_dir, folder) = edited("cards.html.j2", |_| "{% if %}".into());
    fs::write(folder.join("tasks.md.j2"), "{{ }}").unwrap();
    assert_eq!(complaint(&folder, 1).lines().count(), 2);

    fs::remove_file(folder.join("page.html.j2")).unwrap();
    fs::rename(folder.join("style.css.j2"), folder.join("styles.css.j2")).unwrap();
    fs::write(folder.join("table.md.j2"), [0xff, 0xfe, 0]).unwrap();
    fs::write(folder.join("cards.md.j2"), "x".repeat(2 << 20)).unwrap();
    fs::write(folder.join("notes.txt"), "mine").unwrap();
    // What editors and file managers leave behind is in nobody's way.
    fs::write(folder.join("table.md.j2~"), "").unwrap();
    fs::write(folder.join(".DS_Store"), "").unwrap();
    let problems = Templates::load(&folder).unwrap_err().problems;
    let said: Vec<String> = problems
        .iter()
        .map(|problem| {
            let help = problem.help().map(|help| format!(" ({help})"));
            let text = format!("{problem}{}", help.unwrap_or_default());
            text.replace(&format!("{}/", folder.display()), "")
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn a_folder_that_is_not_there_is_one_problem() {
    let problems = Templates::load(Path::new("/no/such/folder"))
        .unwrap_err()
        .problems;
    assert_eq!(problems.len(), 1);
}

#[test]
fn ejecting_writes_over_nothing() {
    let (_dir, folder) = edited("table.md.j2", |_| "mine".into());
    let error = Templates::eject(&folder).unwrap_err();
    assert!(error.to_string().contains("cards.html.j2"), "{error}");
    assert_eq!(
        fs::read_to_string(folder.join("table.md.j2")).unwrap(),
        "mine"
    );
}

#[test]
fn what_is_ejected_gives_what_is_built_in() {
    let (_dir, folder) = edited("table.md.j2", |text| text);
    let seats = || vec![seat("zoo", Some("Ada"), 10)];
    let theirs = Renderer::new(Templates::load(&folder).unwrap(), room(seats())).unwrap();
    let ours = ours(room(seats()));
    for document in Document::ALL {
        for format in [Format::Html, Format::Markdown] {
            assert_eq!(
                text(&theirs, document, format),
                text(&ours, document, format)
            );
        }
    }
}

#[test]
fn a_reader_that_goes_away_is_told_as_such() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let renderer = ours(room(vec![seat("zoo", None, 1)]));
    let error = renderer
        .write(Document::Cards, Format::Html, Full)
        .unwrap_err();
    assert!(
        matches!(&error, handouts::TemplateError::Write { source } if source.kind() == std::io::ErrorKind::StorageFull),
        "{error:?}"
    );
}

#[test]
fn a_card_is_the_same_wherever_it_is_shown() {
    let room = room(vec![]);
    let card = Card::new(&room.workshop, &seat("zoo", Some("Ada"), 10));
    assert_eq!(
        card.config.as_deref(),
        Some(
            "Host zoo\n    HostName 10.231.7.10\n    User workshop\n    IdentityFile ~/.ssh/id_ed25519\n    IdentitiesOnly yes"
        )
    );
}
