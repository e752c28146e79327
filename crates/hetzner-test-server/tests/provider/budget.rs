//! How many requests are made: counted by the server.

use crate::fixture::Fixture;

/// As a run of `provision` does it: look, prepare, make all side by side.
async fn provision(fixture: &Fixture, hosts: usize) {
    let run = fixture.run();
    run.list().await.unwrap();
    run.prepare().await.unwrap();
    let mut set = tokio::task::JoinSet::new();
    for number in 0..hosts {
        let (run, spec) = (run.clone(), fixture.spec(&format!("word{number}")));
        set.spawn(async move { run.create(&spec).await });
    }
    while let Some(made) = set.join_next().await {
        made.unwrap().unwrap();
    }
    assert_eq!(run.list().await.unwrap().len(), hosts);
}

#[tokio::test]
async fn making_n_servers_takes_at_most_twice_n_and_twenty_requests() {
    for hosts in [1, 4, 30, 100] {
        let fixture = Fixture::new().await;
        provision(&fixture, hosts).await;
        let calls = fixture.server.world.calls().len();
        assert!(
            calls <= 2 * hosts + 20,
            "{hosts} hosts took {calls} requests"
        );
        assert_eq!(fixture.server.world.servers().len(), hosts);

        fixture.server.world.forget_calls();
        provision(&fixture, hosts).await;
        let calls = fixture.server.world.calls().len();
        assert!(
            calls <= 5,
            "{hosts} hosts: the second run took {calls} requests"
        );
    }
}

#[tokio::test]
async fn hosts_one_after_the_other_take_no_more() {
    let fixture = Fixture::new().await;
    let run = fixture.run();
    for number in 0..20 {
        run.create(&fixture.spec(&format!("word{number}")))
            .await
            .unwrap();
    }
    let calls = fixture.server.world.calls().len();
    assert!(calls <= 2 * 20 + 20, "{calls} requests");
}

#[tokio::test]
async fn a_host_that_is_off_is_started_and_not_made_again() {
    let fixture = Fixture::new().await;
    fixture.run().create(&fixture.spec("able")).await.unwrap();
    fixture.server.world.power_off("able-0badcafe");
    let run = fixture.run();
    assert!(!run.list().await.unwrap()[0].running);
    run.create(&fixture.spec("able")).await.unwrap();
    assert!(fixture.run().list().await.unwrap()[0].running);
    assert_eq!(fixture.server.world.most_servers(), 1);
}
