//! `salver [DIRECTORY]`: serve until told to stop.

use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::banner::{self, Banner};
use crate::config::Config;
use crate::log::{AccessLog, diagnostics};
use crate::server::{Bound, Server};
use crate::site::Site;

/// Exit status when the server could not run, or was ended before it had drained.
const FAILED: u8 = 1;

/// Serves what the configuration says. Returns when the server has stopped; `config_file` is
/// named in the greeting.
pub fn run(config: &Config, config_file: Option<&Path>) -> ExitCode {
    match serve(config, config_file) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(io::stderr(), "salver: {error}");
            ExitCode::from(FAILED)
        }
    }
}

fn serve(config: &Config, config_file: Option<&Path>) -> Result<ExitCode, Box<dyn Error>> {
    let _diagnostics = diagnostics::init(&diagnostics_options(config))?;
    let site = Arc::new(Site::build(config)?);
    let bound = Bound::bind(config)?;
    let log = access_log(config)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        // Watched before the greeting: whoever reads it may stop the server at once.
        let mut signals = Signals::watch()?;
        let addresses = bound.addresses().to_vec();
        let server = bound.start(&site, log.as_ref())?;
        greet(config, config_file, &addresses);
        Ok::<_, Box<dyn Error>>(run_until_stopped(server, &mut signals, config).await)
    });
    if let Some(log) = log {
        log.close();
    }
    Ok(if ended? { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

/// Serves until a signal or the accept limit, then drains. False when a second signal cut it off.
async fn run_until_stopped(mut server: Server, signals: &mut Signals, config: &Config) -> bool {
    tokio::select! {
        name = signals.next() => tracing::info!("{name}: finishing the requests in flight"),
        () = server.accept_limit_reached() => tracing::info!("accept_limit reached: stopping"),
    }
    server.drain();
    let clean = tokio::select! {
        () = server.drained() => true,
        () = tokio::time::sleep(config.shutdown_timeout) => {
            tracing::warn!("shutdown_timeout is over: cutting what is still open");
            true
        }
        name = signals.next() => {
            tracing::warn!("{name} again: ending at once");
            false
        }
    };
    server.end();
    clean
}

/// The signals that stop the server.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn watch() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}
