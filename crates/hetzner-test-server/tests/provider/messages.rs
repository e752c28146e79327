//! Every fault, and the words an instructor reads.

use hetzner_test_server::{Fault, Rule};

use crate::fixture::Fixture;

const SERVERS: &str = "/servers";

/// What making one host comes to when the first call that fits goes wrong in this way every time.
async fn making(method: &'static str, path: &'static str, fault: Fault) -> String {
    let fixture = Fixture::impatient().await;
    fixture.server.world.fail(Rule::every(method, path, fault));
    let result = fixture.run().create(&fixture.spec("able")).await;
    fixture.told(&result.unwrap_err())
}

#[tokio::test]
async fn what_the_api_refuses_is_told_with_a_way_out() {
    let mut all = String::new();
    for (status, code, message) in [
        (401, "unauthorized", "unable to authenticate"),
        (
            403,
            "forbidden",
            "insufficient permissions for this request",
        ),
        (403, "resource_limit_exceeded", "server limit exceeded"),
        (404, "not_found", "firewall not found"),
        (409, "conflict", "the resource has changed, please retry"),
        (423, "locked", "server is locked"),
        (422, "unsupported_error", "unsupported feature"),
        (500, "server_error", "an internal error occurred"),
        (503, "unavailable", "service unavailable"),
        (410, "deprecated_api_endpoint", "this was removed"),
    ] {
        let fault = Fault::Refuse(status, code, message);
        all += &format!(
            "{status} {code}\n{}\n",
            making("POST", SERVERS, fault).await
        );
    }
    insta::assert_snapshot!(all);
}

#[tokio::test]
async fn tokens_that_are_not_good_enough() {
    let fixture = Fixture::new().await;
    let mut all = String::new();
    for token in ["another", "test-token-read-only"] {
        let run = fixture.run_with(token, Fixture::settings());
        let error = run.create(&fixture.spec("able")).await.unwrap_err();
        all += &format!("{}\n", fixture.told(&error));
    }
    insta::assert_snapshot!(all);
}

#[tokio::test]
async fn answers_that_do_not_come_or_cannot_be_read() {
    let mut all = String::new();
    for fault in [Fault::Silence, Fault::Lost, Fault::HalfJson] {
        all += &format!("{fault:?}\n{}\n", making("GET", SERVERS, fault).await);
    }
    insta::with_settings!({filters => vec![(r"line \d+ column \d+", "line L column C")]}, {
        insta::assert_snapshot!(all);
    });
}

#[tokio::test]
async fn what_the_inventory_asks_for_and_hetzner_has_not() {
    let fixture = Fixture::new().await;
    let mut all = String::new();
    let mut settings = Fixture::settings();
    settings.image = "debian-31".to_owned();
    let error = fixture
        .run_with("test-token", settings)
        .create(&fixture.spec("able"))
        .await;
    all += &format!("{}\n", fixture.told(&error.unwrap_err()));
    let mut settings = Fixture::settings();
    settings.server_types = vec!["cpx99".to_owned()];
    let error = fixture
        .run_with("test-token", settings)
        .create(&fixture.spec("able"))
        .await;
    all += &format!("{}\n", fixture.told(&error.unwrap_err()));
    for location in ["fsn1", "nbg1"] {
        fixture.server.world.leave_room(location, 0);
    }
    let error = fixture.run().create(&fixture.spec("able")).await;
    all += &format!("{}\n", fixture.told(&error.unwrap_err()));
    insta::assert_snapshot!(all);
}

#[tokio::test]
async fn the_limit_of_requests_is_waited_for() {
    let fixture = Fixture::new().await;
    fixture
        .server
        .world
        .fail(Rule::first("GET", SERVERS, Fault::RateLimit(1)));
    let run = fixture.run();
    assert_eq!(run.list().await.unwrap(), []);
    // The refused one and, once the limit was whole again, the other.
    let statuses: Vec<u16> = fixture
        .server
        .world
        .calls()
        .iter()
        .map(|call| call.status)
        .collect();
    assert_eq!(statuses, [429, 200]);
    let told = fixture.noticed();
    insta::with_settings!({filters => vec![(r"waiting [0-2] s", "waiting N s")]}, {
        insta::assert_snapshot!(told, @"Hetzner's limit of requests was met while listing the workshop's servers: waiting N s");
    });
}

