//! What the instructor reads while people join.

use provisioner::register::{Applicant, Event, isolated};

pub(super) fn text(event: &Event) -> String {
    match event {
        Event::Asked(applicant) => format!("{}\n", asks(applicant)),
        Event::Approved { applicant, auto } => format!(
            "{} is in the inventory{}\n",
            named(applicant),
            if *auto { ", let in by --auto" } else { "" }
        ),
        Event::Refused(applicant) => format!("{} was refused\n", named(applicant)),
        Event::Ready {
            name,
            word,
            address,
        } => format!("{} can log in: {word}, {address}\n", isolated(name)),
        Event::Trouble { message, hint } => {
            let hint = hint.as_ref().map(|hint| format!("hint: {hint}\n"));
            format!("error: {message}\n{}", hint.unwrap_or_default())
        }
        // The page with the same was shown before.
        Event::Listening { .. } => String::new(),
        _ => String::new(),
    }
}

/// Who waits for an answer.
pub(super) fn list(waiting: &[Applicant]) -> String {
    if waiting.is_empty() {
        return "Nobody waits.\n".to_owned();
    }
    waiting
        .iter()
        .map(|applicant| format!("{}\n", asks(applicant)))
        .collect()
}

fn asks(applicant: &Applicant) -> String {
    format!(
        "{} asks to join: {} from {}",
        named(applicant),
        applicant.fingerprint,
        applicant.from
    )
}

fn named(applicant: &Applicant) -> String {
    format!(
        "#{} {} ({})",
        applicant.number,
        isolated(&applicant.name),
        isolated(&applicant.initials)
    )
}
