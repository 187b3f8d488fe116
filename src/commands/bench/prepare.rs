//! From the options to a plan.

use std::path::Path;
use std::time::Duration;
use std::{fs, thread};

use bytes::Bytes;
use http::Method;

use super::error::BenchError;
use crate::cli::BenchOptions;
use crate::client::{self, Trust, Url};
use crate::descriptors;
use crate::load::{Ask, Extent, Plan, Tls};

const USUAL_TIME: Duration = Duration::from_secs(10);

/// Bytes of a file of URLs, and of a content, at most.
const LARGEST: u64 = 64 * 1024 * 1024;

/// What the options mean.
pub(super) fn plan(options: &BenchOptions) -> Result<Plan, BenchError> {
    let url = client::address(&options.url).map_err(BenchError::Client)?;
    let keep_alive = !options.no_keep_alive && !says_close(&options.headers);
    if !keep_alive && options.pipeline > 1 {
        return Err(BenchError::Options(
            "several requests on a connection (--pipeline) need one that is kept".to_owned(),
        ));
    }
    let extent = match options.requests {
        Some(count) => Extent::Requests(count),
        None => Extent::Time(options.duration.unwrap_or(USUAL_TIME)),
    };
    let connections = connections(options, extent)?;
    let cores = thread::available_parallelism().map_or(1, usize::from);
    Ok(Plan {
        asks: asks(options, &url, keep_alive)?,
        tls: tls(options)?,
        http2: options.http2,
        connections,
        threads: options.threads.unwrap_or(cores).min(connections),
        at_once: match (keep_alive, options.http2) {
            (false, _) => 1,
            (true, true) => options.streams,
            (true, false) => options.pipeline,
        },
        keep_alive,
        rate: options.rate,
        extent,
        warm_up: options.warm_up,
        timeout: options.timeout,
        origin: url,
    })
}

fn says_close(headers: &[String]) -> bool {
    let mut fields = headers.iter().filter_map(|header| header.split_once(':'));
    fields.any(|(name, value)| {
        let mut items = value.split(',').map(str::trim);
        name.trim().eq_ignore_ascii_case("connection")
            && items.any(|item| item.eq_ignore_ascii_case("close"))
    })
}

/// No more than there are requests, and no more than there are descriptors for.
fn connections(options: &BenchOptions, extent: Extent) -> Result<usize, BenchError> {
    let possible = descriptors::shares(0).connections;
    if options.connections > possible {
        return Err(BenchError::Options(format!(
            "too few file descriptors for {} connections: there can be {possible}; allow more (ulimit -Hn)",
            options.connections
        )));
    }
    Ok(match extent {
        Extent::Requests(count) => {
            usize::try_from(count).unwrap_or(usize::MAX).min(options.connections)
        }
        Extent::Time(_) => options.connections,
    })
}

fn tls(options: &BenchOptions) -> Result<Tls, BenchError> {
    let trust = match &options.cacert {
        _ if options.insecure => Trust::Anybody,
        Some(file) => Trust::authorities(file).map_err(BenchError::Client)?,
        None => Trust::System,
    };
    let cipher = known("--tls-cipher", options.tls_cipher.as_deref(), &Tls::ciphers())?;
    let group = known("--tls-group", options.tls_group.as_deref(), &Tls::groups())?;
    Ok(Tls { trust, cipher, group })
}

/// What was given, if it is one of the names.
fn known(option: &str, given: Option<&str>, names: &[&str]) -> Result<Option<String>, BenchError> {
    match given {
        Some(given) if !names.iter().any(|name| name.eq_ignore_ascii_case(given)) => {
            Err(BenchError::Options(format!(
                "{option} '{}' is not known; there are {}",
                given.escape_debug(),
                names.join(", ")
            )))
        }
        given => Ok(given.map(str::to_owned)),
    }
}

fn asks(options: &BenchOptions, url: &Url, keep_alive: bool) -> Result<Vec<Ask>, BenchError> {
    let body = body(options)?;
    let usual = if options.body.is_some() { Method::POST } else { Method::GET };
    let method = options.method.as_ref().map_or(Ok(usual), |given| {
        Method::from_bytes(given.as_bytes())
            .map_err(|_| BenchError::Method(given.escape_debug().to_string()))
    })?;
    let urls = match &options.urls {
        Some(file) => urls(file, url)?,
        None => vec![url.clone()],
    };
    let ask = |url: &Url| Ask::new(url, &method, &options.headers, &body, keep_alive);
    urls.iter().map(ask).collect::<Result<_, _>>().map_err(BenchError::Ask)
}

fn body(options: &BenchOptions) -> Result<Bytes, BenchError> {
    let Some(body) = &options.body else { return Ok(Bytes::new()) };
    match body.strip_prefix('@') {
        Some(file) => read(Path::new(file)).map(Bytes::from),
        None => Ok(Bytes::from(body.clone())),
    }
}

fn read(file: &Path) -> Result<Vec<u8>, BenchError> {
    let wrong = |reason: String| BenchError::File { file: file.to_owned(), reason };
    let size = fs::metadata(file).map_err(|error| wrong(error.to_string()))?.len();
    if size > LARGEST {
        return Err(wrong(format!("has {size} bytes, and may have {LARGEST}")));
    }
    fs::read(file).map_err(|error| wrong(error.to_string()))
}

/// The URLs of a file, one a line; empty lines and those that begin with `#` are left out.
fn urls(file: &Path, base: &Url) -> Result<Vec<Url>, BenchError> {
    let text = String::from_utf8_lossy(&read(file)?).into_owned();
    let lines = (1..).zip(text.lines().map(str::trim));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let urls: Vec<_> = lines
        .map(|(number, line)| {
            let wrong =
                |reason: String| BenchError::Line { file: file.to_owned(), line: number, reason };
            let url = base.join(line).map_err(|error| wrong(error.to_string()))?;
            if url.origin() == base.origin() {
                Ok(url)
            } else {
                let origin = base.origin().ascii_serialization();
                Err(wrong(format!(
                    "{url} is on another server than {origin}; measure one at a time"
                )))
            }
        })
        .collect::<Result<_, _>>()?;
    if urls.is_empty() {
        return Err(BenchError::File {
            file: file.to_owned(),
            reason: "there is no URL in it".to_owned(),
        });
    }
    Ok(urls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_urls_is_of_one_server() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("urls");
        let base = Url::parse("http://h:1/start/").unwrap();
        let read = |text: &str| {
            fs::write(&file, text).unwrap();
            let all = urls(&file, &base).map_err(|error| error.to_string())?;
            Ok::<_, String>(all.iter().map(Url::to_string).collect::<Vec<_>>())
        };
        let all = read("# two\n/a?b\r\n\n  c.html  \nhttp://h:1/d\n").unwrap();
        assert_eq!(all, ["http://h:1/a?b", "http://h:1/start/c.html", "http://h:1/d"]);
        assert!(
            read("/a\nhttp://other:1/\n")
                .unwrap_err()
                .contains("urls:2: http://other:1/ is on another")
        );
        assert!(read("# nothing\n").unwrap_err().contains("there is no URL in it"));
    }

    #[test]
    fn closing_is_seen_among_headers() {
        let says = |header: &str| says_close(&[header.to_owned()]);
        assert!(says("connection: Close") && says("Connection: te, close"));
        assert!(!says("Connection: keep-alive") && !says("X: close") && !says("close"));
    }
}
