//! The command line as plain data. The options are the table of keys; only what is no key
//! (`--config`, `DIRECTORY`, `--no-color`, the commands) is said here.

mod bench;
mod completions;
mod curl;
mod get;
mod healthcheck;
mod man;
mod status;
mod suggested;
mod time;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command as Parser, ValueHint, value_parser};
use serde_json::Value;

pub use self::bench::BenchOptions;
pub use self::get::{GetOptions, User};
pub use self::healthcheck::HealthcheckOptions;
pub use self::status::StatusOptions;
use self::suggested::Suggested;
use crate::config::{Flag, KEYS, Key, Override, Overrides};

/// A command that has no configuration.
struct Plain {
    name: &'static str,
    parser: fn(&'static str) -> Parser,
    command: fn(&ArgMatches) -> Command,
}

const PLAIN: &[Plain] = &[
    Plain {
        name: "get",
        parser: get::parser,
        command: |matches| Command::Get(Box::new(get::options(matches))),
    },
    Plain {
        name: "bench",
        parser: bench::parser,
        command: |matches| Command::Bench(Box::new(bench::options(matches))),
    },
    Plain {
        name: "status",
        parser: status::parser,
        command: |matches| Command::Status(status::options(matches)),
    },
    Plain {
        name: "healthcheck",
        parser: healthcheck::parser,
        command: |matches| Command::Healthcheck(healthcheck::options(matches)),
    },
    Plain {
        name: "completions",
        parser: completions::parser,
        command: |matches| Command::Print(completions::script(matches)),
    },
    Plain {
        name: "man",
        parser: man::parser,
        command: |matches| Command::Print(man::page(matches)),
    },
];

const NAME: &str = env!("CARGO_PKG_NAME");

/// Ids of arguments that are no keys.
const CONFIG: &str = "config";
const DIRECTORY: &str = "DIRECTORY";
const NO_COLOR: &str = "no-color";
const CHECK: &str = "check";
/// The keys that the folder and the colours give.
const DOCUMENT_ROOT: &str = "document_root";
const COLORED_LOGGING: &str = "colored_logging";

const ABOUT: &str = "Serve a folder over HTTP";

const USAGE: &str = "\
salver [OPTIONS] [DIRECTORY]
       salver check [OPTIONS] [DIRECTORY]
       salver get [OPTIONS] URL...
       salver bench [OPTIONS] URL
       salver status [--watch[=SECONDS]] [--json] [URL]
       salver healthcheck [-k] [URL]
       salver completions SHELL
       salver man [COMMAND]";

const AFTER_HELP: &str = "\
Every option is also a key of the configuration file (\"cache_max_age\": 60) and a variable of the \
environment (SALVER_CACHE_MAX_AGE=60): default < file < environment < option. Lists are separated by \
commas. A folder named like a command is served as ./check.";

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Serve a folder.
    Serve,
    /// Check the configuration and print it.
    Check,
    /// Ask a server for something.
    Get(Box<GetOptions>),
    /// Show what a server is doing.
    Status(StatusOptions),
    /// Measure a server.
    Bench(Box<BenchOptions>),
    /// Tell whether a server takes requests.
    Healthcheck(HealthcheckOptions),
    /// Print a text that is made from these definitions.
    Print(String),
}

/// What the command line asks for.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// What to do.
    pub command: Command,
    /// The configuration file and the values it gives, for [`crate::config::load`]; nothing for a
    /// command that has no configuration.
    pub overrides: Overrides,
}

/// The command line has been answered and nothing is left to do.
#[derive(Clone, Debug)]
pub struct CliExit {
    /// What to print: on standard output if `code` is 0, else on standard error.
    pub text: String,
    /// The exit status: 0 for help and version, 2 for wrong usage.
    pub code: u8,
}

/// Reads the command line, the program's name first. Values of keys are read later, with those of
/// the other sources.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Invocation, CliExit> {
    let arguments: Vec<_> = arguments.into_iter().collect();
    // Most starts need no words about the options; whoever is told something gets them.
    let matches = parser(Words::None)
        .try_get_matches_from(&arguments)
        .or_else(|_| parser(Words::All).try_get_matches_from(&arguments))
        .map_err(|error| curl::explained(error, &arguments))?;
    let Some((name, of_command)) = matches.subcommand() else {
        return Ok(Invocation { command: Command::Serve, overrides: overrides(&[&matches]) });
    };
    match PLAIN.iter().find(|plain| plain.name == name) {
        Some(_) if matches.args_present() => {
            let text = format!(
                "options and folders before '{name}' are for serving; those of {name} come after it"
            );
            Err(parser(Words::All).error(ErrorKind::ArgumentConflict, text).into())
        }
        Some(plain) => {
            let command = (plain.command)(of_command);
            Ok(Invocation { command, overrides: Overrides::default() })
        }
        None => {
            let overrides = overrides(&[&matches, of_command]);
            Ok(Invocation { command: Command::Check, overrides })
        }
    }
}

impl From<clap::Error> for CliExit {
    fn from(error: clap::Error) -> Self {
        let code = if error.use_stderr() { 2 } else { 0 };
        Self { text: error.render().to_string(), code }
    }
}

