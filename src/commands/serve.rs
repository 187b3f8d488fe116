//! `salver [DIRECTORY]`: serve until told to stop.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::banner::{self, Banner};
use super::complain;
use super::logging;
use super::reload::Load;
use super::running::Running;
use super::watchdog;
use crate::allocator;
use crate::config::{self, KEYS, Loaded};
use crate::site::Site;
use crate::tls::Tls;

/// Exit status when the server could not run, or was ended before it had drained.
const FAILED: u8 = 1;

/// Serves what the configuration says. Returns when the server has stopped; `load` reads the
/// configuration again.
pub fn run(loaded: Loaded, load: impl Load) -> ExitCode {
    allocator::give_back_what_is_free();
    match serve(loaded, load) {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            ExitCode::from(FAILED)
        }
    }
}

fn serve(loaded: Loaded, load: impl Load) -> Result<ExitCode, Box<dyn Error>> {
    let mut running = Running::start(loaded)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Watched before the greeting: whoever reads it may stop the server at once.
    let mut signals = {
        let _context = runtime.enter();
        Signals::watch()?
    };
    greet(&running);
    running.tell_ready();
    let watchdog = watchdog::feed(running.notifier().clone(), running.server().pulse());
    let clean = runtime.block_on(async {
        tokio::select! {
            clean = run_until_stopped(&mut running, &mut signals, load) => clean,
            never = watchdog => match never {},
        }
    });
    // A disk that a new configuration waits for is not waited for.
    runtime.shutdown_background();
    running.end(clean);
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

/// Serves until a signal or the accept limit, then drains. False when a second signal cut it off.
async fn run_until_stopped(running: &mut Running, signals: &mut Signals, load: impl Load) -> bool {
    let Signals { hangup, stop } = signals;
    let limit_reached = running.server().accept_limit_reached();
    tokio::select! {
        name = stop.next() => {
            running.tell_stopping();
            running.server().announce_end();
            let delay = running.config().shutdown_delay;
            if !delay.is_zero() {
                tracing::info!("{name}: stopping in {} s", delay.as_secs_f64());
                tokio::select! {
                    () = tokio::time::sleep(delay) => {}
                    name = stop.next() => {
                        tracing::warn!("{name} again: ending at once");
                        return false;
                    }
                }
            }
            tracing::info!("{name}: finishing the requests in flight");
        }
        () = limit_reached => {
            running.tell_stopping();
            tracing::info!("accept_limit reached: stopping");
        }
        () = running.go_on(hangup, load) => {}
    }
    running.server().drain();
    tokio::select! {
        () = running.server().drained() => {}
        () = tokio::time::sleep(running.config().shutdown_timeout) => {
            tracing::warn!("shutdown_timeout is over: cutting what is still open");
        }
        name = stop.next() => {
            tracing::warn!("{name} again: ending at once");
            return false;
        }
    }
    true
}

/// The signals that a server goes by.
struct Signals {
    hangup: Signal,
    stop: StopSignals,
}

/// Those that stop it.
struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn watch() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            stop: StopSignals {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
            },
        })
    }
}

impl StopSignals {
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

/// Says where the server can be reached and how to stop it.
fn greet(running: &Running) {
    let (config, tls, addresses) = (running.config(), running.tls(), running.server().addresses());
    // Not on standard output: the access log is there, and programs read it.
    let mut out = io::stderr();
    let root = std::path::absolute(&config.document_root);
    let features = KEYS.iter().filter_map(|key| Some((key, key.feature()?)));
    let on: Vec<_> =
        features.filter(|(key, _)| key.show(config) == true).map(|(_, name)| name).collect();
    // Of no use to a socket that listens on one address.
    let is_everywhere = addresses.iter().any(|address| address.ip().is_unspecified());
    let interfaces = if is_everywhere { banner::interfaces() } else { Vec::new() };
    let sandbox = running.sandbox();
    let banner = Banner {
        version: env!("CARGO_PKG_VERSION"),
        root: root.as_deref().unwrap_or(&config.document_root),
        scheme: if tls.is_some() { "https" } else { "http" },
        addresses: &addresses,
        interfaces: &interfaces,
        status_path: config.enable_server_status.then_some(Site::STATUS_PAGE),
        features: &on,
        self_signed: tls.and_then(Tls::self_signed),
        certificate_folder: tls.and_then(|tls| tls.options().self_signed.folder.as_deref()),
        sandbox: &sandbox,
        is_passed: running.server().is_passed(),
        config_file: running.config_file(),
        colors: logging::colors(config),
    };
    if config.log_format == config::LogFormat::Json {
        // What reads that reads nothing else.
        let (local, network) = banner.urls();
        let root = banner.root.display().to_string();
        let (version, status) = (banner.version, banner.status_path);
        let fingerprint = banner.self_signed.map(|fingerprint| fingerprint.to_string());
        let folder = banner.certificate_folder.filter(|_| fingerprint.is_some());
        let certificate_folder = folder.map(|folder| folder.display().to_string());
        let sockets = banner.is_passed.then_some("passed");
        tracing::info!(
            version,
            root,
            ?local,
            ?network,
            status,
            fingerprint,
            certificate_folder,
            features = ?on,
            ?sandbox,
            sockets,
            "serving"
        );
        return;
    }
    // A closed output is no reason not to serve.
    let _ = out.write_all(banner.to_string().as_bytes()).and_then(|()| out.flush());
}
