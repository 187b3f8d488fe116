//! The command line of `salver get`.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command as Parser, value_parser};
use http::header::{
    CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, Method};

use super::time::time;

const AFTER_HELP: &str = "\
URL may be as short as HOST:PORT. On a terminal the head of the answer is printed, then its text; into a \
pipe the text alone, in UTF-8. What is no text, or is offered as a download, is saved under the name \
that the server gives it, in the current folder, and never over a file that is there (--force says \
otherwise). A file has its name once all of it has come. Colours are used on a terminal, unless \
NO_COLOR is set or TERM is dumb.

Examples:
  salver get -O https://example.org/disk.iso     save it; the same with -C goes on after a break
  salver get -k localhost:8443/api | jq .        the content alone, into a pipe
  salver get -F file=@a.jpg -F note=hi localhost:8000/upload

Exit status:
  0  all is well
  1  it could not be done: no connection, a broken answer, a file that is there or cannot be written
  2  wrong usage
  3  the answer sends on, which --max-redirects 0 leaves to you, or is 304
  4  the answer is an error of the client, such as 404
  5  the answer is an error of the server, such as 503
  130, 143  ended by Ctrl+C (SIGINT), by SIGTERM
Of several URLs the worst counts: 1, then 5, 4, 3.";

/// What `salver get` is to ask, and where the answers go.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct GetOptions {
    /// Where, as it was typed.
    pub urls: Vec<String>,
    /// The method, if it does not follow from the rest.
    pub method: Option<Method>,
    /// The head of the answer alone.
    pub head: bool,
    /// Header fields to send. An empty value leaves a field out that would be sent.
    pub fields: HeaderMap,
    /// Whom to log in as.
    pub user: Option<User>,
    /// What is sent, as typed: text, or `@FILE`.
    pub data: Vec<String>,
    /// Parts of a form, as typed: `NAME=TEXT`, or `NAME=@FILE`.
    pub form: Vec<String>,
    /// Where the content goes: a file, a folder, or `-` for standard output.
    pub output: Option<PathBuf>,
    /// The content goes into a file, also if it is text.
    pub remote_name: bool,
    /// Files may be replaced.
    pub force: bool,
    /// A download that broke off goes on.
    pub resume: bool,
    /// The bytes to ask for, as in `Range` after `bytes=`.
    pub range: Option<String>,
    /// It may come compressed.
    pub compressed: bool,
    /// The head of the answer stands before its content, wherever that goes.
    pub include: bool,
    /// Whoever answers is believed.
    pub insecure: bool,
    /// The authorities that are believed in place of the system's.
    pub authorities: Option<PathBuf>,
    /// HTTP/1.1 and nothing else.
    pub http1: bool,
    /// HTTP/2 and nothing else.
    pub http2: bool,
    /// How often it may be sent on.
    pub max_redirects: usize,
    /// How long nothing may move.
    pub timeout: Duration,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// URLs that are asked at the same time.
    pub parallel: usize,
    /// No colours, not even on a terminal.
    pub no_color: bool,
}

/// A name and a password, with a colon between them, as typed. Nothing shows them.
#[derive(Clone, PartialEq, Eq)]
pub struct User(pub String);

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("User(..)")
    }
}

pub(super) fn parser(name: &'static str) -> Parser {
    Parser::new(name)
        .about("Ask a server for something: show it, or save it")
        .override_usage("salver get [OPTIONS] URL...")
        // Many options, which a server that starts need not wait for.
        .defer(|get| {
            get.after_help(AFTER_HELP)
                .arg(Arg::new("URL").help("What to ask for").required(true).num_args(1..))
                .args(request())
                .args(saving())
                .args(connection())
        })
}

/// What is asked.
fn request() -> Vec<Arg> {
    vec![
        value("method", Some('X'), "METHOD", "Ask with that method [default: GET, HEAD or POST]")
            .value_parser(|text: &str| {
                Method::from_bytes(text.as_bytes()).map_err(|error| error.to_string())
            }),
        flag("head", Some('I'), "Ask for the head of the answer alone (HEAD), and print it")
            .conflicts_with_all(["data", "form", "method", "output", "remote-name", "continue"]),
        value(
            "header",
            Some('H'),
            "FIELD",
            "Send that header field, 'Name: value'; again for more",
        )
        .action(ArgAction::Append)
        .value_parser(field),
        value("user", Some('u'), "NAME:PASSWORD", "Log in with that (Basic authentication)")
            .value_parser(|text: &str| Ok::<_, std::convert::Infallible>(User(text.to_owned()))),
        value(
            "data",
            Some('d'),
            "DATA",
            "POST that, @FILE for what is in a file (@- standard input)",
        )
        .long_help(
            "POST that as application/x-www-form-urlencoded, or as what -H 'Content-Type: ...' \
                 says; several are joined by &. @FILE stands for what is in a file, as it is, and \
                 @- for standard input",
        )
        .action(ArgAction::Append)
        .conflicts_with_all(["form", "continue"]),
        value(
            "form",
            Some('F'),
            "NAME=VALUE",
            "POST a form (multipart/form-data); =@FILE uploads one",
        )
        .long_help(
            "POST a form as multipart/form-data, one part for each: NAME=TEXT, or NAME=@FILE for \
                 a file (@- standard input), which may be followed by ;filename=NAME and \
                 ;type=MEDIA/TYPE",
        )
        .action(ArgAction::Append)
        .conflicts_with("continue"),
        value("range", Some('r'), "RANGE", "Ask for these bytes alone: 0-99, 500-, or -100")
            .value_parser(range)
            .allow_hyphen_values(true)
            .conflicts_with_all(["continue", "compressed"]),
        flag("compressed", None, "Let it come compressed (zstd, br, gzip), and undo that here"),
    ]
    .into_iter()
    .map(|arg| arg.help_heading("Request"))
    .collect()
}

