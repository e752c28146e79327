//! From the command line to one of the verbs in `commands`, and from its outcome to the exit status.

use std::process::ExitCode;

use clap::{ArgMatches, FromArgMatches, Parser, Subcommand, ValueEnum};
use provisioner::participants::{Refusal, is_private};

use crate::commands;
use crate::diagnostic;
use crate::nss;
use crate::output::{self, Output};

/// Servers for people who learn on real machines.
///
/// Instructor: `init`, `add`, `register`, `trust`, `plan`, `provision`, `doctor`, `rehearse`, `handouts`, `status`, `board`,
/// `grade`, `ssh`, `collect`, `rebuild`, `wake`, `destroy`, `cache`.
/// Participant: `tasks`, `show`, `start`, `hint`, `answer`, `check`, `watch`, `progress`, `reset`,
/// `tracepoints`, `trace`, `monitor`, `interface-test`.
#[derive(Parser)]
#[command(
    name = "workshop",
    version,
    propagate_version = true,
    max_term_width = 100
)]
#[command(
    after_help = "Exit status: 0 yes or done; 1 it ran, and the answer is no; 2 it could not run (`plan --detailed-exitcode` has its own)."
)]
pub(crate) struct Cli {
    /// Print one JSON document with a schema version instead of text.
    #[arg(long, global = true)]
    json: bool,

    /// When to colour: `auto` looks at the terminal and at NO_COLOR.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,

    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Copy, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Subcommand)]
enum Command {
    /// Write an inventory with every field at its default and explained.
    Init(Later<commands::init::Args>),
    /// Judge a person's key and put both into the inventory.
    Add(Later<commands::add::Args>),
    /// Let people join by `ssh join@…` with the key they will use.
    Register(Later<commands::register::Args>),
    /// Accept the host keys of machines that you already have.
    Trust(Later<commands::trust::Args>),
    /// What `provision` would do, and what it costs.
    Plan(Later<commands::plan::Args>),
    /// Make every host what the inventory says; run it again to go on or to mend.
    Provision(Later<commands::provision::Args>),
    /// Look at every host as a participant will use it.
    Doctor(Later<commands::doctor::Args>),
    /// Try every task on a host before the day, with right and wrong solutions.
    Rehearse(Later<commands::rehearse::Args>),
    /// Cards, the table for the wall and the task book, to print and to send.
    Handouts(Later<commands::handouts::Args>),
    /// The room: every host, whose it is, and how it is.
    Status(Later<commands::status::Args>),
    /// The room, live: host by task, in the terminal or as a web page.
    Board(Later<commands::board::Args>),
    /// Check every participant's host again, from your side.
    Grade(Later<commands::grade::Args>),
    /// Log in to a host as root, with its pinned key.
    Ssh(Later<commands::ssh::Args>),
    /// Bring the participants' work here.
    Collect(Later<commands::collect::Args>),
    /// Make a fresh host in the place of one: the same word, participant key and host key.
    Rebuild(Later<commands::rebuild::Args>),
    /// Start hosts again that are off, and say why they were.
    Wake(Later<commands::wake::Args>),
    /// Remove the hosts, and show that nothing is left.
    Destroy(Later<commands::destroy::Args>),
    /// Share what was built with other instructors, by a web server.
    Cache(Later<commands::cache::Args>),
    /// The tasks, and how far you are.
    Tasks(Later<commands::tasks::Args>),
    /// Read a task.
    Show(Later<commands::show::Args>),
    /// Put the files that a task begins with in their place.
    Start(Later<commands::start::Args>),
    /// One more hint each time.
    Hint(Later<commands::hint::Args>),
    /// Answer a question of a task.
    Answer(Later<commands::answer::Args>),
    /// See whether a task is done: exit 0 passed, 1 not passed, 2 could not check.
    Check(Later<commands::check::Args>),
    /// Check again whenever something changes, until the task passes.
    Watch(Later<commands::watch::Args>),
    /// What you checked, how often, and when it passed.
    Progress(Later<commands::progress::Args>),
    /// Begin a task anew; what there was of it is kept in a folder.
    Reset(Later<commands::reset::Args>),
    /// What can be traced in a program.
    Tracepoints(Later<commands::tracepoints::Args>),
    /// Count, add up and print what a program's tracepoints tell while it runs.
    #[cfg(target_os = "linux")]
    Trace(Later<commands::trace::Args>),
    /// Watch a node's peers and messages live, by its tracepoints.
    #[cfg(target_os = "linux")]
    Monitor(Later<commands::monitor::Args>),
    /// Whether every documented tracepoint of a bitcoind fires and says what RPC says.
    #[cfg(target_os = "linux")]
    InterfaceTest(Later<commands::interface_test::Args>),
    /// The side of a grade that is on a host.
    #[command(hide = true)]
    Evidence(Later<commands::evidence::Args>),
    /// The side of a check that is root.
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    Observe(Later<commands::observe::Args>),
    /// The service that guards a host.
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    Guard(Later<commands::guard::Args>),
    /// Print the completion script for a shell.
    Completions(Later<commands::completions::Args>),
    /// Write the manual pages into a folder.
    Man(Later<commands::man::Args>),
}