/// What is said of the configuration, by the program and then by its command: the last that names
/// an option has the say.
fn overrides(levels: &[&ArgMatches]) -> Overrides {
    let innermost_first = || levels.iter().rev();
    let mut values: Vec<_> = KEYS
        .iter()
        .filter_map(|key| innermost_first().find_map(|matches| override_of(matches, key)))
        .collect();
    if levels.iter().any(|matches| matches.get_flag(NO_COLOR)) {
        let flag = format!("--{NO_COLOR}").into();
        values.push(Override { key: COLORED_LOGGING, flag, value: "false".into() });
    }
    // A folder given twice is an error, not a choice.
    for matches in levels {
        if let Some(value) = matches.get_one::<OsString>(DIRECTORY) {
            let value = value.clone();
            values.push(Override { key: DOCUMENT_ROOT, flag: DIRECTORY.into(), value });
        }
    }
    let config_file =
        innermost_first().find_map(|matches| matches.get_one::<PathBuf>(CONFIG)).cloned();
    Overrides { config_file, values }
}

/// How much a parser can say of what it takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Words {
    /// Enough to understand a line without mistakes.
    None,
    /// What help and errors show.
    All,
}

fn parser(words: Words) -> Parser {
    without_directory(words).arg(directory())
}

fn without_directory(words: Words) -> Parser {
    let check = Parser::new(CHECK)
        .about("Check the configuration and print it as JSON, each value with where it comes from")
        // A hundred options, which a start without this command need not wait for.
        .defer(|check| check.arg(directory()).args(serving(Words::All)));
    Parser::new(NAME)
        .about(ABOUT)
        .bin_name(NAME)
        .override_usage(USAGE)
        .version(format!("{}\nfeatures: {}", version(), features().join(" ")))
        .after_help(AFTER_HELP)
        .disable_help_subcommand(true)
        .subcommand_help_heading("Commands")
        .max_term_width(100)
        .args(serving(words))
        .subcommand(check)
        .subcommands(PLAIN.iter().map(|plain| (plain.parser)(plain.name)))
}

/// The options of a configuration.
fn serving(words: Words) -> impl Iterator<Item = Arg> {
    let no_color = Arg::new(NO_COLOR)
        .long(NO_COLOR)
        .help("The same as --colored-logging=false")
        .help_heading(heading_of(COLORED_LOGGING))
        .action(ArgAction::SetTrue)
        .conflicts_with(COLORED_LOGGING);
    let config = Arg::new(CONFIG)
        .short('c')
        .long(CONFIG)
        .value_name("FILE")
        .help("Configuration file (JSON); none is read otherwise")
        .value_parser(value_parser!(PathBuf))
        .value_hint(ValueHint::FilePath);
    KEYS.iter().map(move |key| option(key, words)).chain([no_color, config])
}

fn directory() -> Arg {
    Arg::new(DIRECTORY)
        .help("Folder to serve, the same as --document-root")
        .value_parser(value_parser!(OsString))
        .value_hint(ValueHint::DirPath)
        .conflicts_with(DOCUMENT_ROOT)
}

/// The option of a key.
fn option(key: &'static Key, words: Words) -> Arg {
    let about = key.about();
    let arg = Arg::new(key.name)
        .long(key.flag())
        .visible_aliases(key.aliases.iter().map(|alias| alias.replace('_', "-")))
        .help_heading(key.section)
        .value_parser(value_parser!(OsString));
    let arg = match words {
        Words::None => arg,
        Words::All => {
            let help = help(key);
            let arg = arg.long_help(format!("{help}\n\nTakes {}.", about.takes)).help(help);
            let arg = match Suggested::by(&about.schema) {
                Some(words) => arg.value_parser(words).hide_possible_values(true),
                None => arg,
            };
            match about.flag {
                Flag::Value("PATH") => arg.value_hint(ValueHint::AnyPath),
                Flag::Value(_) => arg.value_hint(ValueHint::Other),
                Flag::List(_) | Flag::Switch => arg,
            }
        }
    };
    let arg = match key.short {
        Some(short) => arg.short(short),
        None => arg,
    };
    match about.flag {
        Flag::Value(name) => arg.value_name(name),
        Flag::List(name) => arg.value_name(name).action(ArgAction::Append),
        Flag::Switch => arg
            .value_name("BOOLEAN")
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true"),
    }
}

fn help(key: &Key) -> String {
    let help = key.help();
    let help = help.trim_end_matches('.');
    match typed(&key.default_value()) {
        default if default.is_empty() => help.to_owned(),
        default => format!("{help} [default: {default}]"),
    }
}

/// A value as one would type it.
fn typed(value: &Value) -> String {
    match value {
        Value::Null | Value::Object(_) => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(typed).collect::<Vec<_>>().join(","),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

fn heading_of(name: &str) -> &'static str {
    crate::config::find(name).map_or("Options", |key| key.section)
}

/// What the command line says of a key.
fn override_of(matches: &ArgMatches, key: &Key) -> Option<Override> {
    let values: Vec<_> = matches.get_many::<OsString>(key.name)?.cloned().collect();
    // Lists may be given piece by piece; the other options are given once.
    let value = values.join(",".as_ref());
    Some(Override { key: key.name, flag: format!("--{}", key.flag()).into(), value })
}

/// The version and, where it is known, the commit.
fn version() -> String {
    let version = env!("CARGO_PKG_VERSION");
    match option_env!("SALVER_COMMIT") {
        Some(commit) if !commit.is_empty() => format!("{version} (commit {commit})"),
        _ => version.to_owned(),
    }
}

/// The features built in: every key that turns one on.
fn features() -> Vec<&'static str> {
    KEYS.iter().filter_map(Key::feature).collect()
}

#[cfg(test)]
mod tests;
