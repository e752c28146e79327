//! What may have been meant by a name that is not there.

use crate::usdt::{ProbeId, Tracepoints};

/// Names that are at least so alike, of 1.
const ALIKE: f64 = 0.8;
/// More would not help.
const MOST: usize = 3;

impl Tracepoints {
    /// Tracepoints whose names are like `id`, the likest first: what may have been meant.
    pub fn near(&self, id: &ProbeId) -> Vec<ProbeId> {
        let wanted = id.to_string();
        let mut near: Vec<_> = self
            .tracepoints
            .iter()
            .map(|one| {
                let likeness = strsim::jaro_winkler(&wanted, &one.id.to_string());
                // The other half may be all wrong: `cache:add` for `utxocache:add`.
                let half = one.id.name == id.name;
                (if half { 1.0 } else { likeness }, &one.id)
            })
            .filter(|(likeness, _)| *likeness >= ALIKE)
            .collect();
        near.sort_by(|left, right| right.0.total_cmp(&left.0));
        near.into_iter()
            .take(MOST)
            .map(|(_, id)| id.clone())
            .collect()
    }
}
