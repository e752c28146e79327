//! The token: where it is found. It is never shown, stored or passed on but in the one header it is for.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use reqwest::header::HeaderValue;
use serde::Deserialize;

use crate::host::printable;

/// A token of the Hetzner Cloud API. Nothing prints it.
#[derive(Clone)]
pub struct Token {
    header: HeaderValue,
    origin: String,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token(from {})", self.origin)
    }
}

/// No token, or none that could be one.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum TokenError {
    #[error("no token for the Hetzner Cloud API was found")]
    #[diagnostic(help(
        "Make one in the console (your project, Security, API tokens, Read & Write) and set HCLOUD_TOKEN, name its file with --hcloud-token-file, or use the context of the hcloud command line (looked for in `{}`).", looked.display()
    ))]
    None { looked: PathBuf },

    #[error("the token's file `{}` cannot be read", path.display())]
    #[diagnostic(help(
        "--hcloud-token-file names a file with nothing in it but the token, or is `-` for standard input."
    ))]
    File {
        path: PathBuf,
        source: std::io::Error,
    },

    #[error("what {origin} holds is not a token: {why}")]
    #[diagnostic(help(
        "A token of Hetzner Cloud is 64 letters and digits. It is not shown here, whatever it is."
    ))]
    Malformed { origin: String, why: &'static str },

    #[error("the configuration of the hcloud command line `{}` cannot be read", path.display())]
    #[diagnostic(help("Set HCLOUD_TOKEN, or name another file with HCLOUD_CONFIG."))]
    Config {
        path: PathBuf,
        source: std::io::Error,
    },

    #[error("the configuration of the hcloud command line `{}` is not such a file (line {line})", path.display())]
    #[diagnostic(help(
        "`hcloud context list` must be able to read it. Nothing of it is shown here, since it holds tokens."
    ))]
    Syntax { path: PathBuf, line: usize },

    #[error("the hcloud command line has no context called `{name}` (in `{}`)", path.display())]
    #[diagnostic(help("It has {}; HCLOUD_CONTEXT names one.", one_of(known)))]
    Context {
        name: String,
        path: PathBuf,
        known: Vec<String>,
    },
}

fn one_of(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.join(", "),
    }
}

/// As the hcloud command line writes it; what else is in it does not concern us.
#[derive(Deserialize)]
struct CliConfig {
    active_context: Option<String>,
    #[serde(default)]
    contexts: Vec<CliContext>,
}

#[derive(Deserialize)]
struct CliContext {
    name: String,
    token: Option<String>,
}

impl Token {
    /// What `text` holds, which came from `origin` (as messages name it).
    ///
    /// # Errors
    /// [`TokenError::Malformed`]; the text is not in it.
    pub fn new(text: &str, origin: &str) -> Result<Self, TokenError> {
        let malformed = |why| TokenError::Malformed {
            origin: origin.to_owned(),
            why,
        };
        let text = text.trim();
        if text.is_empty() {
            return Err(malformed("it is empty"));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(malformed("it has spaces, line breaks or other characters"));
        }
        let mut header = HeaderValue::try_from(format!("Bearer {text}"))
            .map_err(|_| malformed("it cannot stand in a header"))?;
        // Keeps it out of the debug output of every request.
        header.set_sensitive(true);
        Ok(Self {
            header,
            origin: origin.to_owned(),
        })
    }

    /// The first that there is: `file` (`-` is standard input), `HCLOUD_TOKEN`, the context of the hcloud
    /// command line (`HCLOUD_CONTEXT`, or the active one, of `HCLOUD_CONFIG` or its usual place).
    ///
    /// # Errors
    /// [`TokenError`]; a source that is named and does not have one is not passed over.
    pub fn find(file: Option<&Path>) -> Result<Self, TokenError> {
        if let Some(path) = file {
            return Self::from_file(path);
        }
        Self::find_in(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn from_file(path: &Path) -> Result<Self, TokenError> {
        // Nobody's token is longer; a wrong path may name something endless.
        const BOUND: u64 = 4096;
        let mut text = String::new();
        let read = if path == Path::new("-") {
            std::io::stdin().take(BOUND).read_to_string(&mut text)
        } else {
            std::fs::File::open(path).and_then(|file| file.take(BOUND).read_to_string(&mut text))
        };
        read.map_err(|source| TokenError::File {
            path: path.to_owned(),
            source,
        })?;
        let origin = if path == Path::new("-") {
            "standard input".to_owned()
        } else {
            format!("the file {}", path.display())
        };
        Self::new(&text, &origin)
    }

    fn find_in(variable: impl Fn(&str) -> Option<String>) -> Result<Self, TokenError> {
        if let Some(text) = variable("HCLOUD_TOKEN") {
            return Self::new(&text, "HCLOUD_TOKEN");
        }
        let named = variable("HCLOUD_CONFIG").map(PathBuf::from);
        let path = named.clone().unwrap_or_else(|| usual_config(&variable));
        let text = match fs_err::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                return Err(TokenError::None { looked: path });
            }
            Err(source) => return Err(TokenError::Config { path, source }),
        };
        let config: CliConfig = toml::from_str(&text).map_err(|error| {
            // The error would show the line, and that may be the token's.
            let before = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = text.as_bytes()[..before]
                .iter()
                .filter(|byte| **byte == b'\n');
            TokenError::Syntax {
                path: path.clone(),
                line: line.count() + 1,
            }
        })?;
        let wanted = variable("HCLOUD_CONTEXT")
            .or(config.active_context)
            .filter(|name| !name.is_empty());
        let Some(wanted) = wanted else {
            return Err(TokenError::None { looked: path });
        };
        let name = printable(wanted.as_bytes());
        let found = config
            .contexts
            .iter()
            .find(|context| context.name == wanted);
        let Some(context) = found else {
            let known = config.contexts.iter();
            return Err(TokenError::Context {
                name,
                path,
                known: known.map(|one| printable(one.name.as_bytes())).collect(),
            });
        };
        Self::new(
            context.token.as_deref().unwrap_or_default(),
            &format!("the context `{name}` of {}", path.display()),
        )
    }

