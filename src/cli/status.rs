//! The command line of `salver status`.

use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command as Parser};

const URL: &str = "URL";
const WATCH: &str = "watch";
const JSON: &str = "json";
const INSECURE: &str = "insecure";
const NO_COLOR: &str = "no-color";

/// Where a server listens that was told nothing.
const HERE: &str = "http://127.0.0.1:8000/server-status";

const AFTER_HELP: &str = "\
URL may be as short as HOST:PORT; without a path, that of the status page is meant. Colours are used \
on a terminal, unless NO_COLOR is set or TERM is dumb.

Exit status:
  0  all is well (green)
  1  no status: nothing answers there, or it is not allowed, or it is something else
  2  wrong usage
  3  it serves, and somebody should look (amber)
  4  it does not do what it is there for (red)
With --watch it is 0 when ended by Ctrl+C.";

/// What `salver status` is to show, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct StatusOptions {
    /// Where, as it was typed.
    pub url: String,
    /// How often anew; once when not said.
    pub watch: Option<Duration>,
    /// The JSON as it came.
    pub json: bool,
    /// Whoever answers is believed.
    pub insecure: bool,
    /// No colours, not even on a terminal.
    pub no_color: bool,
}

pub(super) fn parser(name: &'static str) -> Parser {
    Parser::new(name)
        .about("Show what a running server is doing, once or again and again")
        .after_help(AFTER_HELP)
        .arg(Arg::new(URL).help("Server, or its status page").default_value(HERE))
        .arg(
            Arg::new(WATCH)
                .long(WATCH)
                .value_name("SECONDS")
                .help("Show it again every SECONDS, one without; needs a terminal or --json")
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value("1")
                .value_parser(seconds),
        )
        .arg(
            Arg::new(JSON)
                .long(JSON)
                .help("Print the answer as it came, for programs")
                .action(ArgAction::SetTrue),
        )
        .arg(
            Arg::new(INSECURE)
                .short('k')
                .long(INSECURE)
                .help("Take any certificate, such as a self-signed one")
                .action(ArgAction::SetTrue),
        )
        .arg(
            Arg::new(NO_COLOR)
                .long(NO_COLOR)
                .help("No colours, not even on a terminal")
                .action(ArgAction::SetTrue),
        )
}

pub(super) fn options(matches: &ArgMatches) -> StatusOptions {
    StatusOptions {
        url: matches.get_one(URL).cloned().unwrap_or_else(|| HERE.to_owned()),
        watch: matches.get_one(WATCH).copied(),
        json: matches.get_flag(JSON),
        insecure: matches.get_flag(INSECURE),
        no_color: matches.get_flag(NO_COLOR),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.1..=86_400.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "takes seconds from 0.1 to 86400".to_owned())
}