/// Where the answer goes.
fn saving() -> Vec<Arg> {
    vec![
        value(
            "output",
            Some('o'),
            "FILE",
            "Save into FILE, or into a folder (DIR/); - writes to standard output, bytes as they are",
        )
        .value_parser(value_parser!(PathBuf))
        .conflicts_with("remote-name"),
        flag("remote-name", Some('O'), "Save, also text, under the name that it has there"),
        flag(
            "continue",
            Some('C'),
            "Go on with a download that broke off, if it is still the same",
        )
        .conflicts_with_all(["method", "compressed"]),
        flag("force", None, "Replace a file that is there"),
        flag(
            "include",
            Some('i'),
            "Print the head of the answer before its text, also into a pipe",
        ),
        flag("no-color", None, "No colours, not even on a terminal"),
    ]
    .into_iter()
    .map(|arg| arg.help_heading("Answer"))
    .collect()
}

/// How servers are spoken to.
fn connection() -> Vec<Arg> {
    vec![
        flag("insecure", Some('k'), "Take any certificate, such as a self-signed one")
            .conflicts_with("cacert"),
        value(
            "cacert",
            None,
            "FILE",
            "Believe whom the certificates in FILE (PEM) vouch for, nobody else",
        )
        .value_parser(value_parser!(PathBuf)),
        flag("http1.1", None, "Speak HTTP/1.1 only").conflicts_with("http2"),
        flag("http2", None, "Speak HTTP/2 only, without TLS by prior knowledge"),
        value("max-redirects", None, "COUNT", "Let it be sent on so often; 0 shows where to")
            .default_value("10")
            .value_parser(value_parser!(u16)),
        value(
            "timeout",
            None,
            "TIME",
            "Give up when nothing has moved for so long: 500ms, 30s, 2m",
        )
        .default_value("30s")
        .value_parser(time),
        value(
            "connect-timeout",
            None,
            "TIME",
            "Give up when there is no connection, with TLS, after so long",
        )
        .default_value("10s")
        .value_parser(time),
        value("parallel", None, "COUNT", "Ask for so many URLs at a time, 1 to 64")
            .default_value("4")
            .value_parser(value_parser!(u16).range(1..=64)),
    ]
    .into_iter()
    .map(|arg| arg.help_heading("Connection"))
    .collect()
}

fn value(name: &'static str, short: Option<char>, takes: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).short(short).value_name(takes).help(help)
}

fn flag(name: &'static str, short: Option<char>, help: &'static str) -> Arg {
    Arg::new(name).long(name).short(short).help(help).action(ArgAction::SetTrue)
}

pub(super) fn options(matches: &ArgMatches) -> GetOptions {
    let texts = |name| matches.get_many::<String>(name).into_iter().flatten().cloned().collect();
    let path = |name| matches.get_one::<PathBuf>(name).cloned();
    let count = |name| matches.get_one::<u16>(name).copied().unwrap_or_default().into();
    let time = |name| matches.get_one::<Duration>(name).copied().unwrap_or_default();
    let mut fields = HeaderMap::new();
    for (name, value) in
        matches.get_many::<(HeaderName, HeaderValue)>("header").into_iter().flatten()
    {
        fields.append(name, value.clone());
    }
    GetOptions {
        urls: texts("URL"),
        method: matches.get_one::<Method>("method").cloned(),
        head: matches.get_flag("head"),
        fields,
        user: matches.get_one::<User>("user").cloned(),
        data: texts("data"),
        form: texts("form"),
        output: path("output"),
        remote_name: matches.get_flag("remote-name"),
        force: matches.get_flag("force"),
        resume: matches.get_flag("continue"),
        range: matches.get_one::<String>("range").cloned(),
        compressed: matches.get_flag("compressed"),
        include: matches.get_flag("include"),
        insecure: matches.get_flag("insecure"),
        authorities: path("cacert"),
        http1: matches.get_flag("http1.1"),
        http2: matches.get_flag("http2"),
        max_redirects: count("max-redirects"),
        timeout: time("timeout"),
        connect_timeout: time("connect-timeout"),
        parallel: count("parallel"),
        no_color: matches.get_flag("no-color"),
    }
}

/// `Name: value`. How content is framed, and what becomes of the connection, is not for it to say.
fn field(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) =
        text.split_once(':').ok_or("takes a name, a colon, and a value: 'Accept: text/html'")?;
    let name: HeaderName =
        name.trim().parse().map_err(|_| format!("'{}' is no name of a field", name.trim()))?;
    let framing = [CONNECTION, CONTENT_LENGTH, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];
    if framing.contains(&name) {
        return Err(format!("{name} follows from the rest, and cannot be chosen"));
    }
    let value = HeaderValue::from_str(value.trim())
        .or_else(|_| HeaderValue::from_bytes(value.trim().as_bytes()))
        .map_err(|_| format!("the value of {name} has characters that no field may have"))?;
    Ok((name, value))
}

fn range(text: &str) -> Result<String, String> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_range = |part: &str| match part.trim().split_once('-') {
        Some(("", last)) => is_number(last),
        Some((first, "")) => is_number(first),
        Some((first, last)) => is_number(first) && is_number(last),
        None => false,
    };
    if text.split(',').all(is_range) {
        Ok(text.to_owned())
    } else {
        Err("takes bytes such as 0-99, 500- or -100, several with commas".to_owned())
    }
}
