//! `docs/inventory.schema.json` is the schema of this version; `UPDATE_SCHEMA=1` writes it anew.

use std::path::Path;

use provisioner::inventory::{Inventory, schema};

#[test]
fn the_committed_schema_is_the_generated_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/inventory.schema.json");
    let generated = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == generated,
        "docs/inventory.schema.json is out of date: UPDATE_SCHEMA=1 cargo test -p provisioner --test schema"
    );
}

/// What the schema offers, the reader takes: every word, every default, every bound.
#[test]
fn whatever_the_schema_offers_is_read() {
    let schema = schema();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("inventory.yaml");
    let mut checked = 0;
    let mut check = |section: &[&str], field: &str, value: &serde_json::Value| {
        // Machines that one has are named.
        let more = match field {
            "provider" if value == "existing" => ", existing: {machines: [192.0.2.7]}",
            "version" if value.to_string().trim_matches('"') != "31.99" => ", source: release",
            _ => "",
        };
        let mut text = format!("{field}: {value}{more}");
        for name in section.iter().rev() {
            text = format!("{name}: {{{text}}}");
        }
        std::fs::write(&path, format!("workshop: {{name: W}}\n{text}\n")).unwrap();
        let loaded = match Inventory::load(&path) {
            Ok(loaded) => loaded,
            Err(problems) => panic!("{text}: {:?}", problems.findings()),
        };
        if field == "version" {
            // As a number too: 30.2 is no 30.02.
            let read = loaded.inventory.bitcoin.version.unwrap().to_string();
            assert_eq!(read, value.to_string().trim_matches('"'));
        }
        checked += 1;
    };
    for section in [
        &["bitcoin"][..],
        &["hosts"],
        &["hosts", "limits"],
        &["guard"],
        &["guard", "cpu"],
        &["guard", "memory"],
        &["guard", "egress"],
    ] {
        let mut node = &schema;
        for name in section {
            node = &node["properties"][name];
            // Fields, or a word such as `off`.
            let branches = node["anyOf"].as_array().into_iter().flatten();
            node = branches.fold(node, |node, branch| match branch.get("properties") {
                Some(_) => branch,
                None => node,
            });
        }
        for (field, form) in node["properties"].as_object().unwrap() {
            let branches = form["anyOf"].as_array().cloned().unwrap_or_default();
            for form in branches.iter().chain([form]) {
                let words = form["oneOf"].as_array().into_iter().flatten();
                for word in words.map(|word| &word["const"]) {
                    check(section, field, word);
                }
                for word in form["enum"].as_array().into_iter().flatten() {
                    check(section, field, word);
                }
                for bound in ["default", "minimum", "maximum"] {
                    if let Some(value) = form.get(bound) {
                        check(section, field, value);
                    }
                }
            }
        }
    }
    assert!(checked > 20, "{checked}");
}
