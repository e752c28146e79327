//! `workshop start`: files to begin with, never over somebody's work.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::home::Home;

const START: [&str; 4] = ["start", "task3", "--tree", "tree"];

#[test]
fn a_starter_never_goes_over_work() {
    let home = Home::new();
    let mut runs = vec![home.run(&START)];
    let starter = home.read("workshop/task3.bt");
    assert!(starter.contains("usdt:./build/bin/test_bitcoin:utxocache:add"));
    let mode = fs::metadata(home.path("workshop/task3.bt"))
        .unwrap()
        .permissions();
    assert_eq!(mode.mode() & 0o111, 0o111, "it begins with #!");
    runs.push(home.run(&START));
    home.write("workshop/task3.bt", b"my work\n");
    runs.push(home.run(&START));
    assert_eq!(home.read("workshop/task3.bt"), "my work\n");
    for number in 1..=2 {
        home.write(
            "workshop/task3.bt",
            format!("my work {number}\n").as_bytes(),
        );
        runs.push(home.run(&[&START[..], &["--again"]].concat()));
        assert_eq!(home.read("workshop/task3.bt"), starter);
        assert_eq!(
            home.read(&format!("workshop/task3.{number}.bt")),
            format!("my work {number}\n")
        );
    }
    runs.push(home.run(&["start", "task1"]));
    runs.push(
        home.run(&["start", "task3", "--json"])
            .replace(home.path("").to_str().unwrap(), "HOME/"),
    );
    runs.push(home.run(&["tasks"]));
    insta::assert_snapshot!(runs.join("\n"));
}

#[test]
fn starters_follow_the_tree() {
    let home = Home::new();
    home.write("old/configure.ac", b"define(_CLIENT_VERSION_MAJOR, 23)\n");
    let run = home.run(&["start", "task3", "--tree", "old"]);
    assert!(run.ends_with("[exit 0]\n"), "{run}");
    let starter = home.read("workshop/task3.bt");
    assert!(
        starter.contains("usdt:./src/test/test_bitcoin:utxocache:add"),
        "{starter}"
    );
}

#[test]
fn what_stands_in_the_way_is_said() {
    let home = Home::new();
    fs::create_dir_all(home.path("workshop/task3.bt")).unwrap();
    let directory = home.run(&START);
    fs::remove_dir(home.path("workshop/task3.bt")).unwrap();
    std::os::unix::fs::symlink("nowhere", home.path("workshop/task3.bt")).unwrap();
    let dangling = home.run(&[&START[..], &["--again"]].concat());
    fs::remove_dir_all(home.path("workshop")).unwrap();
    home.write("workshop", b"a file\n");
    let file = home.run(&START);
    insta::assert_snapshot!([directory, dangling, file].join("\n"));
    assert_eq!(home.read("workshop"), "a file\n");
}