#[tokio::test]
async fn a_limit_of_requests_that_others_use_up_is_not_waited_for_without_end() {
    let fixture = Fixture::new().await;
    let world = &fixture.server.world;
    world.fail(Rule::every("GET", SERVERS, Fault::RateLimit(1)));
    let error = fixture.run().list().await.unwrap_err();
    let told = fixture.told(&error);
    insta::with_settings!({filters => vec![(r"after [0-9] s", "after N s")]}, {
        insta::assert_snapshot!(told, @r"
        error: Hetzner's limit of requests was reached while listing the workshop's servers, and still is after N s
        hint: The limit counts all programs of this project (3,600 an hour): stop others that use its tokens, then run the command again.
        ");
    });
    let asked = world.calls().len();
    assert!((2..10).contains(&asked), "{asked}");
}

#[tokio::test]
async fn an_action_that_fails_leaves_no_half_server() {
    let fixture = Fixture::new().await;
    let fails = Fault::ActionFails("action_failed", "host is broken");
    fixture
        .server
        .world
        .fail(Rule::first("POST", SERVERS, fails));
    let run = fixture.run();
    let error = run.create(&fixture.spec("able")).await.unwrap_err();
    insta::assert_snapshot!(fixture.told(&error));
    assert_eq!(fixture.server.world.servers(), []);
    run.create(&fixture.spec("able")).await.unwrap();
    assert_eq!(fixture.server.world.servers().len(), 1);
}

#[tokio::test]
async fn a_location_without_room_is_left_for_the_next() {
    let fixture = Fixture::new().await;
    let world = &fixture.server.world;
    world.leave_room("fsn1", 1);
    // As the real one may say it later: by the action.
    let fails = Fault::ActionFails("resource_unavailable", "error during placement");
    world.fail(Rule {
        skip: 3,
        ..Rule::first("POST", SERVERS, fails)
    });
    let run = fixture.run();
    for word in ["able", "zoo", "builder"] {
        run.create(&fixture.spec(word)).await.unwrap();
    }
    let text = |name: &str, location: &str| (name.to_owned(), location.to_owned());
    assert_eq!(
        world.servers(),
        [
            text("able-0badcafe", "fsn1"),
            text("zoo-0badcafe", "nbg1"),
            text("builder-0badcafe", "nbg1"),
        ]
    );
    // Each costs what it is, not what was wanted first.
    let hosts = run.list_with_prices().await.unwrap();
    let offers = run.prices().await.unwrap();
    let cost = |word| hosts.iter().find(|host| host.name == word).unwrap();
    for (word, server_type, location) in [
        ("able", "cpx31", "fsn1"),
        ("zoo", "cpx31", "nbg1"),
        ("builder", "cpx51", "nbg1"),
    ] {
        let mut offered = offers.iter();
        let offer = offered
            .find(|one| one.server_type == server_type && one.location == location)
            .unwrap();
        assert_eq!(cost(word).price.as_ref(), Some(&offer.price), "{word}");
        assert!(cost(word).made.is_some());
    }
    let tariff = run.tariff().await.unwrap();
    assert_ne!(tariff.host, tariff.builder);
    insta::assert_snapshot!(fixture.noticed(), @r"
    Hetzner has no room for cpx31 in fsn1 (error during placement): trying the next that the inventory names
    Hetzner has no room for cpx51 in fsn1 (error during placement): trying the next that the inventory names
    ");
}

#[tokio::test]
async fn a_lost_answer_makes_no_second_server() {
    for fault in [
        Fault::Lost,
        Fault::LostInSilence,
        Fault::DoneBut500,
        Fault::HalfJson,
    ] {
        let fixture = Fixture::impatient().await;
        fixture.server.world.fail(Rule::first("POST", "", fault));
        fixture
            .server
            .world
            .fail(Rule::first("POST", SERVERS, fault));
        fixture.run().create(&fixture.spec("able")).await.unwrap();
        assert_eq!(fixture.server.world.most_servers(), 1, "{fault:?}");
        fixture.run().destroy_all().await.unwrap();
        assert_eq!(fixture.server.world.things(), 0, "{fault:?}");
    }
}

#[tokio::test]
async fn values_of_tomorrow_are_no_trouble() {
    let fixture = Fixture::new().await;
    fixture
        .server
        .world
        .fail(Rule::every("", "", Fault::UnknownValues));
    let run = fixture.run();
    run.create(&fixture.spec("able")).await.unwrap();
    let there = fixture.run().list().await.unwrap();
    assert!(there[0].name == "able" && there[0].running);
    assert_eq!(fixture.run().prices().await.unwrap().len(), 12);
    fixture.run().destroy_all().await.unwrap();
    assert_eq!(fixture.server.world.things(), 0);
}

#[tokio::test]
async fn what_is_not_ours_is_not_touched() {
    let fixture = Fixture::new().await;
    let world = &fixture.server.world;
    world.occupy("able-0badcafe");
    let run = fixture.run();
    let mut all = String::new();
    let error = run.create(&fixture.spec("able")).await.unwrap_err();
    all += &format!("{}\n", fixture.told(&error));
    run.create(&fixture.spec("zoo")).await.unwrap();
    world.copy_labels("zoo-0badcafe");
    let error = fixture.run().list().await.unwrap_err();
    all += &format!("{}\n", fixture.told(&error));
    insta::with_settings!({filters => vec![(r"servers \d+, \d+", "servers A, B")]}, {
        insta::assert_snapshot!(all);
    });
    // Ours and what has our label goes, the other stays.
    fixture.run().destroy_all().await.unwrap();
    assert_eq!(world.servers().len(), 1);
}

#[tokio::test]
async fn the_firewall_follows_the_inventory() {
    let fixture = Fixture::new().await;
    fixture.run().prepare().await.unwrap();
    fixture.server.world.forget_calls();
    fixture.run().prepare().await.unwrap();
    assert_eq!(fixture.server.world.calls().len(), 1, "nothing to change");
    let mut settings = Fixture::settings();
    settings.ssh_from.clear();
    fixture
        .run_with("test-token", settings.clone())
        .prepare()
        .await
        .unwrap();
    fixture.server.world.forget_calls();
    fixture
        .run_with("test-token", settings)
        .prepare()
        .await
        .unwrap();
    assert_eq!(fixture.server.world.calls().len(), 1, "changed before");
}
