//! From the command line to one of the verbs in `commands`, and from its outcome to the exit status.

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use provisioner::participants::{Refusal, is_private};

use crate::commands;
use crate::diagnostic;
use crate::output::{self, Output};

/// Servers for people who learn on real machines.
///
/// Instructor: `init`, `add`, `plan`, `provision`, `doctor`, `status`, `ssh`, `destroy`.
/// Participant: `tasks`, `show`, `answer`, `check`, `progress`, `tracepoints`, `interface-test`.
#[derive(Parser)]
#[command(
    name = "workshop",
    version,
    propagate_version = true,
    max_term_width = 100
)]
#[command(
    after_help = "Exit status: 0 yes or done; 1 it ran, and the answer is no; 2 it could not run."
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
    Init(commands::init::Args),
    /// Judge a person's key and put both into the inventory.
    Add(commands::add::Args),
    /// What `provision` would do.
    Plan(commands::plan::Args),
    /// Make every host what the inventory says; run it again to go on or to mend.
    Provision(commands::provision::Args),
    /// Look at every host as a participant will use it.
    Doctor(commands::doctor::Args),
    /// The room: every host, whose it is, and how it is.
    Status(commands::status::Args),
    /// Log in to a host as root, with its pinned key.
    Ssh(commands::ssh::Args),
    /// Remove the hosts, and show that nothing is left.
    Destroy(commands::destroy::Args),
    /// The tasks, and how far you are.
    Tasks(commands::tasks::Args),
    /// Read a task.
    Show(commands::show::Args),
    /// Answer a question of a task.
    Answer(commands::answer::Args),
    /// See whether a task is done: exit 0 passed, 1 not passed, 2 could not check.
    Check(commands::check::Args),
    /// What you checked, how often, and when it passed.
    Progress(commands::progress::Args),
    /// What can be traced in a program.
    Tracepoints(commands::tracepoints::Args),
    /// Whether every documented tracepoint of a bitcoind fires and says what RPC says.
    #[cfg(target_os = "linux")]
    InterfaceTest(commands::interface_test::Args),
    /// The side of a check that is root.
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    Observe(commands::observe::Args),
    /// Print the completion script for a shell.
    Completions(commands::completions::Args),
    /// Write the manual pages into a folder.
    Man(commands::man::Args),
}

/// What a command found, once it could run at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Done, or the answer is yes: exit 0.
    Yes,
    /// It ran, and the answer is no: a task not passed, a host that failed. Exit 1.
    No,
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
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match cli.color {
        Color::Auto => {}
        Color::Always => anstream::ColorChoice::Always.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
    }
    let output = Output::new(cli.json);
    let result = match cli.command {
        Command::Init(args) => commands::init::run(&args, &output),
        Command::Add(args) => commands::add::run(&args, &output),
        Command::Plan(args) => commands::plan::run(&args, &output),
        Command::Provision(args) => commands::provision::run(args, &output),
        Command::Doctor(args) => commands::doctor::run(&args, &output),
        Command::Status(args) => commands::status::run(&args, &output),
        Command::Ssh(args) => commands::ssh::run(&args),
        Command::Destroy(args) => commands::destroy::run(args, &output),
        Command::Tasks(args) => commands::tasks::run(&args, &output),
        Command::Show(args) => commands::show::run(&args, &output),
        Command::Answer(args) => commands::answer::run(&args, &output),
        Command::Check(args) => commands::check::run(&args, &output),
        Command::Progress(args) => commands::progress::run(&args, &output),
        Command::Tracepoints(args) => commands::tracepoints::run(&args, &output),
        #[cfg(target_os = "linux")]
        Command::InterfaceTest(args) => commands::interface_test::run(&args, &output),
        #[cfg(target_os = "linux")]
        Command::Observe(args) => commands::observe::run(&args, &output),
        Command::Completions(args) => commands::completions::run(&args, &output),
        Command::Man(args) => commands::man::run(&args, &output),
    };
    match result {
        Ok(Outcome::Yes) => ExitCode::SUCCESS,
        Ok(Outcome::No) => ExitCode::from(1),
        Ok(Outcome::CouldNot) => ExitCode::from(2),
        // `workshop tasks | head -1` is no failure.
        Err(report) if output::is_broken_pipe(&report) => ExitCode::SUCCESS,
        Err(report) => {
            diagnostic::print(&report, &output);
            ExitCode::from(2)
        }
    }
}
