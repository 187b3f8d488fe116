//! `salver man`: the manual page, from the definitions that command lines are read by, and from what they
//! do not say.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Command as Parser};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::{AFTER_HELP, NAME, Words};

const COMMAND: &str = "COMMAND";

const HELP: &str = "\
To read it:     salver man | man -l -
To install it:  salver man >/usr/share/man/man1/salver.1
                salver man status >/usr/share/man/man1/salver-status.1";

const DESCRIPTION: &str = "\
salver serves a folder over HTTP and HTTPS: files with conditional and range requests, listings, uploads if \
they are wanted, and a status page. It prints where it can be reached, and serves until it is told to stop. \
Without options that is the current folder, for this machine alone, on port 8000.";

/// A heading, and terms with what there is to say of each.
type Section = (&'static str, &'static [(&'static str, &'static str)]);

const SECTIONS: &[Section] = &[
    (
        "EXIT STATUS",
        &[
            ("0", "Stopped cleanly."),
            (
                "1",
                "It could not run (port taken, folder missing), or was ended by a second signal.",
            ),
            ("2", "Wrong usage or configuration."),
        ],
    ),
    (
        "ENVIRONMENT",
        &[
            (
                "SALVER_*",
                "Every option: SALVER_CACHE_MAX_AGE is --cache-max-age. Lists are separated by commas.",
            ),
            ("SALVER_CONFIG", "The configuration file, unless --config names one."),
            ("NO_COLOR, TERM=dumb", "No colours, unless --colored-logging says otherwise."),
            ("SSL_CERT_FILE, SSL_CERT_DIR", "Authorities that commands which ask servers believe."),
            (
                "LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES",
                "Sockets that systemd passes; they take the place of --host and --port. One named \
                 redirect sends plain requests on to https.",
            ),
            (
                "NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID",
                "Where systemd is told of readiness, reloads and the end, and how often that it is alive.",
            ),
        ],
    ),
    (
        "FILES",
        &[
            (
                "The file that --config names",
                "The configuration: JSON, with // comments and trailing commas. Its keys are the options, \
                 with _ for -. Paths in it are relative to it. None is read unless it is named.",
            ),
            (
                "certs/",
                "Beside the configuration file, or in the current folder: the self-signed certificate that \
                 --ssl makes.",
            ),
        ],
    ),
    (
        "SIGNALS",
        &[
            (
                "SIGTERM, SIGINT",
                "Stop: new connections are refused, requests finished for up to --shutdown-timeout. A \
                 second one ends it at once.",
            ),
            (
                "SIGHUP",
                "Read the configuration again, without a connection lost, and open log files anew.",
            ),
        ],
    ),
    (
        "EXAMPLES",
        &[
            ("salver --host 0.0.0.0 ~/Pictures", "Share a folder on the network."),
            ("salver --enable-file-uploads ~/Shared", "Take files, too, at /uploads/."),
            ("salver --ssl --port 8443 .", "HTTPS, with a certificate made for this machine."),
            (
                "salver check --config /etc/salver/config.json",
                "Say what a configuration comes to, or what is wrong with it.",
            ),
            ("salver healthcheck && echo up", "Ask the server on this machine how it is."),
        ],
    ),
];

pub(super) fn parser(name: &'static str) -> Parser {
    // By the table's names: their parsers have this one among them.
    let commands = super::PLAIN.iter().map(|plain| plain.name).chain([super::CHECK]);
    Parser::new(name)
        .about("Print the manual page, of salver or of one of its commands")
        .after_help(HELP)
        .arg(
            Arg::new(COMMAND)
                .help("Command that it is of")
                .value_parser(PossibleValuesParser::new(commands)),
        )
}

/// The page that was asked for, in roff.
pub(super) fn page(matches: &ArgMatches) -> String {
    let mut whole = super::parser(Words::All).subcommand_help_heading("COMMANDS");
    whole.build();
    let command = matches.get_one::<String>(COMMAND);
    let of_command = command.and_then(|name| whole.find_subcommand(name)).cloned();
    let is_whole = of_command.is_none();
    let parser = of_command.unwrap_or(whole);
    let mut roff = Roff::new();
    match (parser.get_after_help(), parser.get_about()) {
        _ if is_whole => paragraphs(&mut roff, "DESCRIPTION", &[DESCRIPTION, AFTER_HELP]),
        (Some(text), _) | (None, Some(text)) => sections(&mut roff, &text.to_string()),
        (None, None) => {}
    }
    let man = Man::new(parser)
        .source(format!("{NAME} {}", env!("CARGO_PKG_VERSION")))
        .manual("User Commands");
    let mut out = Vec::new();
    // Writing into memory does not fail.
    let _ = man.render_title(&mut out);
    let _ = man.render_name_section(&mut out);
    let _ = man.render_synopsis_section(&mut out);
    let _ = roff.to_writer(&mut out);
    let _ = man.render_options_section(&mut out);
    let mut end = Roff::new();
    if is_whole {
        let _ = man.render_subcommands_section(&mut out);
        for (heading, entries) in SECTIONS {
            list(&mut end, heading, entries);
        }
        paragraphs(&mut end, "SEE ALSO", &["salver man COMMAND, salver COMMAND --help"]);
    } else {
        paragraphs(&mut end, "SEE ALSO", &["salver(1)"]);
    }
    let _ = end.to_writer(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn list(roff: &mut Roff, heading: &str, entries: &[(&str, &str)]) {
    roff.control("SH", [heading]);
    for (term, text) in entries {
        roff.control("TP", []);
        roff.text([bold(*term)]);
        roff.text([roman(*text)]);
    }
}

fn paragraphs(roff: &mut Roff, heading: &str, texts: &[&str]) {
    roff.control("SH", [heading]);
    for text in texts {
        roff.control("PP", []);
        roff.text([roman(*text)]);
    }
}

/// What `--help` says behind the options. A line that ends with a colon, with indented lines below it, is
/// a heading; these stay as they are.
fn sections(roff: &mut Roff, text: &str) {
    roff.control("SH", ["DESCRIPTION"]);
    let mut lines = text.lines().peekable();
    let mut is_table = false;
    while let Some(line) = lines.next() {
        let begins_table = lines.peek().is_some_and(|next| next.starts_with(' '));
        match (is_table, line.starts_with(' ')) {
            (false, true) => roff.control("nf", []),
            (true, false) => roff.control("fi", []),
            _ => roff,
        };
        is_table = line.starts_with(' ');
        if let Some(heading) = line.strip_suffix(':').filter(|_| begins_table) {
            roff.control("SH", [heading.to_uppercase().as_str()]);
        } else if line.is_empty() {
            roff.control("PP", []);
        } else {
            roff.text([roman(line.trim_start())]);
        }
    }
    if is_table {
        roff.control("fi", []);
    }
}
