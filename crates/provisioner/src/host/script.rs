//! Shell scripts with parameters. The only place where anything is quoted for a shell.

use std::fmt::Write as _;

/// A POSIX shell script: parameters as variables in front, then a body that never changes.
///
/// Values reach the shell as assignments of quoted words, so a body uses `"$key"` and no value can
/// become code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    text: String,
}

impl Script {
    /// A script of `body` alone.
    pub fn new(body: &str) -> Self {
        let mut script = Self::default();
        script.push(body);
        script
    }

    /// Sets the variable `name` for all that follows. `name` is ours, never input.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    /// As [`Script::with`], in place.
    pub fn set(&mut self, name: &str, value: &str) {
        debug_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
        let _ = writeln!(self.text, "{name}={}", quote(value));
    }

    /// Appends lines of shell.
    pub fn push(&mut self, body: &str) {
        self.text.push_str(body);
        if !body.ends_with('\n') {
            self.text.push('\n');
        }
    }

    /// What goes to the standard input of `sh -s`.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// One shell word that expands to exactly `value`. A NUL cannot be part of any shell word and is dropped.
pub fn quote(value: &str) -> String {
    let mut word = String::with_capacity(value.len() + 2);
    word.push('\'');
    for c in value.chars() {
        match c {
            '\'' => word.push_str(r"'\''"),
            '\0' => {}
            c => word.push(c),
        }
    }
    word.push('\'');
    word
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_never_become_code() {
        let script = Script::new("printf %s \"$v\"").with("after", "ignored");
        assert_eq!(script.text(), "printf %s \"$v\"\nafter='ignored'\n");
        assert_eq!(quote("a'b; $(reboot) `x`"), r"'a'\''b; $(reboot) `x`'");
    }

    proptest! {
        /// The real shell gives back exactly what went in.
        #[test]
        fn sh_reads_back_what_was_quoted(value in "[^\0\r]{0,40}") {
            let script = Script::default().with("v", &value);
            let output = std::process::Command::new("sh").arg("-c")
                .arg(format!("{}printf %s \"$v\"", script.text())).output().unwrap();
            prop_assert_eq!(String::from_utf8_lossy(&output.stdout), value);
        }
    }
}
