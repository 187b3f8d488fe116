//! `salver get URL...`: answers to the terminal, or into files.
//!
//! | file | what it knows |
//! | --- | --- |
//! | `asked` | the options as a request |
//! | `form` | what is sent with it: `-d`, `-F` |
//! | `transfer` | one URL, from the question to where the answer goes |
//! | `place` | where that is |
//! | `name` | the name of a file that the server names |
//! | `save` | content on its way into a file or to standard output |
//! | `partial` | a download that is not complete |
//! | `resume` | whether it can go on |
//! | `writer` | the thread that writes |
//! | `coding` | content codings, undone |
//! | `text` | text out of its charset, harmless on a terminal |
//! | `head` | the head of an answer, printed |
//! | `turns` | whose turn it is to print |
//! | `bar` | the line of a download on its way |
//! | `console` | standard output, standard error, the bars |
//! | `error` | what went wrong, and the exit status |

mod asked;
mod bar;
mod coding;
mod console;
mod error;
mod form;
mod head;
mod name;
mod partial;
mod place;
mod resume;
mod save;
mod text;
mod transfer;
mod turns;
mod writer;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use self::asked::Asked;
use self::console::Console;
use self::error::{Ending, GetError};
use self::place::Place;
use self::transfer::{Session, Wanted};
use self::turns::Turns;
use crate::cli::GetOptions;
use crate::client::{self, Client, Protocol, Settings, Trust};

/// How long lookups of names and readers of pipes that nobody waits for any more may hold up the
/// end.
const LEAVE: Duration = Duration::from_millis(10);

/// Asks for all URLs; what went wrong with one is a line on standard error. The exit status says how
/// it went, as `--help` tells.
pub fn run(options: &GetOptions) -> ExitCode {
    let console = Console::new(options.no_color);
    match get(options, &console) {
        Ok(ending) => ending.code(),
        Err(error) => {
            console.complain(&error);
            error.ending().code()
        }
    }
}

fn get(options: &GetOptions, console: &Console) -> Result<Ending, GetError> {
    let wanted: Vec<_> = options.urls.iter().map(|url| wanted(url)).collect::<Result<_, _>>()?;
    let place = Place::of(options)?;
    let Some(first) = wanted.first() else {
        return Err(GetError::Usage("there is no URL to ask for".to_owned()));
    };
    let asked = Asked::new(options, &first.url)?;
    let client = Client::with(&settings(options)?)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(GetError::Setup)?;
    let ending = runtime.block_on(async {
        let stop = signals().map_err(GetError::Setup)?;
        let (options, console) = (options.clone(), console.clone());
        let session = Session { client, options, asked, place, console, stop };
        Ok(all(Arc::new(session), wanted).await)
    });
    runtime.shutdown_timeout(LEAVE);
    ending
}

fn wanted(given: &str) -> Result<Wanted, GetError> {
    Ok(Wanted { url: client::address(given)?, is_guess: !client::has_scheme(given) })
}

fn settings(options: &GetOptions) -> Result<Settings, GetError> {
    let trust = match &options.authorities {
        _ if options.insecure => Trust::Anybody,
        Some(path) => Trust::authorities(path)?,
        None => Trust::System,
    };
    let protocol = match (options.http1, options.http2) {
        (true, _) => Protocol::Http1,
        (_, true) => Protocol::Http2,
        _ => Protocol::Agreed,
    };
    let (connect_timeout, patience) = (options.connect_timeout, options.timeout);
    Ok(Settings { trust, protocol, connect_timeout, patience })
}

/// All URLs, some at a time, in their order; returns the worst ending.
async fn all(session: Arc<Session>, wanted: Vec<Wanted>) -> Ending {
    let places = Arc::new(Semaphore::new(session.options.parallel.max(1)));
    let turns = Turns::new(wanted.len());
    let mut transfers = JoinSet::new();
    for (number, wanted) in wanted.into_iter().enumerate() {
        let (session, places) = (Arc::clone(&session), Arc::clone(&places));
        let turn = turns.of(number);
        transfers.spawn(async move {
            // They are given out in the order of asking, so that the first are never behind others.
            let _place = places.acquire().await;
            match session.transfer(&wanted, turn).await {
                Ok(ending) => ending,
                Err(error) => {
                    if !error.is_silent() {
                        session.console.complain(&error);
                    }
                    error.ending()
                }
            }
        });
    }
    let mut worst = Ending::Fine;
    while let Some(ending) = transfers.join_next().await {
        worst = worst.max(ending.unwrap_or(Ending::Failed));
    }
    worst
}

/// Tells of the first signal to end; the second one ends at once.
fn signals() -> std::io::Result<watch::Receiver<Option<u8>>> {
    let (stop, stopped) = watch::channel(None);
    for (kind, number) in [(SignalKind::interrupt(), 2), (SignalKind::terminate(), 15)] {
        let (stop, mut signal) = (stop.clone(), signal(kind)?);
        tokio::spawn(async move {
            while signal.recv().await.is_some() {
                if stop.send_replace(Some(number)).is_some() {
                    std::process::exit(128 + i32::from(number));
                }
            }
        });
    }
    Ok(stopped)
}
