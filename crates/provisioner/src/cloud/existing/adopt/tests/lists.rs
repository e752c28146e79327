//! Everything that steps write is in one of the lists.

use super::*;

/// The scripts' own words for where a file is; what is in none of the lists would stay on somebody's machine.
fn is_covered(path: &str) -> bool {
    let within = |folder: &str| path == folder || path.starts_with(&format!("{folder}/"));
    let lists = [paths::SHARED, paths::SSH_SHARED, paths::BROUGHT];
    within(BEFORE)
        || paths::ours().iter().any(|folder| within(folder))
        || lists.concat().contains(&path)
}

#[test]
fn whatever_steps_write_is_undone() {
    let context = crate::steps::tests::context();
    let folder = tempfile::tempdir().unwrap();
    let cache = crate::nix::cache::Cache::open(folder.path()).unwrap();
    let builder = crate::nix::builder::steps(&cache, None);
    let steps = [crate::steps::host(&context), builder].concat();
    for file in steps.iter().flat_map(|step| &step.files) {
        assert!(
            is_covered(&file.path),
            "{} is in no list of paths.rs",
            file.path
        );
    }
    // What is only read, made by a package, or a folder in front of a variable.
    const KNOWN: &[&str] = &[
        "/dev/null",
        "/bin/bash",
        "/proc/sys/kernel/osrelease",
        "/usr/sbin/nologin",
        "/usr/share/bash-completion/completions",
        "/etc/systemd/system/",
        "/usr/local/bin/",
        "/usr/src",
        "/usr/src/linux-headers-",
        // What remove_headers looks through.
        "/lib/modules/",
    ];
    for step in &steps {
        let words = step
            .change
            .text()
            .split(|c: char| c.is_whitespace() || "'\"`;|&<>()=$*{}".contains(c));
        // Store paths go when the profile does.
        let words = words.filter(|word| word.starts_with('/') && !word.starts_with("/nix/store/"));
        // A pattern of sed's.
        for word in words.filter(|word| !word.starts_with("/^")) {
            assert!(
                KNOWN.contains(&word) || is_covered(word),
                "step `{}` names {word}, which is in no list of paths.rs",
                step.id
            );
        }
    }
}
