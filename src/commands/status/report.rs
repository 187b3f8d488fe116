//! What a server answers, and whether that is a status.

use std::time::Duration;
use std::{error, fmt, io};

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;

use crate::client::{self, Answer, Client, ClientError, Trust, Url};
use crate::stats::snapshot::{FORMAT, History, Snapshot};

/// Where a server shows its status.
const PATH: &str = "/server-status";
/// All of it as data, with the last ten minutes.
const QUERY: &str = "format=json&range=10m";

const JSON: &str = "application/json";

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// More than any status has.
const LIMIT: usize = 16 << 20;

/// A server to ask.
#[derive(Debug)]
pub(super) struct Source {
    client: Client,
    url: Url,
    /// Whether nobody said that it is http.
    is_guess: bool,
}

/// What it answered.
#[derive(Clone, Debug)]
pub(super) struct Report {
    /// As it came.
    pub(super) json: Bytes,
    pub(super) snapshot: Snapshot,
    /// The last minutes, unless the server has told nothing of them.
    pub(super) history: Option<History>,
}

impl Source {
    /// Nothing is asked yet.
    pub(super) fn new(address: &str, insecure: bool) -> Result<Self, StatusError> {
        let mut url = client::address(address).map_err(StatusError::Client)?;
        let is_guess = !client::has_scheme(address);
        if url.path() == "/" {
            url.set_path(PATH);
        }
        url.set_query(Some(QUERY));
        let trust = if insecure { Trust::Anybody } else { Trust::System };
        let client = Client::new(trust, PATIENCE).map_err(StatusError::Client)?;
        Ok(Self { client, url, is_guess })
    }

    /// Where it is, for people.
    pub(super) fn name(&self) -> String {
        name(&self.url)
    }

    pub(super) async fn ask(&self) -> Result<Report, StatusError> {
        let Self { client, url, is_guess } = self;
        let answer = if *is_guess {
            client.get_either(url, JSON, LIMIT).await
        } else {
            client.get(url, JSON, LIMIT).await
        };
        Report::read(answer.map_err(StatusError::Client)?)
    }
}

impl Report {
    fn read(answer: Answer) -> Result<Self, StatusError> {
        /// What every format has.
        #[derive(Deserialize)]
        struct Versioned {
            format: u32,
        }
        /// What is there beside the snapshot.
        #[derive(Deserialize)]
        struct Beside {
            history: Option<History>,
        }

        let url = name(&answer.url);
        match answer.status {
            StatusCode::OK => {}
            StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => {
                return Err(StatusError::NotAllowed { url });
            }
            StatusCode::NOT_FOUND => return Err(StatusError::NotThere { url }),
            status => return Err(StatusError::Answered { url, status }),
        }
        let json = answer.content;
        let no_status = |reason| StatusError::NotStatus { url: url.clone(), reason };
        let Versioned { format } = serde_json::from_slice(&json).map_err(no_status)?;
        if format > FORMAT {
            return Err(StatusError::TooNew { url, format });
        }
        let snapshot = serde_json::from_slice(&json).map_err(no_status)?;
        let Beside { history } = serde_json::from_slice(&json).map_err(no_status)?;
        Ok(Self { json, snapshot, history })
    }
}

fn name(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

/// Why there is no status.
#[derive(Debug)]
pub(super) enum StatusError {
    /// No answer.
    Client(ClientError),
    /// Not for this address.
    NotAllowed { url: String },
    /// Nothing of that name.
    NotThere { url: String },
    /// Something else than a status.
    Answered { url: String, status: StatusCode },
    /// Something else than a status, as content.
    NotStatus { url: String, reason: serde_json::Error },
    /// A status from a later version.
    TooNew { url: String, format: u32 },
    /// The system gave no means to ask.
    Setup(io::Error),
    /// What was answered cannot be written.
    Output(io::Error),
}

impl StatusError {
    /// Whether the command line is wrong, whatever a server says.
    pub(super) fn is_usage(&self) -> bool {
        matches!(self, Self::Client(ClientError::Address { .. }))
    }
}

impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(error) => error.fmt(f),
            Self::NotAllowed { url } => write!(
                f,
                "{url}: this address may not see the status; add it to status_allow in the \
                 configuration of the server"
            ),
            Self::NotThere { url } => write!(
                f,
                "{url}: there is no status; turn enable_server_status on, or name the server's \
                 status page"
            ),
            Self::Answered { url, status } => {
                write!(f, "{url}: the answer is {status}, not a status; is this a salver?")
            }
            Self::NotStatus { url, reason } => {
                write!(
                    f,
                    "{url}: the answer is not a salver's status ({reason}); is this a salver?"
                )
            }
            Self::TooNew { url, format } => write!(
                f,
                "{url}: the server tells its status in format {format}, this program knows up to \
                 {FORMAT}; take a salver of the server's version"
            ),
            Self::Setup(error) => write!(f, "nothing can be asked: {error}"),
            Self::Output(error) => write!(f, "cannot write the status: {error}"),
        }
    }
}

impl error::Error for StatusError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Client(error) => Some(error),
            Self::NotStatus { reason, .. } => Some(reason),
            Self::Setup(error) | Self::Output(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn read(status: u16, content: &str) -> Result<Report, String> {
        let answer = Answer {
            url: client::address("h:1/server-status?format=json").unwrap(),
            status: StatusCode::from_u16(status).unwrap(),
            fields: HeaderMap::new(),
            content: Bytes::copy_from_slice(content.as_bytes()),
        };
        Report::read(answer).map_err(|error| error.to_string())
    }

    #[test]
    fn a_status_is_read_with_its_history_or_without() {
        let json = include_str!("../../../tests/status.json");
        let report = read(200, json).unwrap();
        assert_eq!(report.json, json);
        assert_eq!(report.snapshot.requests.total, 9_007_199_254_740_993);
        assert_eq!(report.history.unwrap().requests.len(), 20);
        let without = json.replace("\"history\"", "\"later\"");
        assert_eq!(read(200, &without).unwrap().history, None);
    }

    #[test]
    fn anything_else_is_named_with_what_to_do() {
        for (status, content, expected) in [
            (403, "", "status_allow"),
            (404, "", "enable_server_status"),
            (500, "", "500 Internal Server Error, not a status"),
            (200, "<html>", "is this a salver?"),
            (200, "[]", "is this a salver?"),
            (200, r#"{"format": 1}"#, "is this a salver?"),
            (200, r#"{"format": 2}"#, "format 2"),
        ] {
            let error = read(status, content).unwrap_err();
            assert!(error.starts_with("http://h:1/server-status: "), "{error}");
            assert!(error.contains(expected) && error.lines().count() == 1, "{error}");
        }
    }

    #[test]
    fn the_page_is_found_from_the_address_of_the_server() {
        for (given, url) in [
            ("h:1", "http://h:1/server-status"),
            ("https://h", "https://h/server-status"),
            ("http://h/proxy/status?auto", "http://h/proxy/status"),
        ] {
            let source = Source::new(given, false).unwrap();
            assert_eq!(source.name(), url);
            assert_eq!(source.url.query(), Some("format=json&range=10m"));
        }
        assert!(Source::new("ftp://h", false).unwrap_err().is_usage());
    }
}
