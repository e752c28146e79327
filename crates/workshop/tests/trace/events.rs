//! Events that are printed.

use serde_json::json;

use super::{Place, settings, tracepoint};

#[test]
fn people_get_a_line_for_each_event() {
    let place = Place::new();
    let mut settings = settings();
    settings.add_filter(
        r"(?m)^ +\d+\.\d{6}  \d+/fixture +",
        "[time]  [pid]/fixture  ",
    );
    settings.bind(|| {
        insta::assert_snapshot!(place.told(&[
            "trace",
            "./fixture",
            "utxocache:add",
            "net:inbound_message",
            "--print",
            "fixture:own",
            "--print",
            "--print=arg1:str,arg2:bytes4",
            "--where",
            "arg0 < -9",
            "--",
            "./fixture",
            "11",
        ]));
    });
}

#[test]
fn programs_get_a_document_for_each_event() {
    let place = Place::new();
    let (status, lines) = place.json(&[
        "./fixture",
        "net:inbound_message",
        "--print",
        "fixture:own",
        "--count",
        "utxocache:add",
        "--print=txid,is_coinbase",
        "--where",
        "value == 5",
        "--",
        "./fixture",
        "20",
    ]);
    assert_eq!(status, 0);
    let events: Vec<_> = lines
        .iter()
        .filter(|line| line["type"] == "event")
        .collect();
    let [first, coin, second] = events.as_slice() else {
        panic!("{lines:?}");
    };
    let message = |peer: u64, kind: &str, size: u64, bytes: String| {
        json!({
            "peer_id": peer,
            "peer_addr": "127.0.0.1:8333",
            "connection_type": "inbound",
            "message_type": kind,
            "message_size": size,
            "message_bytes": bytes,
        })
    };
    assert_eq!(first["arguments"], message(0, "inv", 0, String::new()));
    let ten = format!("fabf{}", "00".repeat(8));
    assert_eq!(second["arguments"], message(1, "odd name", 10, ten));
    let txid = format!("f0{}01", "00".repeat(30));
    assert_eq!(
        coin["arguments"],
        json!({"txid": txid, "is_coinbase": true})
    );
    for (event, index, name) in [
        (first, 0, "net:inbound_message"),
        (coin, 2, "utxocache:add"),
    ] {
        assert_eq!(event["index"], index);
        assert_eq!(event["tracepoint"], name);
        assert_eq!(event["comm"], "fixture");
        assert_eq!(event["pid"], event["tid"]);
    }
    let times: Vec<_> = events
        .iter()
        .map(|event| event["seconds"].as_f64().unwrap())
        .collect();
    assert!(times.is_sorted(), "{times:?}");
}

#[test]
fn long_messages_are_cut_and_say_so() {
    let place = Place::new();
    let sizes = |args: &[&str]| -> Vec<_> {
        let (status, lines) = place.json(args);
        assert_eq!(status, 0);
        let events = lines.into_iter().filter(|line| line["type"] == "event");
        events
            .map(|event| {
                let bytes = event["arguments"]["message_bytes"].as_str().unwrap().len() / 2;
                (bytes, event["cut"].clone())
            })
            .collect()
    };
    let cut = json!(["message_bytes"]);
    let whole = serde_json::Value::Null;
    let run = ["--", "./fixture", "51"];
    let start = ["./fixture", "net:inbound_message"];
    assert_eq!(
        sizes(&[&start[..], &["--print"], &run].concat()),
        [
            (0, &whole),
            (10, &whole),
            (20, &whole),
            (30, &whole),
            (32, &cut),
            (32, &cut)
        ]
        .map(|(bytes, cut)| (bytes, cut.clone()))
    );
    assert_eq!(
        sizes(&[&start[..], &["--print=message_bytes:bytes4000"], &run].concat()).last(),
        Some(&(50, whole))
    );
}

#[test]
fn events_that_do_not_fit_are_counted_as_lost() {
    let place = Place::new();
    let args = [
        "--buffer",
        "4KiB",
        "./fixture",
        "fixture:own",
        "--print",
        "--",
        "./fixture",
        "50000",
    ];
    let (status, lines) = place.json(&args);
    let printed = lines.iter().filter(|line| line["type"] == "event").count() as u64;
    let own = tracepoint(lines.last().unwrap(), 0);
    assert_eq!(own["events"], 50_000);
    assert_eq!(own["lost"]["dropped"].as_u64().unwrap() + printed, 50_000);
    assert!(printed < 50_000);
    assert_eq!(status, 1);
}
