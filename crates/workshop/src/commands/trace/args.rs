//! The command line of `workshop trace`.
//!
//! clap keeps the order of one argument's values only, so actions are put beside their tracepoints by their
//! indices on the command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgMatches, Command, FromArgMatches};

use super::ask::{Action, Ask, Word, grouped};
use super::quantity;

/// Lines of at most 79 columns, which clap would break anywhere.
const EXAMPLES: &str = "\
Examples:
  How many coins a test adds and spends, and what they are worth:
    sudo workshop trace build/bin/test_bitcoin \\
        utxocache:add utxocache:spent --hist value \\
        -- build/bin/test_bitcoin --run_test=coins_tests_base

  Which messages a running node gets, until Ctrl-C:
    sudo workshop trace $(pidof -s bitcoind) \\
        net:inbound_message --by message_type --sum message_size

  Every large coin that is spent, on a line of its own, for a minute:
    sudo workshop trace build/bin/bitcoind --duration 1m \\
        utxocache:spent --where 'value >= 100000000' --print

Actions belong to the tracepoints that stand right before them:
  A B --sum value          both A and B
  A --count B --sum value  B alone is summed up
  --by txid A B --count    what stands before every tracepoint is for all

Arguments are named as Bitcoin Core documents them (value, txid), or arg0,
arg1 and so on; `workshop tracepoints` lists them. What they are is known where
they are documented. Any other is taken for an integer unless it is said:
  arg2:str      the string it points to
  arg0:bytes16  so many bytes that it points to
  arg0:hash     a hash of 32 bytes
Hashes are shown with their bytes reversed, as Bitcoin Core shows txids and
block hashes. Amounts are in satoshi.

With --json each line is a document. The first has the type `ready`: everything
is traced by then. `event` is one of --print, `so_far` of --interval, `followed`
of --follow; the last is `counted`. Remarks go to standard error, and so does
what CMD prints on standard output.

The first Ctrl-C or SIGTERM ends it with the result. A command gets the signal
too, and is waited for; the second ends at once.

Exit status: 0 everything was counted; 1 something was lost, which the result
says, or CMD failed; 2 it could not trace.";

/// What is traced, where and for how long, as it was typed.
#[derive(Debug)]
pub(crate) struct Args {
    pub(super) common: Common,
    /// Never empty.
    pub(super) asks: Vec<Ask>,
}

/// Count, add up and print the tracepoints of a program while it runs (as root).
///
/// Every process that runs BINARY is traced, now or later; with a PID only that process, until it ends. Without
/// anything else events are counted until Ctrl-C.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Common {
    /// The program's file (or its name, when it is in PATH), or the number of a process.
    #[arg(value_name = "BINARY|PID")]
    pub(super) target: PathBuf,

    /// A tracepoint such as utxocache:add; '*' stands for anything: 'net:*'.
    #[arg(required = true, value_name = "PROBE", num_args = 1..)]
    probes: Vec<String>,

    /// Count the events. It is always done; as an action it ends a row of tracepoints.
    #[arg(long, action = clap::ArgAction::Append, num_args = 0, default_missing_value = "true",
        help_heading = ACTIONS)]
    count: Vec<bool>,

    /// Add up an argument.
    #[arg(long, value_name = "ARG", help_heading = ACTIONS)]
    sum: Vec<String>,

    /// An argument's smallest, largest and mean value.
    #[arg(long, value_name = "ARG", help_heading = ACTIONS)]
    range: Vec<String>,

    /// A histogram of an argument by powers of two.
    #[arg(long, value_name = "ARG", help_heading = ACTIONS)]
    hist: Vec<String>,

    /// A histogram of an argument by steps of equal width; at most 256 of them.
    #[arg(long, value_name = "ARG:MIN:MAX:STEP", help_heading = ACTIONS)]
    lhist: Vec<String>,

    /// Count by an argument's value too, and add up by it what is added up.
    #[arg(long, value_name = "ARG", help_heading = ACTIONS)]
    by: Vec<String>,

    /// Print every event on a line of its own, with all its arguments or with these.
    #[arg(long, value_name = "ARG,…", num_args = 0..=1, require_equals = true, default_missing_value = "",
        help_heading = ACTIONS)]
    print: Vec<String>,

    /// Leave out events for which a comparison does not hold: 'value >= 100000'. All of several must hold.
    #[arg(long = "where", value_name = "COMPARISON", help_heading = ACTIONS)]
    conditions: Vec<String>,

    /// End after so long: 10s, 500ms, 2m.
    #[arg(long, value_name = "TIME", value_parser = quantity::duration)]
    pub(super) duration: Option<Duration>,

    /// Say how far it is again and again: in place on a terminal, a line for each tracepoint elsewhere.
    #[arg(long, value_name = "TIME", value_parser = quantity::duration, num_args = 0..=1,
        require_equals = true, default_missing_value = "1s")]
    pub(super) interval: Option<Duration>,

    /// Go on with the new file when BINARY is rebuilt or replaced.
    #[arg(long)]
    pub(super) follow: bool,

    /// Show at most so many values of --by; JSON has all of them.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(super) top: usize,

    /// Memory for events that --print has not printed yet.
    #[arg(long, value_name = "SIZE", value_parser = quantity::size, default_value = "8MiB")]
    pub(super) buffer: u32,

    /// How many different values --by can tell apart, in all tracepoints together.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=16_777_216),
        default_value_t = 65_536)]
    pub(super) groups: u32,

    /// Start this command once everything is traced, and end when it does.
    #[arg(last = true, value_name = "CMD")]
    pub(super) command: Vec<OsString>,
}

