//! What a tracer has hooked can be seen by others, as long as it has.

use probe::{Probe, Target, hooked_by};

use crate::mode::Mode;
use crate::tracee::id;

in_every_mode! { what_a_session_has_hooked }

fn what_a_session_has_hooked(mode: Mode) {
    let program = mode.program("threads");
    let own = || {
        let all = hooked_by(std::process::id()).unwrap();
        let mut offsets: Vec<u64> = all
            .iter()
            // Other tests of this process hook programs of their own.
            .filter(|hooked| hooked.path.canonicalize().is_ok_and(|path| path == program))
            .map(|hooked| hooked.offset)
            .collect();
        offsets.sort_unstable();
        offsets
    };
    assert_eq!(own(), [] as [u64; 0]);
    let probes = ["threads:tick", "threads:done"];
    let target = Target::path(&program);
    let session = mode.attach(&target, probes.map(|name| Probe::new(id(name))));
    let notes = probe::usdt::read_file(&program).unwrap();
    let mut expected: Vec<u64> = notes
        .tracepoints
        .iter()
        .filter(|one| probes.iter().any(|name| one.id == id(name)))
        .flat_map(|one| one.sites.iter().filter_map(|site| site.offset))
        .collect();
    expected.sort_unstable();
    assert!(!expected.is_empty());
    assert_eq!(own(), expected);
    drop(session);
    assert_eq!(own(), [] as [u64; 0]);
}

#[test]
fn a_process_that_is_gone_is_an_error() {
    // Above the largest number that the kernel gives.
    assert!(hooked_by(4_194_305).is_err());
}
