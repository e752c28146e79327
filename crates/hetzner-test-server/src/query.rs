//! Label selectors and pages, as the API has them.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

/// What stands behind the `?`, in its order; a name may come twice.
pub(crate) type Query = Vec<(String, String)>;

pub(crate) fn parse(text: &str) -> Query {
    let url = reqwest::Url::parse(&format!("http://localhost/?{text}"));
    url.map(|url| url.query_pairs().into_owned().collect())
        .unwrap_or_default()
}

pub(crate) fn get<'a>(query: &'a Query, name: &str) -> Option<&'a str> {
    let found = query.iter().find(|(other, _)| other == name);
    found.map(|(_, value)| value.as_str())
}

/// Whether labels fit a selector: `k`, `!k`, `k=v`, `k==v`, `k!=v`, with commas between.
pub(crate) fn selects(selector: &str, labels: &HashMap<String, String>) -> bool {
    selector.split(',').map(str::trim).all(|one| {
        if let Some((key, value)) = one.split_once("!=") {
            labels.get(key).is_none_or(|label| label != value)
        } else if let Some((key, value)) = one.split_once('=') {
            labels
                .get(key)
                .is_some_and(|label| label == value.trim_start_matches('='))
        } else if let Some(key) = one.strip_prefix('!') {
            !labels.contains_key(key)
        } else {
            one.is_empty() || labels.contains_key(one)
        }
    })
}

/// One page of a list, with its `meta`.
pub(crate) fn page(key: &str, all: Vec<Value>, query: &Query) -> Value {
    let number = |name, default: usize| {
        let number = get(query, name).and_then(|text| text.parse().ok());
        number.filter(|number| *number > 0).unwrap_or(default)
    };
    let (page, per_page) = (number("page", 1), number("per_page", 25).min(50));
    let last = all.len().div_ceil(per_page).max(1);
    let total = all.len();
    let items: Vec<Value> = all
        .into_iter()
        .skip((page - 1) * per_page)
        .take(per_page)
        .collect();
    let mut answer = Map::new();
    answer.insert(key.to_owned(), Value::Array(items));
    answer.insert(
        "meta".to_owned(),
        json!({ "pagination": {
            "page": page, "per_page": per_page, "last_page": last, "total_entries": total,
            "previous_page": (page > 1).then(|| page - 1), "next_page": (page < last).then(|| page + 1),
        } }),
    );
    Value::Object(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_those_of_the_documentation() {
        let labels = HashMap::from([("workshop".to_owned(), "0badcafe".to_owned())]);
        for (selector, fits) in [
            ("workshop", true),
            ("workshop=0badcafe", true),
            ("workshop==0badcafe", true),
            ("workshop=other", false),
            ("workshop!=other", true),
            ("!workshop", false),
            ("workshop=0badcafe,!word", true),
            ("workshop,word", false),
            ("", true),
        ] {
            assert_eq!(selects(selector, &labels), fits, "{selector}");
        }
    }

    #[test]
    fn pages_lead_to_each_other() {
        let all: Vec<Value> = (0..60).map(Value::from).collect();
        let first = page("things", all.clone(), &parse("per_page=100"));
        assert_eq!(first["things"].as_array().unwrap().len(), 50);
        assert_eq!(first["meta"]["pagination"]["next_page"], 2);
        let second = page("things", all, &parse("per_page=50&page=2"));
        assert_eq!(second["things"].as_array().unwrap().len(), 10);
        assert!(second["meta"]["pagination"]["next_page"].is_null());
    }
}