/// A verb's arguments, described to clap only when that verb is parsed, completed or documented: a run would
/// otherwise begin with those of all the others.
struct Later<T>(T);

impl<T: clap::Args> clap::Args for Later<T> {
    fn augment_args(command: clap::Command) -> clap::Command {
        command.defer(T::augment_args)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        command.defer(T::augment_args_for_update)
    }
}

impl<T: FromArgMatches> FromArgMatches for Later<T> {
    fn from_arg_matches(matches: &ArgMatches) -> std::result::Result<Self, clap::Error> {
        T::from_arg_matches(matches).map(Self)
    }

    fn from_arg_matches_mut(matches: &mut ArgMatches) -> std::result::Result<Self, clap::Error> {
        T::from_arg_matches_mut(matches).map(Self)
    }

    fn update_from_arg_matches(
        &mut self,
        matches: &ArgMatches,
    ) -> std::result::Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}

/// What a command found, once it could run at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Done, or the answer is yes: exit 0.
    Yes,
    /// It ran, and the answer is no: a task not passed, a host that failed. Exit 1.
    No,
    /// A plan would change something: exit 2, and only where that was asked for.
    Differs,
    /// It ran and could not find out; what was missing has been said. Exit 2.
    CouldNot,
}

/// A command's result: an error means that it could not run (exit 2).
pub(crate) type Result = std::result::Result<Outcome, miette::Report>;

