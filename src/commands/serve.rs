//! `salver [DIRECTORY]`: serve until told to stop.

use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::banner::{self, Banner};
use super::care::Care;
use super::tls;
use crate::config::{self, ColoredLogging, Config, KEYS};
use crate::log::{self, AccessLog, Destination, DiagnosticsFormat, DiagnosticsOptions};
use crate::server::{self, Bound, Server, Services};
use crate::site::Site;
use crate::stats::snapshot::{Feature, ServerInfo};
use crate::tls::Tls;

/// Exit status when the server could not run, or was ended before it had drained.
const FAILED: u8 = 1;

/// How long the last lines of the access log may take to be written.
const LOG_PATIENCE: Duration = Duration::from_secs(2);

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
    let _diagnostics = log::init(&diagnostics_options(config))?;
    let stats = server::stats(config);
    let site = Arc::new(Site::build(config, &stats)?);
    let access_log = access_log(config)?;
    let tls = tls::options(config, config_file).map(Tls::open).transpose()?.map(Arc::new);
    let bound = Bound::bind(config)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Watched before the greeting: whoever reads it may stop the server at once.
    let mut signals = {
        let _context = runtime.enter();
        Signals::watch()?
    };
    let addresses = bound.addresses().to_vec();
    let redirect = config.ssl_redirect_port.map(|_| {
        let port = addresses.first().map_or(config.port, SocketAddr::port);
        Site::to_https(config, port).map(Arc::new)
    });
    let services =
        Services { site: Arc::clone(&site), tls: tls.clone(), redirect: redirect.transpose()? };
    let care = Care {
        site,
        tls: tls.clone(),
        stats: Arc::clone(&stats),
        dropped_lines: access_log.as_ref().map(AccessLog::dropped_lines),
        max_connections: bound.max_connections(),
    };
    stats.introduce(introduction(config, config_file, &addresses));
    let server = bound.start(&services, &stats, access_log.as_ref())?;
    drop(services);
    care.begin();
    greet(config, config_file, &addresses, tls.as_deref());
    let log = access_log.as_ref();
    let clean = runtime.block_on(run_until_stopped(server, &care, &mut signals, log, config));
    if let Some(log) = access_log {
        log.close(LOG_PATIENCE);
    }
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

