//! `calmkeeper top` and `calmkeeper plan`: the present state of the clients of this host, and the effect of an outage
//! on a fleet. Started by dist/calmkeeper, which has the other commands. Every error is one line that says what to do,
//! with exit status 1, or 2 for bad arguments.
mod columns;
mod figures;
mod file;
mod measure;
mod plan;
mod plot;
mod process;
mod publications;
mod question;
mod screen;
mod settings;
mod terminal;
mod top;

use std::fmt;
use std::io::Write;
use std::process::ExitCode;

const USAGE: &str = "\
usage: calmkeeper top [--once|--json] [--dir FOLDER] [--interval SECONDS]
           every process of this host that publishes its counters; live, once as a table, or once as JSON
       calmkeeper plan --clients N --timeout SECONDS --capacity R
                       [--servers N] [--share X] [--outage SECONDS] [--seeds N] [--svg FILE]
           what an outage does to a fleet, with stock, with ours, and with a share X of it on ours;
           R: how many clients the ensemble can take back in a second
       calmkeeper plan --measure HOST:PORT
           connects 100 times and says the R that this host has seen
";

/// Why a command ended without a result.
pub(crate) enum Failure {
    /// The arguments are wrong.
    Usage(String),
    /// The command could not be carried out.
    Failed(String),
}

impl Failure {
    pub(crate) fn usage(what: impl fmt::Display) -> Failure {
        Failure::Usage(what.to_string())
    }

    pub(crate) fn failed(what: impl fmt::Display) -> Failure {
        Failure::Failed(what.to_string())
    }
}

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Failure {
        Failure::usage(error)
    }
}

fn run() -> Result<(), Failure> {
    let mut arguments = lexopt::Parser::from_env();
    match arguments.next()? {
        Some(lexopt::Arg::Value(command)) if command == "top" => top::run(arguments),
        Some(lexopt::Arg::Value(command)) if command == "plan" => plan::run(arguments),
        Some(lexopt::Arg::Long("help") | lexopt::Arg::Short('h')) => print(USAGE),
        Some(lexopt::Arg::Value(command)) => {
            Err(Failure::usage(format!("there is no command {}", command.to_string_lossy())))
        }
        Some(other) => Err(other.unexpected().into()),
        None => Err(Failure::usage("no command")),
    }
}

/// Writes to standard output. It is not an error if the reader is gone.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("cannot write the result: {error}")))
        }
        _ => Ok(()),
    }
}

fn main() -> ExitCode {
    let (what, status) = match run() {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Usage(what)) => {
            let command =
                if std::env::args_os().nth(1).is_some_and(|command| command == "top") { "top" } else { "plan" };
            (format!("{what}; 'calmkeeper {command} --help' lists what there is"), 2)
        }
        Err(Failure::Failed(what)) => (what, 1),
    };
    // Errors are ignored: standard error may be closed.
    let _ = writeln!(std::io::stderr(), "calmkeeper: {what}");
    ExitCode::from(status)
}
