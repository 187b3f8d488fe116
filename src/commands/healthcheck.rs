//! `salver healthcheck [URL]`: whether a server takes requests, as an exit status.

use std::ffi::OsString;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;
use std::{error, fmt, thread};

use http::StatusCode;
use url::Host;

use super::complain;
use crate::cli::HealthcheckOptions;
use crate::client::{self, Answer, Client, ClientError, Trust, Url};
use crate::config::{self, Config, ConfigError, Loaded, Overrides};

/// Where a server tells it.
const PATH: &str = "/healthz";

/// How long it may take: less than those who ask for it wait.
const PATIENCE: Duration = Duration::from_secs(5);
/// More than a word about one's health has.
const LIMIT: usize = 1 << 20;
/// Letters of an answer that are repeated.
const SHOWN: usize = 100;

/// Exit status when it does not take requests, or nobody knows.
const FAILED: u8 = 1;

/// Asks. What is wrong is one line on standard error; nothing else is printed.
pub fn run(
    options: &HealthcheckOptions,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> ExitCode {
    match ask(options, environment) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::from(FAILED)
        }
    }
}

/// Why a server does not count as healthy.
#[derive(Debug)]
enum Fault {
    /// What it was started with cannot be read.
    Config(ConfigError),
    /// The same, by now.
    Unread,
    /// It listens on a port that is not known beforehand.
    AnyPort,
    /// No answer.
    Client(ClientError),
    /// Another answer than 200.
    Answered { url: Url, status: StatusCode, text: String },
    /// It sends on to something else, such as a page to log in on.
    SentOn { from: String, to: String },
    /// The system gave no means to ask.
    Setup(io::Error),
}

impl error::Error for Fault {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Unread => write!(
                f,
                "the configuration cannot be read within {PATIENCE:?}: is it a pipe that nobody \
                 writes to?"
            ),
            Self::AnyPort => {
                f.write_str("port 0 is any free one: name the URL that the server has printed")
            }
            Self::Client(error) => error.fmt(f),
            Self::Answered { url, status, text } if text.is_empty() => write!(f, "{url}: {status}"),
            Self::Answered { url, status, text } => write!(f, "{url}: {status}: {text}"),
            Self::SentOn { from, to } => {
                write!(f, "{from}: sends on to {to}, which is another resource")
            }
            Self::Setup(error) => write!(f, "cannot ask: {error}"),
        }
    }
}

fn ask(
    options: &HealthcheckOptions,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<(), Fault> {
    let url = if let Some(given) = &options.url {
        url_of(given)?
    } else {
        own_url(&load(options, environment)?.config)?
    };
    let is_guess = options.url.as_ref().is_some_and(|given| !client::has_scheme(given));
    let trust = if options.insecure || is_here(&url) { Trust::Anybody } else { Trust::System };
    let client = Client::new(trust, PATIENCE).map_err(Fault::Client)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Fault::Setup)?;
    let answer = runtime.block_on(async {
        let accept = "text/plain, */*;q=0.1";
        if is_guess {
            client.get_either(&url, accept, LIMIT).await
        } else {
            client.get(&url, accept, LIMIT).await
        }
    });
    // A lookup that nobody waits for any more does not hold up the end.
    runtime.shutdown_background();
    judge(url, answer.map_err(Fault::Client)?)
}

fn load(
    options: &HealthcheckOptions,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Loaded, Fault> {
    let config_file = options.config_file.clone();
    let overrides = Overrides { config_file, ..Overrides::default() };
    let environment: Vec<_> = environment.into_iter().collect();
    let (sender, loaded) = mpsc::channel();
    let read = move || {
        // Nobody may be waiting for it any more.
        let _ = sender.send(config::load(&overrides, environment));
    };
    // A pipe is waited for until somebody writes to it.
    thread::Builder::new().spawn(read).map_err(Fault::Setup)?;
    loaded.recv_timeout(PATIENCE).map_err(|_| Fault::Unread)?.map_err(Fault::Config)
}

fn judge(asked: Url, answer: Answer) -> Result<(), Fault> {
    // From http to https, or to the name that counts: the path stays.
    if answer.url.path() != asked.path() {
        return Err(Fault::SentOn { from: asked.into(), to: answer.url.into() });
    }
    if answer.status == StatusCode::OK {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&answer.content);
    let line = text.lines().next().unwrap_or_default();
    let text = line.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
    Err(Fault::Answered { url: answer.url, status: answer.status, text })
}

/// The URL that was typed; without a path, that of the health.
fn url_of(given: &str) -> Result<Url, Fault> {
    let mut url = client::address(given).map_err(Fault::Client)?;
    if url.path() == "/" {
        url.set_path(PATH);
    }
    Ok(url)
}

/// Where the server with this configuration is reached from its own machine.
fn own_url(config: &Config) -> Result<Url, Fault> {
    if config.port == 0 {
        return Err(Fault::AnyPort);
    }
    let host = match config.host.first() {
        Some(IpAddr::V6(ip)) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        Some(ip) if !ip.is_unspecified() => *ip,
        _ => Ipv4Addr::LOCALHOST.into(),
    };
    let scheme = if config.enable_ssl { "https" } else { "http" };
    let address = SocketAddr::new(host, config.port);
    client::address(&format!("{scheme}://{address}{PATH}")).map_err(Fault::Client)
}

/// Whether it is on this machine: nobody is in between, and its certificate names it as others know it.
fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(variables: &[(&str, &str)]) -> String {
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
        let loaded = config::load(&Overrides::default(), variables).unwrap();
        own_url(&loaded.config).map_or_else(|fault| fault.to_string(), |url| url.to_string())
    }

    #[test]
    fn a_server_is_found_by_what_it_was_configured_with() {
        for (variables, url) in [
            (&[][..], "http://127.0.0.1:8000/healthz"),
            (&[("SALVER_PORT", "80")], "http://127.0.0.1/healthz"),
            (&[("SALVER_HOST", "0.0.0.0")], "http://127.0.0.1:8000/healthz"),
            (&[("SALVER_HOST", "::,0.0.0.0")], "http://[::1]:8000/healthz"),
            (&[("SALVER_HOST", "192.0.2.7,::")], "http://192.0.2.7:8000/healthz"),
            (
                &[("SALVER_ENABLE_SSL", "true"), ("SALVER_PORT", "8443")],
                "https://127.0.0.1:8443/healthz",
            ),
            (
                &[("SALVER_PORT", "0")],
                "port 0 is any free one: name the URL that the server has printed",
            ),
        ] {
            assert_eq!(own(variables), url, "{variables:?}");
        }
    }

    #[test]
    fn an_address_without_a_path_means_its_health() {
        for (given, url, here) in [
            ("localhost:81", "http://localhost:81/healthz", true),
            ("https://[::1]/", "https://[::1]/healthz", true),
            ("https://127.0.0.2/ready", "https://127.0.0.2/ready", true),
            ("https://site.example", "https://site.example/healthz", false),
            ("https://192.0.2.7", "https://192.0.2.7/healthz", false),
        ] {
            let read = url_of(given).unwrap();
            assert_eq!((read.as_str(), is_here(&read)), (url, here), "{given}");
        }
        assert!(url_of("ftp://h").is_err());
    }
}
