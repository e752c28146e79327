//! What is counted and added up.

use serde_json::{Value, json};

use super::{Place, events, settings, tracepoint};

#[test]
fn every_number_is_exact() {
    let place = Place::new();
    let counted = place.counted(
        0,
        &[
            "./fixture",
            "utxocache:add",
            "--count",
            "--sum",
            "value",
            "--range",
            "value",
            "--hist",
            "value",
            "--by",
            "txid",
            "net:inbound_message",
            "--by",
            "message_type",
            "--sum",
            "message_size",
            "fixture:own",
            "--range",
            "arg0",
            "--lhist",
            "arg0:-1000:0:250",
            "--",
            "./fixture",
            "1000",
        ],
    );
    assert_eq!(events(&counted), [1000, 100, 1000]);
    assert_eq!(counted["complete"], true);
    assert_eq!(counted["ended"], "command");
    assert_eq!(
        counted["ran"],
        json!({"command": ["./fixture", "1000"], "exit": 0, "signal": null})
    );

    let added = tracepoint(&counted, 0);
    let value = &added["measures"][0];
    assert_eq!(value["argument"], "value");
    assert_eq!(
        [&value["count"], &value["sum"], &value["min"], &value["max"]],
        [&json!(1000), &json!(499_500), &json!(0), &json!(999)]
    );
    assert_eq!(value["mean"], 499.5);
    let buckets: Vec<_> = (0..=10)
        .map(|bits| {
            let (low, high) = if bits == 0 {
                (0, 1)
            } else {
                (1 << (bits - 1), 1 << bits)
            };
            json!({"low": low, "high": high, "count": high.min(1000) - low})
        })
        .collect();
    assert_eq!(
        value["histogram"],
        json!({"scale": "log2", "buckets": buckets})
    );
    assert_eq!(added["by"], "txid");
    // As Bitcoin Core shows it: the last byte in memory first.
    let zeroes = "0".repeat(60);
    let groups: Vec<_> = (0..4)
        .map(|first| (format!("f0{zeroes}0{first}"), 250, 124_500 + 250 * first))
        .collect();
    assert_eq!(keys(&added["groups"]), groups);

    let messages = tracepoint(&counted, 1);
    assert_eq!(
        keys(&messages["groups"]),
        [
            ("inv".to_owned(), 50, 2000),
            ("odd name".to_owned(), 50, 2500)
        ]
    );

    let own = &tracepoint(&counted, 2)["measures"];
    assert_eq!([&own[0]["min"], &own[0]["max"]], [&json!(-999), &json!(0)]);
    let buckets: Vec<_> = [
        (-1000, -750, 249),
        (-750, -500, 250),
        (-500, -250, 250),
        (-250, 0, 250),
    ]
    .iter()
    .map(|(low, high, count)| json!({"low": low, "high": high, "count": count}))
    .chain([json!({"low": 0, "high": null, "count": 1})])
    .collect();
    assert_eq!(
        own[0]["histogram"],
        json!({"scale": "linear", "buckets": buckets})
    );
}

/// Each group's key, its events, and the sum of its one measure.
fn keys(groups: &Value) -> Vec<(String, u64, u64)> {
    let groups = groups.as_array().unwrap().iter();
    groups
        .map(|group| {
            (
                group["key"].as_str().unwrap().to_owned(),
                group["events"].as_u64().unwrap(),
                group["measures"][0]["sum"].as_u64().unwrap(),
            )
        })
        .collect()
}

#[test]
fn conditions_leave_events_out() {
    let place = Place::new();
    let counted = place.counted(
        0,
        &[
            "./fixture",
            "utxocache:add",
            "--where",
            "value >= 100",
            "--where",
            "arg1 == 2",
            "fixture:own",
            "--where",
            "arg0 < -997",
            "utxocache:add",
            "--where",
            "is_coinbase == 1",
            "--",
            "./fixture",
            "1000",
        ],
    );
    // Of 100 to 999 every third, from 101 on; the same tracepoint twice counts twice.
    assert_eq!(events(&counted), [300, 2, 500]);
}

#[test]
fn a_pattern_stands_for_many() {
    let place = Place::new();
    let args = [
        "./fixture",
        "--range",
        "arg0",
        "net:*",
        "fixture:*",
        "--",
        "./fixture",
        "50",
    ];
    let counted = place.counted(0, &args);
    let names: Vec<_> = (0..3)
        .map(|at| tracepoint(&counted, at)["name"].clone())
        .collect();
    assert_eq!(
        names,
        ["net:inbound_message", "fixture:ended", "fixture:own"]
    );
    assert_eq!(events(&counted), [5, 0, 50]);
}

#[test]
fn what_is_lost_is_said_and_is_no_success() {
    let place = Place::new();
    let args = [
        "./fixture",
        "utxocache:add",
        "--by",
        "value",
        "--",
        "./fixture",
        "100",
    ];
    let counted = place.counted(1, &[&["--groups", "10"], &args[..]].concat());
    let added = tracepoint(&counted, 0);
    assert_eq!(counted["complete"], false);
    assert_eq!(added["events"], 100);
    let grouped: u64 = keys_of_integers(&added["groups"])
        .iter()
        .map(|(_, events)| events)
        .sum();
    assert_eq!(added["lost"]["ungrouped"].as_u64().unwrap() + grouped, 100);
    assert!(grouped < 100);
    let told = place.told(&[&["trace", "--groups", "10"], &args[..]].concat());
    assert!(told.contains("\nlost: "), "{told}");
    assert!(told.ends_with("[exit 1]\n"), "{told}");
    // Enough of them, and nothing is lost.
    let counted = place.counted(0, &args);
    assert_eq!(
        keys_of_integers(&tracepoint(&counted, 0)["groups"]).len(),
        100
    );
}

fn keys_of_integers(groups: &Value) -> Vec<(i64, u64)> {
    let groups = groups.as_array().unwrap().iter();
    groups
        .map(|group| {
            (
                group["key"].as_i64().unwrap(),
                group["events"].as_u64().unwrap(),
            )
        })
        .collect()
}

#[test]
fn people_get_tables_and_bars() {
    let place = Place::new();
    settings().bind(|| {
        insta::assert_snapshot!(place.told(&[
            "trace",
            "./fixture",
            "utxocache:add",
            "--sum",
            "value",
            "--hist",
            "value",
            "--by",
            "txid",
            "net:inbound_message",
            "--count",
            "fixture:own",
            "--count",
            "--",
            "./fixture",
            "12000",
        ]));
        insta::assert_snapshot!(place.told(&[
            "trace",
            "./fixture",
            "utxocache:add",
            "--by",
            "value",
            "--range",
            "height",
            "--top",
            "3",
            "--",
            "./fixture",
            "1200",
        ]));
        insta::assert_snapshot!(place.told(&[
            "trace",
            "./fixture",
            "*",
            "--",
            "./fixture",
            "40",
            "3"
        ]));
    });
}
