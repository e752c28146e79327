//! Which kind of server is tried where, in which order.

use std::fmt;
use std::sync::{Mutex, PoisonError};

/// A kind of server in a location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) server_type: String,
    pub(super) location: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.server_type, self.location)
    }
}

/// The first type in every location, then the next type: participants should have equal machines, and do not see
/// where they are.
pub(super) fn places(server_types: &[String], locations: &[String]) -> Vec<Place> {
    let all = server_types.iter().flat_map(|server_type| {
        locations.iter().map(move |location| Place {
            server_type: server_type.clone(),
            location: location.clone(),
        })
    });
    all.collect()
}

/// Places that had no room in this run, so that not every host asks for itself.
#[derive(Debug, Default)]
pub(super) struct SoldOut {
    seen: Mutex<Vec<(Place, String)>>,
}

impl SoldOut {
    pub(super) fn reason(&self, place: &Place) -> Option<String> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let found = seen.iter().find(|(other, _)| other == place);
        found.map(|(_, reason)| reason.clone())
    }

    /// Whether that is news.
    pub(super) fn note(&self, place: &Place, reason: &str) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = seen.iter().all(|(other, _)| other != place);
        if is_news {
            seen.push((place.clone(), reason.to_owned()));
        }
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_tried_everywhere_before_the_next() {
        let text = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        let places = places(&text(&["cpx31", "cx32"]), &text(&["fsn1", "nbg1"]));
        let shown: Vec<String> = places.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "cpx31 in fsn1",
                "cpx31 in nbg1",
                "cx32 in fsn1",
                "cx32 in nbg1"
            ]
        );
        let sold_out = SoldOut::default();
        assert!(sold_out.note(&places[0], "no room"));
        assert!(!sold_out.note(&places[0], "no room"));
        assert_eq!(sold_out.reason(&places[0]).as_deref(), Some("no room"));
        assert_eq!(sold_out.reason(&places[1]), None);
    }
}
