//! Maps with keys: which of them belong together.

use std::collections::BTreeMap;

/// A part of a key with more different values than this is an address, a txid or a clock, and no group.
const GROUPS: usize = 16;

/// Groups of keys by each part that they have in common, with the group's name and the keys' places: of
/// `usdt:…:add,0`, `usdt:…:add,1` and `usdt:…:spent,0` the first two are one by their first part.
pub(super) fn groups(keys: &[&str]) -> Vec<(String, Vec<usize>)> {
    let parts: Vec<Vec<&str>> = keys.iter().map(|key| key.split(',').collect()).collect();
    let width = parts.first().map_or(0, Vec::len);
    if width < 2 || parts.iter().any(|one| one.len() != width) {
        return Vec::new();
    }
    let mut groups = Vec::new();
    for at in 0..width {
        let mut by_part: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (place, key) in parts.iter().enumerate() {
            if let Some(part) = key.get(at) {
                by_part.entry(part).or_default().push(place);
            }
        }
        if by_part.len() <= GROUPS {
            let named = by_part.into_iter();
            groups.extend(named.map(|(part, places)| (part.to_owned(), places)));
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_grouped_by_each_part() {
        let keys = ["add,0", "add,1", "spent,0"];
        let named: Vec<String> = groups(&keys)
            .into_iter()
            .map(|(name, places)| format!("{name} {places:?}"))
            .collect();
        assert_eq!(named, ["add [0, 1]", "spent [2]", "0 [0, 2]", "1 [1]"]);
        assert!(groups(&["add", "spent"]).is_empty());
        assert!(groups(&["a,b", "c"]).is_empty());
    }
}