/// Parses the command line, runs the verb and turns its outcome into the process's exit status.
pub(crate) fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // clap repeats the argument it did not understand, and a pasted key begins with dashes.
        Err(_) if std::env::args_os().any(|arg| is_private(arg.as_encoded_bytes())) => {
            diagnostic::print(&Refusal::PrivateKey.into(), &Output::new(false));
            return ExitCode::from(2);
        }
        Err(error) => {
            // clap's own statuses: 0 for --help and --version, 2 for a wrong command line.
            let _ = error.print();
            // There, 2 says that something would change.
            if error.use_stderr() && std::env::args_os().any(|arg| arg == "--detailed-exitcode") {
                return ExitCode::from(1);
            }
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    // It reads /etc/nsswitch.conf. A listing looks nobody up, and that would be a thirtieth of its time.
    if !matches!(cli.command, Command::Tracepoints(_)) {
        nss::only_what_is_linked_in();
    }
    match cli.color {
        Color::Auto => {}
        Color::Always => anstream::ColorChoice::Always.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
    }
    let output = Output::new(cli.json);
    let output = match cli.command {
        Command::Register(_) => output.lines(),
        #[cfg(target_os = "linux")]
        Command::Trace(_) | Command::Monitor(_) => output.lines(),
        _ => output,
    };
    provisioner::cloud::hetzner::use_notice(std::sync::Arc::new(move |line| {
        crate::progress::note(output, &line);
    }));
    let result = match cli.command {
        Command::Init(Later(args)) => commands::init::run(&args, &output),
        Command::Add(Later(args)) => commands::add::run(&args, &output),
        Command::Register(Later(args)) => commands::register::run(&args, &output),
        Command::Trust(Later(args)) => commands::trust::run(&args, &output),
        Command::Plan(Later(args)) => commands::plan::run(&args, &output),
        Command::Provision(Later(args)) => commands::provision::run(args, &output),
        Command::Doctor(Later(args)) => commands::doctor::run(&args, &output),
        Command::Rehearse(Later(args)) => commands::rehearse::run(&args, &output),
        Command::Handouts(Later(args)) => commands::handouts::run(&args, &output),
        Command::Status(Later(args)) => commands::status::run(&args, &output),
        Command::Board(Later(args)) => commands::board::run(&args, &output),
        Command::Grade(Later(args)) => commands::grade::run(args, &output),
        Command::Evidence(Later(args)) => commands::evidence::run(&args, &output),
        Command::Ssh(Later(args)) => commands::ssh::run(&args),
        Command::Collect(Later(args)) => commands::collect::run(args, &output),
        Command::Rebuild(Later(args)) => commands::rebuild::run(args, &output),
        Command::Wake(Later(args)) => commands::wake::run(args, &output),
        Command::Destroy(Later(args)) => commands::destroy::run(args, &output),
        Command::Cache(Later(args)) => commands::cache::run(&args, &output),
        Command::Tasks(Later(args)) => commands::tasks::run(&args, &output),
        Command::Show(Later(args)) => commands::show::run(&args, &output),
        Command::Answer(Later(args)) => commands::answer::run(&args, &output),
        Command::Start(Later(args)) => commands::start::run(&args, &output),
        Command::Hint(Later(args)) => commands::hint::run(&args, &output),
        Command::Check(Later(args)) => commands::check::run(&args, &output),
        Command::Watch(Later(args)) => commands::watch::run(&args, &output),
        Command::Reset(Later(args)) => commands::reset::run(&args, &output),
        Command::Progress(Later(args)) => commands::progress::run(&args, &output),
        Command::Tracepoints(Later(args)) => commands::tracepoints::run(&args, &output),
        #[cfg(target_os = "linux")]
        Command::Trace(Later(args)) => commands::trace::run(&args, &output),
        #[cfg(target_os = "linux")]
        Command::Monitor(Later(args)) => commands::monitor::run(&args, &output),
        #[cfg(target_os = "linux")]
        Command::InterfaceTest(Later(args)) => commands::interface_test::run(&args, &output),
        #[cfg(target_os = "linux")]
        Command::Observe(Later(args)) => commands::observe::run(&args, &output),
        #[cfg(target_os = "linux")]
        Command::Guard(Later(args)) => commands::guard::run(&args, &output),
        Command::Completions(Later(args)) => commands::completions::run(&args, &output),
        Command::Man(Later(args)) => commands::man::run(&args, &output),
    };
    match result {
        Ok(Outcome::Yes) => ExitCode::SUCCESS,
        Ok(Outcome::No) => ExitCode::from(1),
        Ok(Outcome::CouldNot | Outcome::Differs) => ExitCode::from(2),
        // `workshop tasks | head -1` is no failure.
        Err(report) if output::is_broken_pipe(&report) => ExitCode::SUCCESS,
        Err(report) => {
            diagnostic::print(&report, &output);
            ExitCode::from(2)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Cli;

    #[test]
    fn every_verb_is_described_without_contradictions() {
        // A run sees only its own verb's arguments; this describes them all, as completions and manual pages do.
        Cli::command().debug_assert();
    }
}
