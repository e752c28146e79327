//! The participants' work, and what becomes of it when hosts go: `collect`, `rebuild`, `destroy`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::workshop::{Inventory, STATE, Workshop, host_of, word_of};

const PEOPLE: [(&str, &str); 2] = [("Ada", "ada"), ("Bob", "bob")];

/// All files below a folder, without the parts that every run writes anew.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(&at).unwrap() {
            let entry = entry.unwrap();
            let path = entry.path();
            // What is neither stays in the list, and is no file that anybody expects.
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

fn paths(names: &[&str]) -> Vec<PathBuf> {
    names.iter().map(PathBuf::from).collect()
}

fn collected<'a>(report: &'a Value, word: &str) -> &'a Value {
    let mut hosts = report["hosts"].as_array().unwrap().iter();
    hosts.find(|host| host["word"] == word).unwrap()
}

#[test]
fn work_is_brought_here_and_outlives_its_host() {
    let workshop = Workshop::new(&Inventory::new(&PEOPLE));
    let hosts = workshop.provision();
    let (ada, bob) = (word_of(&hosts, "Ada"), word_of(&hosts, "Bob"));
    let into = workshop.path().join("collected");
    let of = |word: &str| into.join(word);
    let read = |path: PathBuf| std::fs::read_to_string(path).unwrap();

    // Nobody has done anything: there is nothing to bring.
    workshop.run(&["collect"]).exits(0);
    assert_eq!(files(&of(ada)), paths(&["collected.json"]));

    let work = "\
workshop start task3; echo '// Ada was here' > workshop/task3.bt; workshop answer task0 kernel 6.12
mkdir workshop/more; echo mine > 'workshop/more/my notes.txt'; echo 'BEGIN {}' > try.bt
cd bitcoin; echo '// Ada was here' >> src/init.cpp; echo 'int x;' > src/ada.cpp; rm README.md
ln -s /etc/shadow ../workshop/secret; ln -s / ../workshop/root; mkfifo ../workshop/pipe src/pipe
head -c 2000000 /dev/zero > ../workshop/big";
    workshop.says("ada", ada, work);
    // Bob's tar writes what it likes.
    let hostile = "\
sudo mv /usr/bin/tar /usr/bin/tar.real && mkdir -p /tmp/evil/workshop && cd /tmp/evil && echo evil > evil && \
ln -s /etc workshop/etc && printf '#!/bin/sh\\n\
/usr/bin/tar.real -c -P --transform s,^,../../../, -C /tmp/evil evil\\n\
/usr/bin/tar.real -c -P --transform s,^,/tmp/, -C /tmp/evil evil\\n\
/usr/bin/tar.real -c -C /tmp/evil workshop\\n\
/usr/bin/tar.real -c -P --transform s,^,workshop/etc/, -C /tmp/evil evil\\n' | sudo tee /usr/bin/tar >/dev/null && \
sudo chmod 755 /usr/bin/tar";
    workshop.says("bob", bob, hostile);
    let before = std::fs::read_dir(workshop.path()).unwrap().count();
    let report = workshop.run(&["collect", "--json"]).json();
    let expected = [
        "bitcoin.patch",
        "collected.json",
        "home/try.bt",
        "progress.json",
        "workshop/answers.yaml",
        "workshop/more/my notes.txt",
        "workshop/task3.bt",
    ];
    assert_eq!(files(&of(ada)), paths(&expected));
    let patch = read(of(ada).join("bitcoin.patch"));
    for part in [
        "+++ b/src/init.cpp",
        "+// Ada was here",
        "+int x;",
        "--- a/README.md",
    ] {
        assert!(patch.contains(part), "{part}: {patch}");
    }
    // What `provision` put there is nobody's work.
    assert!(!patch.contains("shell.nix"), "{patch}");
    let left_out = collected(&report, ada)["left_out"].to_string();
    for path in [
        "workshop/secret",
        "workshop/root",
        "workshop/pipe",
        "workshop/big",
        "bitcoin/src/pipe",
    ] {
        assert!(left_out.contains(path), "{path}: {left_out}");
    }
    // A link that the host sends is not made, so nothing is written through it.
    assert_eq!(
        files(&of(bob)),
        paths(&["collected.json", "workshop/etc/evil"])
    );
    assert_eq!(std::fs::read_dir(workshop.path()).unwrap().count(), before);
    assert!(!Path::new("/tmp/evil").exists() && !Path::new("/etc/evil").exists());

    // A second run is what there is now; a host that does not answer takes nothing away.
    workshop.says(
        "ada",
        ada,
        "echo better > workshop/task3.bt; rm -r workshop/more",
    );
    workshop.root(
        bob,
        "systemctl stop ssh.socket ssh.service 2>/dev/null; true",
    );
    let ran = workshop.run(&["collect", "--json"]);
    let report: Value = serde_json::from_str(&ran.exits(1)).unwrap();
    assert!(collected(&report, bob)["error"].is_string(), "{report}");
    assert!(of(bob).join("workshop/etc/evil").exists());
    assert_eq!(read(of(ada).join("workshop/task3.bt")), "better\n");
    assert!(!of(ada).join("workshop/more").exists());

    // A fresh host: known by the same key, and the work of the last minute is here.
    workshop.says("ada", ada, "echo best > workshop/task3.bt");
    let known = read(workshop.path().join(STATE).join("known_hosts"));
    let boot = workshop.boot_id(ada);
    workshop.run(&["rebuild", ada]).exits(2);
    workshop.run(&["rebuild", "nobody", "--yes"]).exits(2);
    let rebuilt = workshop.run(&["rebuild", ada, "--yes", "--json"]).hosts(0);
    let (old, new) = (host_of(&hosts, "Ada"), host_of(&rebuilt, "Ada"));
    assert_eq!(
        (&old.word, &old.address, &old.host_key),
        (&new.word, &new.address, &new.host_key)
    );
    assert_eq!(read(workshop.path().join(STATE).join("known_hosts")), known);
    assert_ne!(workshop.boot_id(ada), boot);
    workshop.says(
        "ada",
        ada,
        "test ! -e workshop && test -e bitcoin/README.md",
    );
    assert_eq!(read(of(ada).join("workshop/task3.bt")), "best\n");

    // The new host's work does not replace the old one's.
    workshop.run(&["collect", "--only", ada]).exits(0);
    assert_eq!(files(&of(ada)), paths(&["collected.json"]));
    let earlier = into.join(format!("{ada}.1/workshop/task3.bt"));
    assert_eq!(read(earlier.clone()), "best\n");

    // Killed at any moment, the next run goes on.
    for tenths in [2, 12, 40] {
        workshop.says(
            "ada",
            ada,
            &format!("mkdir -p workshop; echo {tenths} > workshop/task3.bt"),
        );
        workshop
            .start(&["rebuild", ada, "--yes"])
            .killed_after(Duration::from_millis(tenths * 100));
        workshop.run(&["rebuild", ada, "--yes"]).exits(0);
        workshop.says("ada", ada, "test ! -e workshop");
        let kept = files(&into).into_iter().any(|path| {
            path.ends_with("workshop/task3.bt") && read(into.join(path)) == format!("{tenths}\n")
        });
        assert!(
            kept,
            "the work before the rebuild that was killed after {tenths}/10 s"
        );
    }

    // A host that does not answer does not keep the others; without a yes nothing goes.
    workshop.says("ada", ada, "mkdir workshop; echo last > workshop/task3.bt");
    workshop.run(&["destroy"]).exits(2);
    workshop.says("ada", ada, "true");
    let report = workshop.run(&["destroy", "--yes", "--json"]).json();
    assert_eq!(report["left"], Value::Array(vec![]));
    let gone = report["gone"].as_array().unwrap();
    assert!(gone.iter().any(|word| word == bob), "{report}");
    assert_eq!(read(of(ada).join("workshop/task3.bt")), "last\n");
    assert_eq!(read(earlier), "best\n");
}

#[test]
fn a_workshop_whose_state_is_lost_is_found_by_its_label() {
    let workshop = Workshop::new(&Inventory::new(&PEOPLE[..1]));
    let hosts = workshop.provision();
    let ada = word_of(&hosts, "Ada");
    let label = workshop.id().unwrap();
    let state = workshop.path().join(STATE);
    let aside = workshop.path().join("aside");
    std::fs::rename(&state, &aside).unwrap();
    let ran = workshop.run(&["destroy", "--yes"]);
    let said = ran.stderr.clone();
    ran.exits(0);
    assert!(
        said.contains(&format!("--label {label}")) && said.contains(ada),
        "{said}"
    );
    assert!(!state.exists(), "what makes nothing writes nothing");
    // A label that nothing carries is none.
    workshop
        .run(&["destroy", "--yes", "--label", "00000000"])
        .exits(2);
    workshop.run(&["destroy", "--label", &label]).exits(2);
    let report = workshop
        .run(&["destroy", "--yes", "--json", "--label", &label])
        .json();
    assert_eq!(report["left"], Value::Array(vec![]));
    std::fs::rename(&aside, &state).unwrap();
    // And the state that was lost agrees.
    workshop.destroy();
}
