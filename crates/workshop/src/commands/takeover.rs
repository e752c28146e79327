//! What is said before machines that somebody already has become hosts.

use std::fmt::Write as _;

use provisioner::cloud::existing::{CHANGES, Placed, STAYS};

/// Which machines, what is changed there, and what of it stays for good.
pub(crate) fn text(machines: &[Placed]) -> String {
    let mut text = String::from("These machines are taken over:\n");
    for machine in machines {
        let reserve = if machine.in_reserve {
            ", only if the named cache fails"
        } else {
            ""
        };
        let _ = writeln!(
            text,
            "  {} as {} (by {}){reserve}",
            machine.address, machine.word, machine.user
        );
    }
    text.push_str("On each of them there will be:\n");
    list(&mut text, CHANGES);
    text.push_str("`workshop destroy` puts back what was there. This stays:\n");
    list(&mut text, STAYS);
    text
}

/// What is said when they were given back.
pub(crate) fn stays(what: &[&str]) -> String {
    let mut text = String::from("The machines are yours again. On them stays:\n");
    list(&mut text, what);
    text
}

fn list(text: &mut String, lines: &[&str]) {
    for line in lines {
        let _ = writeln!(text, "  - {line}");
    }
}
