//! The binary: arguments to a command, a command to an exit status.

use std::io::{self, Write};
use std::process::ExitCode;

use salver::cli::{self, Command};
use salver::commands::{bench, check, get, healthcheck, print, serve, status};
use salver::config;

/// Exit status of wrong usage or configuration.
const WRONG: u8 = 2;

fn main() -> ExitCode {
    let invocation = match cli::parse(std::env::args_os()) {
        Ok(invocation) => invocation,
        Err(exit) => return answered(&exit),
    };
    let overrides = invocation.overrides;
    let load = move || config::load(&overrides, std::env::vars_os());
    match invocation.command {
        Command::Check => check::run(&load(), &mut io::stdout(), &mut io::stderr()),
        Command::Get(options) => get::run(&options),
        Command::Status(options) => status::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Healthcheck(options) => healthcheck::run(&options, std::env::vars_os()),
        Command::Print(text) => print::run(&text),
        Command::Serve => match load() {
            Ok(loaded) => serve::run(loaded, load),
            Err(error) => {
                let _ = writeln!(io::stderr(), "salver: {error}");
                ExitCode::from(WRONG)
            }
        },
    }
}

/// Help, the version, or what is wrong with the command line.
fn answered(exit: &cli::CliExit) -> ExitCode {
    let text = exit.text.as_bytes();
    let _ =
        if exit.code == 0 { io::stdout().write_all(text) } else { io::stderr().write_all(text) };
    ExitCode::from(exit.code)
}
