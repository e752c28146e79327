//! `workshop-pdf` as `workshop` runs it, and as nobody should.

use assert_cmd::Command;
use handouts::pdf::Reply;

fn reply(args: &[&str], stdin: &str) -> (bool, Reply) {
    let output = Command::cargo_bin("workshop-pdf")
        .unwrap()
        .args(args)
        .write_stdin(stdin)
        .output()
        .unwrap();
    assert!(output.stderr.is_empty());
    (
        output.status.success(),
        serde_json::from_slice(&output.stdout).unwrap(),
    )
}

#[test]
fn what_it_does_not_understand_it_refuses_in_json() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    for (args, stdin, told) in [
        (&[][..], "", "run by `workshop handouts`"),
        (&[folder], "", "no JSON of ours"),
        (&[folder], "{\"schema\": 99}", "of another version"),
        (&[folder], "{\"schema\": 1}", "no JSON of ours"),
    ] {
        let (made, reply) = reply(args, stdin);
        assert!(!made);
        let Reply::Failed { message } = reply else {
            panic!("{reply:?}")
        };
        assert!(message.contains(told), "{message}");
    }
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0);
}
