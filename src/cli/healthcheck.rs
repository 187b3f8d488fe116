//! The command line of `salver healthcheck`.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command as Parser, ValueHint, value_parser};

const URL: &str = "URL";
const CONFIG: &str = "config";
const INSECURE: &str = "insecure";

const AFTER_HELP: &str = "\
URL may be as short as HOST:PORT; without a path, /healthz is meant. Without a URL it is the server that \
the environment (SALVER_PORT, SALVER_HOST, SALVER_ENABLE_SSL, ...) and the configuration file describe, on \
this machine. Of this machine any certificate is taken. Nothing is printed when all is well.

Exit status:
  0  it takes requests
  1  it does not, or does not answer within five seconds, or it cannot be asked
  2  wrong usage";

/// Which server `salver healthcheck` is to ask, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct HealthcheckOptions {
    /// Where, as it was typed; else what the configuration says.
    pub url: Option<String>,
    /// The file of that configuration.
    pub config_file: Option<PathBuf>,
    /// Whoever answers is believed.
    pub insecure: bool,
}

pub(super) fn parser(name: &'static str) -> Parser {
    Parser::new(name)
        .about(
            "Tell by the exit status whether a server takes requests, for containers and scripts",
        )
        .after_help(AFTER_HELP)
        .arg(Arg::new(URL).help("Server, or its /healthz").value_hint(ValueHint::Url))
        .arg(
            Arg::new(CONFIG)
                .short('c')
                .long(CONFIG)
                .value_name("FILE")
                .help("Configuration file of the server [default: what SALVER_CONFIG names]")
                .value_parser(value_parser!(PathBuf))
                .value_hint(ValueHint::FilePath)
                .conflicts_with(URL),
        )
        .arg(
            Arg::new(INSECURE)
                .short('k')
                .long(INSECURE)
                .help("Take any certificate, of other machines too")
                .action(ArgAction::SetTrue),
        )
}

pub(super) fn options(matches: &ArgMatches) -> HealthcheckOptions {
    HealthcheckOptions {
        url: matches.get_one(URL).cloned(),
        config_file: matches.get_one(CONFIG).cloned(),
        insecure: matches.get_flag(INSECURE),
    }
}
