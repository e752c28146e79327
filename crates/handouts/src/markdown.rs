//! A task's text in Markdown, as HTML and as plain data for the program that sets it in PDF.

use std::collections::VecDeque;

use pulldown_cmark::{CodeBlockKind, CowStr, Event, HeadingLevel, Parser, Tag, TagEnd, html};
use serde::{Deserialize, Serialize};

use crate::data::ATTRIBUTION;
use crate::templates::diagram;

/// A paragraph, a heading, code, a picture or a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Block {
    /// A heading within a task: 1 is the highest.
    Heading {
        /// From 1.
        level: u8,
        /// Its text.
        text: Vec<Inline>,
    },
    /// A paragraph.
    Paragraph {
        /// Its text.
        text: Vec<Inline>,
    },
    /// Lines that are typed or printed.
    Code {
        /// As they are.
        text: String,
    },
    /// A picture.
    Diagram {
        /// SVG.
        svg: String,
        /// What it shows, for who cannot see it.
        alt: String,
    },
    /// A list.
    List {
        /// Where its numbers begin; none for points.
        start: Option<u64>,
        /// What stands in each.
        items: Vec<Vec<Block>>,
    },
}

/// A run of text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "text", rename_all = "lowercase")]
pub enum Inline {
    /// As it is.
    Text(String),
    /// What is typed or printed.
    Code(String),
    /// What matters.
    Strong(String),
    /// What is said differently.
    Emphasis(String),
}

/// The text without its title and the line that every handout carries once.
pub(crate) fn body(text: &str) -> &str {
    let text = text.trim_start();
    let text = text.strip_prefix(ATTRIBUTION).unwrap_or(text).trim_start();
    match text.strip_prefix("# ") {
        Some(rest) => rest
            .split_once('\n')
            .map_or("", |(_, rest)| rest)
            .trim_start(),
        None => text,
    }
}

/// As HTML. Headings are one level lower than written, since the page and the task have one each.
///
/// Markup in the text is shown, not obeyed; of a link its text remains.
pub(crate) fn to_html(text: &str) -> String {
    let mut out = String::new();
    let mut events = Parser::new(text);
    // The name and the text of the diagram that is being read, and what a read one became.
    let mut drawing: Option<(String, String)> = None;
    let mut ready: VecDeque<Event<'_>> = VecDeque::new();
    let events = std::iter::from_fn(|| {
        loop {
            if let Some(event) = ready.pop_front() {
                return Some(event);
            }
            match (&mut drawing, events.next()?) {
                (drawing @ None, Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))))
                    if info.starts_with(DIAGRAM) =>
                {
                    *drawing = Some((info[DIAGRAM.len()..].trim().to_owned(), String::new()));
                }
                (Some((_, lines)), Event::Text(text)) => lines.push_str(&text),
                (Some(_), Event::End(TagEnd::CodeBlock)) => {
                    let (name, lines) = drawing.take()?;
                    ready.extend(picture(&name, lines));
                }
                (_, event) => return Some(tamed(event)),
            }
        }
    });
    html::push_html(&mut out, events);
    out
}

/// The info string of a fenced block that is a drawing: `diagram NAME`. In a terminal its characters are the
/// drawing; on paper there may be a better one of that name.
const DIAGRAM: &str = "diagram";

fn picture(name: &str, lines: String) -> [Event<'static>; 3] {
    let (open, drawn, close) = match diagram(name) {
        Some(svg) => (
            "<figure class=\"diagram\">",
            Event::Html(svg.trim_end().into()),
            "</figure>\n",
        ),
        None => (
            "<figure class=\"diagram\"><pre>",
            Event::Text(lines.into()),
            "</pre></figure>\n",
        ),
    };
    [Event::Html(open.into()), drawn, Event::Html(close.into())]
}

/// What a drawing of ours says of itself.
fn description(svg: &str) -> &str {
    let rest = svg.split_once("aria-label=\"").map_or("", |(_, rest)| rest);
    rest.split_once('"').map_or("", |(label, _)| label)
}

/// Markup as text, links as their text, pictures as their description, headings one level lower.
fn tamed(event: Event<'_>) -> Event<'_> {
    let lower = |level| match level {
        HeadingLevel::H1 => HeadingLevel::H2,
        HeadingLevel::H2 => HeadingLevel::H3,
        HeadingLevel::H3 => HeadingLevel::H4,
        HeadingLevel::H4 => HeadingLevel::H5,
        HeadingLevel::H5 | HeadingLevel::H6 => HeadingLevel::H6,
    };
    let nothing = Event::Text(CowStr::Borrowed(""));
    match event {
        Event::Html(markup) | Event::InlineHtml(markup) => Event::Text(markup),
        Event::Start(Tag::Link { .. } | Tag::Image { .. } | Tag::HtmlBlock)
        | Event::End(TagEnd::Link | TagEnd::Image | TagEnd::HtmlBlock) => nothing,
        Event::Start(Tag::Heading {
            level,
            id,
            classes,
            attrs,
        }) => Event::Start(Tag::Heading {
            level: lower(level),
            id,
            classes,
            attrs,
        }),
        Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(lower(level))),
        event => event,
    }
}

