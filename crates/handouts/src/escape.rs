//! How a value becomes text of a template's format.

use minijinja::{AutoEscape, Error, Output, State, Value, escape_formatter};

/// The name by which templates' escaping knows Markdown.
pub(crate) const MARKDOWN: &str = "markdown";

/// By what a file's name says it is. Style sheets hold nothing of anybody's.
pub(crate) fn of_file(name: &str) -> AutoEscape {
    match name.strip_suffix(".j2").unwrap_or(name).rsplit_once('.') {
        Some((_, "html")) => AutoEscape::Html,
        Some((_, "md")) => AutoEscape::Custom(MARKDOWN.into()),
        _ => AutoEscape::None,
    }
}

/// Writes a value so that it is text, whatever it holds.
pub(crate) fn write(
    out: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), Error> {
    match state.auto_escape() {
        AutoEscape::Custom(_) => match value.as_str() {
            Some(text) if !value.is_safe() => Ok(out.write_str(&markdown(text))?),
            Some(text) => Ok(out.write_str(text)?),
            None => Ok(out.write_str(&markdown(&value.to_string()))?),
        },
        _ => escape_formatter(out, state, value),
    }
}

/// Text that Markdown shows as it is: every ASCII punctuation mark that could mean something gets its backslash
/// (CommonMark 0.31, 2.4), and what begins an entity or a tag of HTML among them.
pub(crate) fn markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let start = text.trim_start();
    // A list item or a heading begins only a line; elsewhere these are common in names, times and numbers.
    let first = text.len() - start.len();
    let number = start.bytes().take_while(u8::is_ascii_digit).count();
    for (at, letter) in text.char_indices() {
        let special = match letter {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '&' | '|' | '~' | '$' | '!' => true,
            '#' | '+' | '-' | '=' | ':' => at == first,
            '.' | ')' => number > 0 && at == first + number,
            _ => false,
        };
        if special {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use pulldown_cmark::{Options, Parser, html::push_html};

    use super::*;

    /// Text of which each has meant something to some Markdown.
    const TEXTS: &[&str] = &[
        "Ada Lovelace",
        "<script>alert(1)</script>",
        "**bold** _thin_ `code` ~~gone~~",
        "[a](https://example.org) ![b](c)",
        "# heading",
        "- item",
        "+ item",
        "1. item",
        "23) item",
        "> quote",
        "a | b | c",
        "&lt; &amp; &#60; \\",
        "== under",
        "-- under",
        "$x$",
        ": definition",
        "https://example.org <ada@example.org>",
        "10.231.7.10",
        "Sunday, 21 February 2027, 20:00 +01",
    ];

    fn shown(markdown: &str) -> String {
        let mut html = String::new();
        push_html(&mut html, Parser::new_ext(markdown, Options::all()));
        html
    }

    #[test]
    fn text_stays_text() {
        for text in TEXTS {
            let mut expected = String::new();
            pulldown_cmark_escape_free(text, &mut expected);
            assert_eq!(
                shown(&markdown(text)),
                format!("<p>{expected}</p>\n"),
                "{text}"
            );
            // And in a row of a table.
            let table = shown(&format!(
                "| a | b |\n|---|---|\n| {} | x |\n",
                markdown(text)
            ));
            assert!(
                table.contains(&format!("<td>{expected}</td><td>x</td>")),
                "{text}\n{table}"
            );
        }
    }

    fn pulldown_cmark_escape_free(text: &str, out: &mut String) {
        out.push_str(
            &text
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;"),
        );
    }
}
