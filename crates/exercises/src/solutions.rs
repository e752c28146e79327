//! Right and wrong solutions of tasks: what a rehearsal checks on a real host, and the tests too.
//!
//! Each is a template in `solutions/TASK`, filled as the task's text is, and says in itself what is expected of
//! it: `// expect: passed`, or `// expect: not passed: PART OF THE REASON`.

use crate::profile::Profile;
use crate::prose::{self, BadTemplate, Context};
use crate::task::Task;
use crate::tasks::task3;

/// A solution that somebody might hand in.
#[derive(Clone, Copy, Debug)]
pub struct Solution {
    /// The folder and the name: `wrong/swapped`.
    pub name: &'static str,
    template: &'static str,
}

/// What a check has to say of a solution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Everything that is observed is right.
    Passed,
    /// Something is wrong, for this reason: a part of what is seen or of the hint.
    NotPassed(String),
}

macro_rules! solutions {
    ($folder:literal, $end:literal, $($name:literal,)*) => {
        &[$(Solution {
            name: $name,
            template: include_str!(concat!("../solutions/", $folder, "/", $name, $end)),
        },)*]
    };
}

/// Scripts for task 3. The first is the reference.
pub const TASK3: &[Solution] = solutions![
    "task3",
    ".bt.j2",
    "right/reference",
    "right/a_line_for_every_coin",
    "right/every_second",
    "right/increments",
    "right/keys_that_add_up",
    "right/one_map_with_keys",
    "right/printed_at_the_end",
    "right/satoshi",
    "right/statistics",
    "right/steps_in_satoshi",
    "right/steps_of_equal_width",
    "right/with_what_is_asked_nothing_of",
    "wrong/a_shell_script",
    "wrong/begins_late",
    "wrong/both_in_one_histogram",
    "wrong/both_in_one_number",
    "wrong/coinbase_only",
    "wrong/distinct_txids",
    "wrong/empty",
    "wrong/everything",
    "wrong/exits_at_once",
    "wrong/exits_early",
    "wrong/half_in_the_other_program",
    "wrong/histogram_of_an_address",
    "wrong/histogram_of_the_height",
    "wrong/histogram_out_of_bounds",
    "wrong/name_of_the_thread",
    "wrong/no_histogram",
    "wrong/no_such_program",
    "wrong/no_such_tracepoint",
    "wrong/one_histogram",
    "wrong/one_tracepoint",
    "wrong/only_histograms",
    "wrong/other_program",
    "wrong/starter_as_it_is",
    "wrong/sums",
    "wrong/swapped",
    "wrong/swapped_in_words",
    "wrong/syntax",
    "wrong/txids",
    "wrong/uncached",
    "wrong/unsafe",
    "wrong/written_down",
];

impl Solution {
    /// The solution's text for a line of Bitcoin Core.
    ///
    /// # Errors
    /// When the template is wrong; a test renders each of them.
    pub fn text(&self, profile: &'static Profile) -> Result<String, BadTemplate> {
        let task = Task {
            template: self.template,
            ..task3::TASK
        };
        let context = Context {
            word: None,
            tree: "~/bitcoin".to_owned(),
            profile,
        };
        prose::render(&task, &context).map(|text| text + "\n")
    }
}

impl Expected {
    /// What a solution's text says is expected of it; none when it says nothing.
    pub fn of(text: &str) -> Option<Self> {
        let says = text
            .lines()
            .find_map(|line| line.strip_prefix("// expect: "))?
            .trim();
        match says.split_once(": ") {
            None if says == "passed" => Some(Self::Passed),
            Some(("not passed", reason)) => Some(Self::NotPassed(reason.to_owned())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::profile::PROFILES;

    #[test]
    fn every_file_is_listed_and_says_what_is_expected() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/solutions/task3");
        let mut files = BTreeSet::new();
        for side in ["right", "wrong"] {
            for entry in std::fs::read_dir(format!("{folder}/{side}")).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                files.insert(format!("{side}/{}", name.strip_suffix(".bt.j2").unwrap()));
            }
        }
        let listed: BTreeSet<String> = TASK3.iter().map(|one| one.name.to_owned()).collect();
        assert_eq!(listed, files);
        for solution in TASK3 {
            for profile in PROFILES {
                let text = solution.text(profile).unwrap();
                let expected = Expected::of(&text).unwrap_or_else(|| panic!("{}", solution.name));
                let right = solution.name.starts_with("right/");
                assert_eq!(expected == Expected::Passed, right, "{}", solution.name);
            }
        }
        assert_eq!(TASK3[0].name, "right/reference");
    }
}