const ACTIONS: &str = "Actions, each for the tracepoints right before it";

impl clap::Args for Args {
    fn augment_args(command: Command) -> Command {
        Common::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Common::augment_args_for_update(command)
    }
}

impl FromArgMatches for Args {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let common = Common::from_arg_matches(matches)?;
        let asks = asks(&common, matches);
        Ok(Self { common, asks })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn asks(common: &Common, matches: &ArgMatches) -> Vec<Ask> {
    let mut words = Vec::new();
    let mut add = |id: &str, values: &mut dyn Iterator<Item = Word>| {
        words.extend(matches.indices_of(id).into_iter().flatten().zip(values));
    };
    add(
        "probes",
        &mut common.probes.iter().cloned().map(Word::Probe),
    );
    let count = common.count.iter().map(|_| Word::Action(Action::Count));
    add("count", &mut { count });
    type Make = fn(String) -> Action;
    let actions: [(&str, &[String], Make); 7] = [
        ("sum", &common.sum, Action::Sum),
        ("range", &common.range, Action::Range),
        ("hist", &common.hist, Action::Hist),
        ("lhist", &common.lhist, Action::Lhist),
        ("by", &common.by, Action::By),
        ("print", &common.print, |list| Action::Print(listed(&list))),
        ("conditions", &common.conditions, Action::Where),
    ];
    for (id, values, make) in actions {
        let values = values.iter().cloned();
        add(id, &mut values.map(|value| Word::Action(make(value))));
    }
    words.sort_by_key(|(index, _)| *index);
    grouped(words.into_iter().map(|(_, word)| word))
}

/// Names between commas.
fn listed(text: &str) -> Vec<String> {
    let names = text.split(',').map(str::trim);
    names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn read(line: &str) -> Args {
        let words = std::iter::once("trace").chain(line.split(' '));
        Line::try_parse_from(words).unwrap().args
    }

    /// Each tracepoint with its actions, in the words of the command line.
    fn said(line: &str) -> Vec<String> {
        let asks = read(line).asks.into_iter();
        asks.map(|ask| format!("{} {:?}", ask.name, ask.actions).replace('"', ""))
            .collect()
    }

    #[test]
    fn actions_belong_to_the_tracepoints_right_before_them() {
        assert_eq!(
            said("bin a:add --count --sum value --hist value --by txid --print b:spent --count"),
            [
                "a:add [Count, Sum(value), Hist(value), By(txid), Print([])]",
                "b:spent [Count]"
            ]
        );
        assert_eq!(
            said("bin a:a b:b --sum value c:c --where x==1 --where y==2"),
            [
                "a:a [Sum(value)]",
                "b:b [Sum(value)]",
                "c:c [Where(x==1), Where(y==2)]"
            ]
        );
        assert_eq!(
            said("bin a:a --count b:b --sum value"),
            ["a:a [Count]", "b:b [Sum(value)]"]
        );
    }

    #[test]
    fn actions_before_every_tracepoint_are_for_all() {
        let all = [
            "a:a [By(txid), Sum(x)]",
            "b:b [By(txid), Sum(x), Print([txid, arg2:str])]",
        ];
        assert_eq!(
            said("bin --by txid --sum x a:a --count b:b --print=txid,arg2:str"),
            [all[0].replace(']', ", Count]"), all[1].to_owned()]
        );
        // Also before the program.
        assert_eq!(
            said("--by txid bin a:a b:b"),
            ["a:a [By(txid)]", "b:b [By(txid)]"]
        );
    }

    #[test]
    fn options_between_do_not_matter_and_a_command_comes_last() {
        let args = read("bin a:a --duration 1m b:b --sum x -- bin a:a --count --json");
        assert_eq!(args.common.duration, Some(Duration::from_secs(60)));
        assert_eq!(args.common.command, ["bin", "a:a", "--count", "--json"]);
        assert_eq!(args.asks.len(), 2);
        assert_eq!(
            args.asks[0],
            Ask {
                name: "a:a".into(),
                actions: vec![Action::Sum("x".into())]
            }
        );
        assert_eq!(
            read("1 a:a --interval b:b").common.interval,
            Some(Duration::from_secs(1))
        );
        assert_eq!(
            read("1 a:a --interval=5s b:b").common.interval,
            Some(Duration::from_secs(5))
        );
    }
}
