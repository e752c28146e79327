//! What a participant finds on their own host, with nothing but OpenSSH and their own key.

use super::workshop::{Inventory, Workshop, eventually, run, word_of};

#[test]
fn a_key_opens_one_host_and_everything_on_it() {
    let people = [("Ada", "ada"), ("Bob", "bob"), ("Cat", "cat")];
    let workshop = Workshop::new(&Inventory::new(&people));
    let hosts = workshop.provision();
    let words: Vec<&str> = people
        .iter()
        .map(|(name, _)| word_of(&hosts, name))
        .collect();

    // Every key at every door.
    for (mine, (_, key)) in people.iter().enumerate() {
        for (at, word) in words.iter().enumerate() {
            let ran = workshop.ssh(key, &[word, "hostname"]);
            if at == mine {
                assert_eq!(ran.exits(0).trim(), *word);
            } else {
                assert_eq!(ran.status, Some(255), "{key} opens {word}");
                refuses_all_but_keys(&ran.stderr);
            }
        }
        let root = workshop.ssh(key, &["-l", "root", words[mine], "true"]);
        assert_eq!(root.status, Some(255));
        refuses_all_but_keys(&root.stderr);
        let builder = workshop.ssh(key, &["builder", "true"]);
        assert_eq!(builder.status, Some(255));
    }
    let (key, word) = ("ada", words[0]);
    no_password_is_asked_for(&workshop, word);
    another_host_key_is_refused(&workshop, key, word);

    assert_eq!(workshop.says(key, word, "id -un"), "workshop");
    assert_eq!(workshop.says(key, word, "sudo -n id -u"), "0");
    assert_eq!(
        workshop.says(key, word, "which bitcoind"),
        "/usr/local/bin/bitcoind"
    );
    let chain = workshop.says(key, word, "bitcoin-cli getblockchaininfo");
    let chain: serde_json::Value = serde_json::from_str(&chain).unwrap();
    assert_eq!(chain["chain"], "regtest");
    the_nodes_are_peers(&workshop, &people, &words);

    nothing_is_compiled_until_something_is_changed(&workshop, key, word);
    let shell = "cd bitcoin && nix-shell --run 'cmake --version'";
    let ran = workshop.ssh(key, &[word, shell]);
    assert!(ran.stdout.starts_with("cmake version "), "{ran:?}");
    assert!(!ran.stderr.contains("Error"), "{ran:?}");
    // CMake finds its modules, the compiler and the libraries.
    let configure = "cd bitcoin && nix-shell --run 'cmake -S . -B /tmp/mine -G Ninja -DENABLE_IPC=OFF -DENABLE_WALLET=OFF'";
    let told = workshop.says(key, word, configure);
    assert!(
        told.contains("Build files have been written to: /tmp/mine"),
        "{told}"
    );

    the_profile_rolls_back(&workshop, word);
}