/// Serves until a signal or the accept limit, then drains. False when a second signal cut it off.
async fn run_until_stopped(
    mut server: Server,
    care: &Care,
    signals: &mut Signals,
    access_log: Option<&AccessLog>,
    config: &Config,
) -> bool {
    let Signals { hangup, stop } = signals;

    tokio::select! {
        name = stop.next() => {
            server.announce_end();
            let delay = config.shutdown_delay;
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
        () = server.accept_limit_reached() => tracing::info!("accept_limit reached: stopping"),
        () = care.go_on(hangup, access_log) => {}
    }
    server.drain();
    tokio::select! {
        () = server.drained() => {}
        () = tokio::time::sleep(config.shutdown_timeout) => {
            tracing::warn!("shutdown_timeout is over: cutting what is still open");
        }
        name = stop.next() => {
            tracing::warn!("{name} again: ending at once");
            return false;
        }
    }
    server.end();
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

/// What the status says of the server.
fn introduction(
    config: &Config,
    config_file: Option<&Path>,
    addresses: &[SocketAddr],
) -> ServerInfo {
    let scheme = if config.enable_ssl { "https" } else { "http" };
    let root = std::path::absolute(&config.document_root);
    let root = root.as_deref().unwrap_or(&config.document_root);
    let features = KEYS.iter().filter_map(|key| {
        let name = key.feature()?.to_owned();
        let is_there = key.about().missing.is_none();
        is_there.then(|| Feature { name, on: key.show(config) == true })
    });
    ServerInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: option_env!("SALVER_COMMIT").filter(|it| !it.is_empty()).map(str::to_owned),
        pid: std::process::id(),
        host: gethostname::gethostname().to_string_lossy().into_owned(),
        listeners: addresses.iter().map(|address| format!("{scheme}://{address}")).collect(),
        document_root: root.display().to_string(),
        config_file: config_file.map(|path| path.display().to_string()),
        features: features.collect(),
        ..ServerInfo::default()
    }
}

/// Says where the server can be reached and how to stop it.
fn greet(config: &Config, config_file: Option<&Path>, addresses: &[SocketAddr], tls: Option<&Tls>) {
    // Not on standard output: the access log is there, and programs read it.
    let mut out = io::stderr();
    let root = std::path::absolute(&config.document_root);
    let features = KEYS.iter().filter_map(|key| Some((key, key.feature()?)));
    let on: Vec<_> =
        features.filter(|(key, _)| key.show(config) == true).map(|(_, name)| name).collect();
    // Of no use to a socket that listens on one address.
    let is_everywhere = addresses.iter().any(|address| address.ip().is_unspecified());
    let interfaces = if is_everywhere { banner::interfaces() } else { Vec::new() };
    let banner = Banner {
        version: env!("CARGO_PKG_VERSION"),
        root: root.as_deref().unwrap_or(&config.document_root),
        scheme: if tls.is_some() { "https" } else { "http" },
        addresses,
        interfaces: &interfaces,
        status_path: config.enable_server_status.then_some(Site::STATUS_PAGE),
        features: &on,
        self_signed: tls.and_then(Tls::self_signed),
        config_file,
        colors: colors(config, out.is_terminal()),
    };
    if config.log_format == config::LogFormat::Json {
        // What reads that reads nothing else.
        let (local, network) = banner.urls();
        let root = banner.root.display().to_string();
        let (version, status) = (banner.version, banner.status_path);
        let fingerprint = banner.self_signed.map(|fingerprint| fingerprint.to_string());
        tracing::info!(version, root, ?local, ?network, status, fingerprint, features = ?on, "serving");
        return;
    }
    // A closed output is no reason not to serve.
    let _ = out.write_all(banner.to_string().as_bytes()).and_then(|()| out.flush());
}

fn colors(config: &Config, is_terminal: bool) -> bool {
    let setting = match config.colored_logging {
        ColoredLogging::Auto => None,
        ColoredLogging::Always => Some(true),
        ColoredLogging::Never => Some(false),
    };
    log::colors(setting, is_terminal, std::env::var_os("NO_COLOR").as_deref())
}

fn diagnostics_options(config: &Config) -> DiagnosticsOptions {
    DiagnosticsOptions {
        filter: config.log_level.clone(),
        format: match config.log_format {
            config::LogFormat::Text => DiagnosticsFormat::Text,
            config::LogFormat::Json => DiagnosticsFormat::Json,
        },
        color: colors(config, io::stderr().is_terminal()),
        file: config.log_file.clone(),
        rotation: rotation(config),
        max_files: config.log_max_files.saturating_add(1),
    }
}

fn access_log(config: &Config) -> Result<Option<AccessLog>, log::LogError> {
    let destination = match &config.access_log {
        config::AccessLog::Off => return Ok(None),
        config::AccessLog::Stdout => Destination::Stdout,
        config::AccessLog::File(path) => Destination::File {
            path: path.clone(),
            rotation: rotation(config),
            max_files: config.log_max_files.saturating_add(1),
        },
    };
    let format = match config.access_log_format {
        config::AccessLogFormat::Common => log::AccessLogFormat::Common,
        config::AccessLogFormat::Combined => log::AccessLogFormat::Combined,
        config::AccessLogFormat::Json => log::AccessLogFormat::Json,
    };
    AccessLog::open(format, &destination).map(Some)
}

fn rotation(config: &Config) -> log::Rotation {
    match config.log_rotation {
        config::Rotation::Never => log::Rotation::Never,
        config::Rotation::Hourly => log::Rotation::Hourly,
        config::Rotation::Daily => log::Rotation::Daily,
    }
}
