//! A seventh task, as somebody adds it who has never seen the others: all of it is in this folder. It is the
//! example of docs/writing-a-task.md, judged through the crate's public face.

#[path = "../law/mod.rs"]
mod law;
mod task6;

use exercises::evidence::SCHEMA;
use exercises::{Answer, Evidence, Observed, State};
use task6::{Seen, TASK};

/// What a check sees on a server that is at block 840,000 of test network 4.
fn evidence(answers: &[(&str, &str)]) -> Evidence<Seen> {
    let answers = answers
        .iter()
        .map(|(question, answer)| ((*question).to_owned(), Answer::new([answer]).unwrap()))
        .collect();
    Evidence {
        schema: SCHEMA,
        checker: "workshop".to_owned(),
        at: "2027-02-20T10:00:00Z".parse().unwrap(),
        host: Some("abandon".to_owned()),
        answers,
        seen: Seen {
            chain: Observed::Known("testnet4".to_owned()),
            heights: Observed::Known((839_990, 840_000)),
        },
    }
}

const RIGHT: [(&str, &str); 2] = [("chain", "testnet4"), ("height", "840000")];

#[test]
fn it_keeps_to_what_every_task_keeps_to() {
    law::ids_can_be_typed(&TASK);
    law::texts_can_be_made(&TASK);
    law::unsolved_fails_and_solved_passes(&TASK, &evidence(&[]), &evidence(&RIGHT));
}

#[test]
fn its_evidence_can_be_saved_and_judged_again() {
    let evidence = evidence(&RIGHT);
    let text = serde_json::to_string(&evidence).unwrap();
    let again: Evidence<Seen> = serde_json::from_str(&text).unwrap();
    assert_eq!(TASK.judge(&again), TASK.judge(&evidence));
}

#[test]
fn right_answers_have_many_forms() {
    for answers in [
        [("chain", "testnet4"), ("height", "839,995")],
        [
            ("chain", "Test network 4 (testnet4)"),
            ("height", "840 000"),
        ],
        [("chain", "TESTNET4"), ("height", "block 840000")],
    ] {
        let verdict = TASK.judge(&evidence(&answers));
        assert_eq!(verdict.verdict, State::Passed, "{verdict:#?}");
    }
}

#[test]
fn each_wrong_answer_has_a_hint_of_its_own() {
    for (question, answer, hint) in [
        ("chain", "main", "another chain"),
        ("chain", "testnet", "there are several test networks"),
        ("height", "many", "give a number"),
        ("height", "839000", "since you answered"),
        ("height", "900000", "has not got so far"),
    ] {
        let mut answers = RIGHT.to_vec();
        answers.push((question, answer));
        let verdict = TASK.judge(&evidence(&answers));
        assert_eq!(verdict.verdict, State::NotPassed, "{answer}");
        let finding = verdict.findings.iter().find(|one| one.id == question);
        let told = finding.unwrap().hint.clone().unwrap_or_default();
        assert!(told.contains(hint), "{answer}: {told}");
    }
}

#[test]
fn a_node_that_is_down_is_no_pass_and_no_fault() {
    let mut evidence = evidence(&RIGHT);
    evidence.seen.chain = Observed::unknown("bitcoin-cli failed", "is the node running?");
    assert_eq!(TASK.judge(&evidence).verdict, State::CouldNotCheck);
}
