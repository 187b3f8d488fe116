//! `salver completions`: what shells complete, from the definitions that command lines are read by.

use clap::{Arg, ArgMatches, Command as Parser, value_parser};
use clap_complete::Shell;

use super::Words;

const SHELL: &str = "SHELL";

const AFTER_HELP: &str = "\
Where the script belongs:
  bash        /usr/share/bash-completion/completions/salver
  zsh         /usr/share/zsh/site-functions/_salver
  fish        /usr/share/fish/vendor_completions.d/salver.fish
  powershell  salver completions powershell | Out-String | Invoke-Expression   (in $PROFILE)
  elvish      eval (salver completions elvish | slurp)   (in rc.elv)
To try it: source <(salver completions bash), also in zsh.";

/// What offers the commands in zsh; folders come behind it.
const ZSH_COMMANDS: &str = "_describe -t commands 'salver commands' commands \"$@\"";

pub(super) fn parser(name: &'static str) -> Parser {
    Parser::new(name)
        .about("Print a script by which a shell completes salver's command line")
        .after_help(AFTER_HELP)
        .arg(
            Arg::new(SHELL)
                .help("Shell that it is for")
                .required(true)
                .value_parser(value_parser!(Shell)),
        )
}

/// The script for the shell that was asked for.
pub(super) fn script(matches: &ArgMatches) -> String {
    // Required: there is one.
    let shell = matches.get_one(SHELL).copied().unwrap_or(Shell::Bash);
    let mut parser = match shell {
        // It would take a command for the folder, and complete nothing behind it.
        Shell::Zsh => super::without_directory(Words::All),
        _ => super::parser(Words::All),
    };
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut parser, super::NAME, &mut out);
    let script = String::from_utf8_lossy(&out);
    match shell {
        Shell::Zsh => script.replace(ZSH_COMMANDS, &format!("{ZSH_COMMANDS}\n    _files -/")),
        _ => script.into_owned(),
    }
}