    /// The value of the `Authorization` header.
    pub(super) fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    /// Where it was found, as messages name it.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

/// Where the hcloud command line keeps its configuration.
fn usual_config(variable: &impl Fn(&str) -> Option<String>) -> PathBuf {
    let config = variable("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| variable("HOME").map(|home| Path::new(&home).join(".config")));
    config.unwrap_or_default().join("hcloud").join("cli.toml")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use miette::Diagnostic as _;

    use super::*;

    const SECRET: &str = "jEheVytlAoFl7F8MqUQ7jAo2hOXASztX";

    fn find(variables: &[(&str, &str)]) -> Result<Token, TokenError> {
        let variables: BTreeMap<_, _> = variables.iter().copied().collect();
        Token::find_in(|name| variables.get(name).map(|value| (*value).to_owned()))
    }

    /// Everything that can be seen of a result.
    fn shown(result: &Result<Token, TokenError>) -> String {
        let text = match result {
            Ok(token) => format!("{token:?}"),
            Err(error) => format!("{error}\n{}\n", error.help().unwrap()),
        };
        assert!(!text.contains(SECRET) && !format!("{result:?}").contains(SECRET));
        text
    }

    fn config(folder: &Path, text: &str) -> String {
        let path = folder.join("cli.toml");
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    #[test]
    fn the_variable_goes_before_the_command_lines_context() {
        let folder = tempfile::tempdir().unwrap();
        let path = config(
            folder.path(),
            &format!(
                "active_context = \"class\"\n[[contexts]]\nname = \"other\"\ntoken = \"other\"\n\
                 [[contexts]]\nname = \"class\"\ntoken = \"{SECRET}\"\n[contexts.preferences]\nquiet = true\n"
            ),
        );
        let token = find(&[("HCLOUD_TOKEN", "first"), ("HCLOUD_CONFIG", &path)]);
        assert_eq!(shown(&token), "Token(from HCLOUD_TOKEN)");
        let token = find(&[("HCLOUD_CONFIG", &path)]);
        assert_eq!(
            shown(&token),
            format!("Token(from the context `class` of {path})")
        );
        assert_eq!(token.unwrap().header(), format!("Bearer {SECRET}"));
        let token = find(&[("HCLOUD_CONFIG", &path), ("HCLOUD_CONTEXT", "other")]);
        assert_eq!(token.unwrap().header(), "Bearer other");
    }

    #[test]
    fn the_usual_place_is_that_of_the_command_line() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home/.config/hcloud");
        std::fs::create_dir_all(&home).unwrap();
        config(
            &home,
            "active_context = \"a\"\n[[contexts]]\nname = \"a\"\ntoken = \"at home\"\n",
        );
        let home = folder.path().join("home").display().to_string();
        assert!(matches!(
            find(&[("HOME", &home)]),
            Err(TokenError::Malformed { .. })
        ));
        let elsewhere = folder.path().display().to_string();
        let error = find(&[("HOME", &home), ("XDG_CONFIG_HOME", &elsewhere)]);
        assert!(matches!(error, Err(TokenError::None { .. })));
    }

    #[test]
    fn a_token_is_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let mut all = String::new();
        all += &shown(&Token::new(&format!("{SECRET} {SECRET}"), "HCLOUD_TOKEN"));
        all += &shown(&find(&[("HOME", "/nowhere")]));
        let path = config(
            folder.path(),
            &format!("active_context = \"a\"\ntoken = {SECRET}\n"),
        );
        all += &shown(&find(&[("HCLOUD_CONFIG", &path)]));
        let path = config(
            folder.path(),
            &format!(
                "active_context = \"gone\"\n[[contexts]]\nname = \"class\"\ntoken = \"{SECRET}\"\n"
            ),
        );
        all += &shown(&find(&[("HCLOUD_CONFIG", &path)]));
        let path = config(folder.path(), "[[contexts]]\nname = \"class\"\n");
        all += &shown(&find(&[
            ("HCLOUD_CONFIG", &path),
            ("HCLOUD_CONTEXT", "class"),
        ]));
        all += &shown(&Token::find(Some(&folder.path().join("none"))));
        insta::assert_snapshot!(all.replace(&folder.path().display().to_string(), "FOLDER"));
    }
}