#[test]
fn the_node_runs_on_the_chain_that_the_inventory_names() {
    let mut inventory = Inventory::new(&[("Ada", "ada"), ("Bob", "bob")]);
    inventory.chain = "testnet4";
    let workshop = Workshop::new(&inventory);
    let hosts = workshop.provision();
    let words: Vec<&str> = hosts.iter().map(|host| host.word.as_str()).collect();
    for (key, word) in ["ada", "bob"].into_iter().zip(&words) {
        let chain = workshop.says(key, word, "bitcoin-cli getblockchaininfo");
        assert!(chain.contains(r#""chain": "testnet4""#), "{chain}");
    }
    the_nodes_are_peers(&workshop, &inventory.people, &words);

    inventory.chain = "signet";
    workshop.write(&inventory);
    for host in workshop.provision() {
        assert!(host.changed.contains(&"node".to_owned()), "{host:?}");
        let info = workshop.root(
            &host.word,
            "runuser -l workshop -c 'bitcoin-cli getblockchaininfo'",
        );
        assert!(info.contains(r#""chain": "signet""#), "{info}");
    }
    the_nodes_are_peers(&workshop, &inventory.people, &words);
    workshop.provision_changes_nothing();
}

/// sshd names the ways in that are left.
#[track_caller]
fn refuses_all_but_keys(stderr: &str) {
    assert!(
        stderr.contains("Permission denied (publickey)."),
        "{stderr}"
    );
}

fn no_password_is_asked_for(workshop: &Workshop, word: &str) {
    let ways = "PreferredAuthentications=password,keyboard-interactive";
    let ran = workshop.ssh(
        "ada",
        &["-o", ways, "-o", "PasswordAuthentication=yes", word, "true"],
    );
    assert_eq!(ran.status, Some(255));
    refuses_all_but_keys(&ran.stderr);
}

fn another_host_key_is_refused(workshop: &Workshop, key: &str, word: &str) {
    let other = std::fs::read_to_string(workshop.key("other").with_extension("pub")).unwrap();
    let known = workshop.path().join("known");
    std::fs::write(&known, format!("{word} {other}")).unwrap();
    let option = format!("UserKnownHostsFile={}", known.display());
    let ran = workshop.ssh(key, &["-o", &option, word, "true"]);
    assert_eq!(ran.status, Some(255));
    assert!(
        ran.stderr.contains("Host key verification failed"),
        "{ran:?}"
    );
    // Nor is an unknown one learned.
    let ran = workshop.ssh(key, &["-o", "UserKnownHostsFile=/dev/null", word, "true"]);
    assert_eq!(ran.status, Some(255), "{ran:?}");
}

/// Every node is connected to every other: there are few enough of them.
fn the_nodes_are_peers(workshop: &Workshop, people: &[(&str, &str)], words: &[&str]) {
    for ((_, key), word) in people.iter().zip(words) {
        eventually("the nodes are peers", || {
            let told = workshop.says(key, word, "bitcoin-cli getpeerinfo");
            let peers: Vec<serde_json::Value> = serde_json::from_str(&told).unwrap();
            let mut addresses: Vec<&str> = peers
                .iter()
                .filter_map(|peer| peer["addr"].as_str()?.split(':').next())
                .collect();
            addresses.sort_unstable();
            addresses.dedup();
            if addresses.len() == words.len() - 1 {
                Ok(())
            } else {
                Err(format!("{word} is connected to {addresses:?}"))
            }
        });
    }
}

fn nothing_is_compiled_until_something_is_changed(workshop: &Workshop, key: &str, word: &str) {
    let build = "cd bitcoin && cmake --build build";
    let told = workshop.says(key, word, build);
    for work in ["Building", "Linking"] {
        assert!(!told.contains(work), "{told}");
    }
    // A text that `bitcoind -help` shows: the new program, not only its time stamp, must have it.
    let edit = "cd bitcoin && sed -i 's/Print version and exit/Print version and go/' src/init.cpp";
    workshop.says(key, word, edit);
    let told = workshop.says(key, word, build);
    assert!(
        told.contains("init.cpp") && told.contains("Linking"),
        "{told}"
    );
    assert!(told.matches("Building").count() <= 2, "{told}");
    workshop.says(
        key,
        word,
        "bitcoin/build/bin/bitcoind -help | grep -q 'Print version and go'",
    );
    // The node's own is another one.
    workshop.says(
        key,
        word,
        "bitcoind -help | grep -q 'Print version and exit'",
    );
}

fn the_profile_rolls_back(workshop: &Workshop, word: &str) {
    let profile = "/nix/var/nix/profiles/workshop";
    let now = || workshop.root(word, &format!("readlink -f {profile}"));
    let ours = now();
    // A generation that only has Bitcoin Core, then ours once more.
    let bitcoin = workshop.root(
        word,
        &format!("dirname $(dirname $(readlink -f {profile}/bin/bitcoind))"),
    );
    for path in [&bitcoin, &ours] {
        workshop.root(word, &format!("nix-env -p {profile} --set {path}"));
    }
    workshop.root(word, &format!("nix-env -p {profile} --rollback"));
    assert_eq!(now(), bitcoin);
    // What is called is the profile's at once, and the node was not touched.
    assert_eq!(
        workshop.root(word, "readlink -f /usr/local/bin/bitcoind"),
        format!("{bitcoin}/bin/bitcoind")
    );
    let hosts = workshop.provision();
    let host = hosts.iter().find(|host| host.word == word).unwrap();
    assert!(host.changed.contains(&"closure".to_owned()), "{host:?}");
    assert!(!host.changed.contains(&"node".to_owned()), "{host:?}");
    assert_eq!(now(), ours);
    workshop.provision_changes_nothing();
}

/// The instructor's own way in takes the same files.
#[test]
fn workshop_ssh_passes_on_how_the_command_ended() {
    let workshop = Workshop::new(&Inventory::new(&[("Ada", "ada")]));
    let hosts = workshop.provision();
    let word = word_of(&hosts, "Ada");
    workshop.run(&["ssh", word, "exit 7"]).exits(7);
    assert_eq!(
        workshop.root(word, "printf '%s\\n' 'a  b'; whoami"),
        "a  b\nroot"
    );
    workshop.run(&["ssh", "nobody", "true"]).exits(2);
    // From another folder too: the written files name no folder that depends on it.
    let mut elsewhere = workshop.command(&["ssh", "--inventory"]);
    elsewhere
        .arg(workshop.path().join("inventory.yaml"))
        .args([word, "hostname"])
        .current_dir("/");
    assert_eq!(run(&mut elsewhere).exits(0).trim(), word);
}