/// The text as blocks.
pub fn blocks(text: &str) -> Vec<Block> {
    let mut reader = Reader {
        events: Parser::new(text),
    };
    reader.blocks()
}

/// How a run of text is set.
type Set = fn(String) -> Inline;

struct Reader<'a> {
    events: Parser<'a>,
}

impl Reader<'_> {
    /// Everything up to the end of what was begun.
    fn blocks(&mut self) -> Vec<Block> {
        let mut blocks = Vec::new();
        // A tight list's items hold their text without a paragraph.
        let mut loose: Vec<Inline> = Vec::new();
        while let Some(event) = self.events.next() {
            let block = match event {
                Event::End(_) => break,
                Event::Start(Tag::Paragraph) => Block::Paragraph {
                    text: self.inlines(),
                },
                Event::Start(Tag::Heading { level, .. }) => Block::Heading {
                    level: level as u8,
                    text: self.inlines(),
                },
                Event::Start(Tag::CodeBlock(kind)) => self.code(&kind),
                Event::Start(Tag::List(start)) => Block::List {
                    start,
                    items: self.items(),
                },
                Event::Start(_) => {
                    blocks.extend(self.blocks());
                    continue;
                }
                event => {
                    push(&mut loose, event, None);
                    continue;
                }
            };
            flush(&mut blocks, &mut loose);
            blocks.push(block);
        }
        flush(&mut blocks, &mut loose);
        blocks
    }

    fn items(&mut self) -> Vec<Vec<Block>> {
        let mut items = Vec::new();
        while let Some(Event::Start(_)) = self.events.next() {
            items.push(self.blocks());
        }
        items
    }

    fn code(&mut self, kind: &CodeBlockKind<'_>) -> Block {
        let mut text = String::new();
        for event in self.events.by_ref() {
            match event {
                Event::Text(line) => text.push_str(&line),
                _ => break,
            }
        }
        let name = match kind {
            CodeBlockKind::Fenced(info) => info.strip_prefix(DIAGRAM),
            CodeBlockKind::Indented => None,
        };
        match name.and_then(|name| diagram(name.trim())) {
            Some(svg) => Block::Diagram {
                svg: svg.to_owned(),
                alt: description(svg).to_owned(),
            },
            None => Block::Code {
                text: text.trim_end().to_owned(),
            },
        }
    }

    fn inlines(&mut self) -> Vec<Inline> {
        let mut runs = Vec::new();
        // How runs are set, from the outermost.
        let mut within: Vec<Option<Set>> = Vec::new();
        for event in self.events.by_ref() {
            match event {
                Event::Start(Tag::Strong) => within.push(Some(Inline::Strong)),
                Event::Start(Tag::Emphasis) => within.push(Some(Inline::Emphasis)),
                Event::Start(_) => within.push(None),
                Event::End(_) => {
                    if within.pop().is_none() {
                        break;
                    }
                }
                event => push(&mut runs, event, within.iter().rev().find_map(|set| *set)),
            }
        }
        runs
    }
}

fn push(runs: &mut Vec<Inline>, event: Event<'_>, set: Option<Set>) {
    let text = match event {
        Event::Code(code) => {
            runs.push(Inline::Code(code.into_string()));
            return;
        }
        Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => text.into_string(),
        Event::SoftBreak | Event::HardBreak => " ".to_owned(),
        _ => return,
    };
    match (set, runs.last_mut()) {
        (Some(set), _) => runs.push(set(text)),
        (None, Some(Inline::Text(before))) => before.push_str(&text),
        (None, _) => runs.push(Inline::Text(text)),
    }
}

fn flush(blocks: &mut Vec<Block>, loose: &mut Vec<Inline>) {
    if !loose.is_empty() {
        blocks.push(Block::Paragraph {
            text: std::mem::take(loose),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
After 0xB10C's workshop 'Tracing Bitcoin Core v23.0', CC BY-SA 4.0

# Task 1: List

Look at `net:inbound_message`,
the *first* of **many** <b>tags</b>. See [there](https://example.org).

## Questions

1. Which <x>?

```
workshop answer <task1>
```

2. Why?
   (for the discussion)

- one
- two `three`

```diagram no-such-picture
 +---+
 | < |
 +---+
```
";

    #[test]
    fn the_title_and_the_attribution_stand_elsewhere() {
        assert!(body(TEXT).starts_with("Look at"));
        assert_eq!(body("# Only a title"), "");
        assert_eq!(body("plain"), "plain");
    }

    #[test]
    fn as_html() {
        insta::assert_snapshot!(to_html(body(TEXT)));
    }

    #[test]
    fn as_blocks() {
        insta::assert_debug_snapshot!(blocks(body(TEXT)));
    }

    #[test]
    fn a_picture_of_that_name_takes_the_drawings_place() {
        let text = "```diagram tracepoint\n+--+\n```\n";
        assert!(to_html(text).contains("<svg"));
        assert!(
            matches!(&blocks(text)[..], [Block::Diagram { alt, .. }] if alt.contains("breakpoint"))
        );
    }
}
