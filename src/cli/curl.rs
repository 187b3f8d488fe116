//! What options of curl and wget, which fingers know, are for `salver get`.

use std::ffi::OsString;

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};

const ALIKE: &[(&[&str], &str)] = &[
    (&["-L", "--location"], "leave it out: redirects are followed anyway, see --max-redirects"),
    (&["-s", "--silent", "-q", "--quiet"], "leave it out: progress is shown on a terminal only"),
    (&["-S", "--show-error"], "leave it out: errors are always told"),
    (&["-v", "--verbose"], "'-i' prints the head of the answer, too"),
    (&["-f", "--fail"], "leave it out: the exit status always says how it went, see --help"),
    (&["-T", "--upload-file"], "'-X PUT -d @FILE' uploads a file"),
    (&["-A", "--user-agent"], "'-H 'User-Agent: NAME'' says another name"),
    (&["-b", "--cookie"], "'-H 'Cookie: NAME=VALUE'' sends a cookie"),
    (&["-e", "--referer"], "'-H 'Referer: URL'' sends it"),
    (&["-J", "--remote-header-name"], "leave it out: -O takes the name that the server gives"),
    (&["-c"], "'-C' goes on with a download that broke off"),
    (&["--data-binary", "--data-raw"], "'-d @FILE' sends a file as it is, '-d TEXT' a text"),
];

/// An error that says what is to be done in place of an option that there is elsewhere.
pub(super) fn explained(mut error: Error, arguments: &[OsString]) -> Error {
    let is_get = arguments.get(1).is_some_and(|command| command == "get");
    if is_get
        && error.kind() == ErrorKind::UnknownArgument
        && let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg)
        && let Some((_, advice)) = ALIKE.iter().find(|(names, _)| names.contains(&option.as_str()))
    {
        error.remove(ContextKind::SuggestedArg);
        let advice = ContextValue::StyledStrs(vec![(*advice).into()]);
        error.insert(ContextKind::Suggested, advice);
    }
    error
}
