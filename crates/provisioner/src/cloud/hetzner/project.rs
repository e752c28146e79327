//! All workshops of a project, for whoever has lost the state of one.

use std::collections::HashMap;

use serde::Deserialize;

use super::Access;
use super::answer::{WORD, WORKSHOP};
use super::api::Api;
use super::error::HetznerError;
use crate::cloud::WorkshopId;
use crate::host::printable;

/// A server, a firewall or an SSH key with a workshop's label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelled {
    /// Whose it is.
    pub workshop: WorkshopId,
    /// The word of a server; of nothing else.
    pub word: Option<String>,
    /// When it was made.
    pub made: Option<jiff::Timestamp>,
}

#[derive(Deserialize)]
struct Thing {
    name: String,
    #[serde(default)]
    labels: HashMap<String, String>,
    #[serde(default)]
    created: Option<String>,
}

impl Thing {
    /// Nothing where the label is another program's: it has no id of ours.
    fn labelled(self, is_server: bool) -> Option<Labelled> {
        let workshop = self.labels.get(WORKSHOP)?.parse().ok()?;
        let word = self.labels.get(WORD).unwrap_or(&self.name);
        Some(Labelled {
            workshop,
            word: is_server.then(|| printable(word.as_bytes())),
            made: self.created.and_then(|text| text.parse().ok()),
        })
    }
}

/// Everything of the project that carries the label of some workshop.
///
/// # Errors
/// [`HetznerError`].
pub async fn labelled(access: Access) -> Result<Vec<Labelled>, HetznerError> {
    let api = Api::new(&access.endpoint, access.token, access.pace, access.notice)?;
    let mut all = Vec::new();
    for list in ["servers", "firewalls", "ssh_keys"] {
        // Whatever the value is.
        let selector = [("label_selector", WORKSHOP.to_owned())];
        let doing = format!("looking for workshops in the project ({list})");
        let things: Vec<Thing> = api.list(list, &selector, &doing).await?;
        let is_server = list == "servers";
        all.extend(things.into_iter().filter_map(|it| it.labelled(is_server)));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_label_with_an_id_is_a_workshops() {
        let labelled = |workshop: &str, is_server| {
            let thing: Thing = serde_json::from_value(serde_json::json!({
                "name": "able-0badcafe", "created": "2027-01-01T00:00:00Z", "moon": true,
                "labels": { "workshop": workshop, "word": "able\u{1b}" },
            }))
            .unwrap();
            thing.labelled(is_server)
        };
        let server = labelled("0badcafe", true).unwrap();
        assert_eq!(server.word.as_deref(), Some("able\u{FFFD}"));
        assert!(server.made.is_some());
        assert_eq!(labelled("0badcafe", false).unwrap().word, None);
        for other in ["", "production", "0BADCAFE"] {
            assert_eq!(labelled(other, true), None, "{other}");
        }
    }
}
