//! A server while it runs, and how it comes by another configuration.

use std::error::Error;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::signal::unix::Signal;
use tokio::task::spawn_blocking;

use super::care::{Care, Wards};
use super::prepare::{Granted, Prepared, of_user};
use super::reload::{Load, Next, NextLog};
use super::{logging, places, tls};
use crate::config::{self, Config, KEYS, Loaded};
use crate::log::{self, AccessLog};
use crate::opening;
use crate::server::{self, Role, Server, Services};
use crate::site::Site;
use crate::stats::snapshot::{Configuration, Feature, ServerInfo};
use crate::stats::{Stats, rfc3339};
use crate::systemd::Notifier;
use crate::tls::Tls;

/// How often the site lets go of what it does not need.
const TIDY: Duration = Duration::from_secs(10);

/// How long the last lines of an access log may take to be written.
const LOG_PATIENCE: Duration = Duration::from_secs(2);

/// Keys that say nothing where the sockets were passed.
const PLACES: [&str; 3] = ["host", "port", "ssl_redirect_port"];

/// A server, and all that belongs to it.
pub(super) struct Running {
    config: Config,
    config_file: Option<PathBuf>,
    services: Services,
    server: Server,
    care: Care,
    access_log: Option<AccessLog>,
    diagnostics: log::Guard,
    stats: Arc<Stats>,
    configuration: Configuration,
    sandbox: Granted,
    notifier: Notifier,
}

/// What came of a configuration that was taken over: names of keys.
struct Done {
    changed: Vec<&'static str>,
    /// Those that take a restart.
    held: Vec<&'static str>,
}

impl Running {
    /// Builds what the configuration asks for, and serves.
    pub(super) fn start(loaded: Loaded) -> Result<Self, Box<dyn Error>> {
        let Loaded { config, file: config_file, .. } = loaded;
        let said = logging::diagnostics(&config);
        let prepare = || Prepared::new(&config, config_file.as_deref());
        let Prepared { bound, tls, sandbox, notifier, warnings } =
            log::without_threads(&said, prepare)??;
        let diagnostics = log::init(&said).map_err(|error| of_user(&config, error))?;
        let stats = server::stats(&config);
        let site = Site::build(&config, &stats, None).map_err(|error| of_user(&config, error))?;
        let site = Arc::new(site);
        let access_log = open_log(&config).map_err(|error| of_user(&config, error))?;
        let tls = if tls.is_some() {
            tls
        } else {
            let options = tls::options(&config, config_file.as_deref());
            options.map(Tls::open).transpose().map_err(|error| of_user(&config, error))?
        };
        let confined = sandbox.confined.clone();
        opening::begin_serving(move |path, writes| !places::may_open(&confined, path, writes));
        let addresses = bound.addresses();
        let services = served(&config, site, tls.map(Arc::new), &addresses);
        let configuration =
            Configuration { since: rfc3339(SystemTime::now()), ..Configuration::default() };
        stats.introduce(introduction(&config, config_file.as_deref(), &addresses, &configuration));
        let wards = wards(&config, &services, access_log.as_ref());
        // Whoever asks first is told, too.
        stats.observe(wards.observe());
        let server = bound.start(&services, &stats, access_log.as_ref())?;
        let care = Care::begin(wards, &stats, config_file.as_deref());
        // Whoever does not get to serve is told of that alone.
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        Ok(Self {
            config,
            config_file,
            services,
            server,
            care,
            access_log,
            diagnostics,
            stats,
            configuration,
            sandbox,
            notifier,
        })
    }

    /// Who is told how the server is doing.
    pub(super) fn notifier(&self) -> &Notifier {
        &self.notifier
    }

    /// Says that it ends, and how long that may take.
    pub(super) fn tell_stopping(&self) {
        let Config { shutdown_delay, shutdown_timeout, .. } = self.config;
        self.notifier.stopping(shutdown_delay + shutdown_timeout + LOG_PATIENCE);
    }

    /// Says what is served, and where.
    pub(super) fn tell_ready(&self) {
        let places: Vec<_> = self.server.addresses().iter().map(ToString::to_string).collect();
        let root = std::path::absolute(&self.config.document_root);
        let root = root.as_deref().unwrap_or(&self.config.document_root).display();
        let fault = self.configuration.fault.as_ref();
        let fault = fault.map(|it| format!("; the new configuration cannot be used: {it}"));
        let fault = fault.unwrap_or_default();
        self.notifier.ready(&format!("serving {root} on {}{fault}", places.join(", ")));
    }

    /// What is restricted, in words.
    pub(super) fn sandbox(&self) -> Vec<&'static str> {
        self.sandbox.confined.in_force()
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn config_file(&self) -> Option<&Path> {
        self.config_file.as_deref()
    }

    pub(super) fn server(&self) -> &Server {
        &self.server
    }

    pub(super) fn tls(&self) -> Option<&Tls> {
        self.services.tls.as_deref()
    }

    /// For tools that move log files away.
    fn reopen_logs(&self) {
        if let Some(log) = self.access_log.as_ref().filter(|_| self.logs_to_file()) {
            log.reopen();
            tracing::info!("SIGHUP: the access log is opened anew");
        }
        if let Some(file) = self.diagnostics.file() {
            spawn_blocking(move || file.reopen());
            tracing::info!("SIGHUP: log_file is opened anew");
        }
    }

    /// Does what is to be done while it serves, for as long as it is polled. `load` reads the
    /// configuration again.
    pub(super) async fn go_on(&mut self, hangup: &mut Signal, load: impl Load) {
        let mut tidy = tokio::time::interval(TIDY);
        loop {
            tokio::select! {
                now = tidy.tick() => self.services.site.tidy(now.into_std()),
                _ = hangup.recv() => {
                    self.reopen_logs();
                    tracing::info!("SIGHUP: the configuration is read again");
                    self.reload(load.clone()).await;
                }
                () = self.care.config_changed() => {
                    tracing::info!("the configuration file has changed: it is read again");
                    self.reload(load.clone()).await;
                }
            }
        }
    }

    fn logs_to_file(&self) -> bool {
        matches!(self.config.access_log, config::AccessLog::File(_))
    }

    /// Takes over the configuration as it is now; one that cannot be used changes nothing.
    async fn reload(&mut self, load: impl Load) {
        self.notifier.reloading();
        match self.try_reload(load).await {
            Ok(Done { changed, held }) => {
                let names = changed.join(", ");
                let names = if names.is_empty() { "nothing has changed" } else { &names };
                tracing::info!("the new configuration is in use: {names}");
                self.configuration.since = rfc3339(SystemTime::now());
                self.configuration.reloads += 1;
                self.configuration.fault = None;
                self.configuration.changed = changed.into_iter().map(str::to_owned).collect();
                self.configuration.restart_needed = held.into_iter().map(str::to_owned).collect();
            }
            Err(error) => {
                tracing::error!("the configuration in use stays: {error}");
                self.configuration.failures += 1;
                self.configuration.fault = Some(error.to_string());
            }
        }
        let (addresses, file) = (self.server.addresses(), self.config_file());
        let info = introduction(&self.config, file, &addresses, &self.configuration);
        self.stats.introduce(info);
        self.tell_ready();
    }

    async fn try_reload(&mut self, load: impl Load) -> Result<Done, Box<dyn Error + Send + Sync>> {
        let Self { config, services, stats, sandbox, .. } = self;
        let (config, services, stats) = (config.clone(), services.clone(), Arc::clone(stats));
        let sandbox = sandbox.clone();
        let next = spawn_blocking(move || {
            let loaded = load()?;
            Next::build(loaded, &config, &services, &stats, &sandbox)
        });
        let Next { config, site, tls, access_log, changed, held } = next.await??;
        let moved = self.server.prepare(&config)?;
        self.diagnostics.turn_to(&config.log_level)?;
        // From here on nothing fails.
        if !held.is_empty() {
            tracing::warn!("a change of {} takes a restart", held.join(", "));
        }
        let moot: Vec<_> = PLACES.into_iter().filter(|key| changed.contains(key)).collect();
        if self.server.is_passed() && !moot.is_empty() {
            tracing::warn!("{}: not used, since systemd passed the sockets", moot.join(", "));
        }
        let services = served(&config, site, tls, &moved.addresses());
        let before = listeners(&self.config, &self.server.listened_on());
        let old_log = match access_log {
            NextLog::Same => None,
            NextLog::Other(log) => std::mem::replace(&mut self.access_log, log),
        };
        let log = self.access_log.as_ref();
        self.server.turn_to(&config, moved, &services, log).await;
        tell_of_listeners(&before, &listeners(&config, &self.server.listened_on()));
        self.care.turn_to(wards(&config, &services, log));
        self.services.site.retire(&services.site);
        self.services = services;
        self.config = config;
        if let Some(log) = old_log {
            spawn_blocking(move || log.close(LOG_PATIENCE));
        }
        Ok(Done { changed, held })
    }

    /// Ends what is left: at once, or after it was drained.
    pub(super) fn end(self, is_drained: bool) {
        let Self { server, access_log, diagnostics, .. } = self;
        if is_drained {
            server.end();
        }
        if let Some(log) = access_log {
            log.close(LOG_PATIENCE);
        }
        drop(diagnostics);
    }
}

fn open_log(config: &Config) -> Result<Option<AccessLog>, log::LogError> {
    let log = logging::access_log(config);
    log.map(|(format, destination)| AccessLog::open(format, &destination)).transpose()
}

fn served(
    config: &Config,
    site: Arc<Site>,
    tls: Option<Arc<Tls>>,
    addresses: &[SocketAddr],
) -> Services {
    // Whether there is a socket for it, who listens knows.
    let redirect = tls.is_some().then(|| {
        let port = addresses.first().map_or(config.port, SocketAddr::port);
        Arc::new(Site::to_https(config, port))
    });
    Services { site, tls, redirect }
}

fn wards(config: &Config, services: &Services, log: Option<&AccessLog>) -> Wards {
    Wards {
        site: Arc::clone(&services.site),
        tls: services.tls.clone(),
        dropped_lines: log.map(AccessLog::dropped_lines),
        max_connections: server::max_connections(config),
        watch_config: config.watch_config,
    }
}

/// Where a server listens and for what: `127.0.0.1:8000 (http)`.
fn listeners(config: &Config, addresses: &[(Role, SocketAddr)]) -> Vec<String> {
    let shown = addresses.iter().map(|(role, address)| {
        let what = match role {
            Role::Site if config.enable_ssl => "https",
            Role::Site => "http",
            Role::Redirect => "http, redirected to https",
        };
        format!("{address} ({what})")
    });
    shown.collect()
}

fn tell_of_listeners(before: &[String], now: &[String]) {
    for listener in now.iter().filter(|it| !before.contains(it)) {
        tracing::info!("listening on {listener}");
    }
    for listener in before.iter().filter(|it| !now.contains(it)) {
        tracing::info!("no longer listening on {listener}");
    }
}

/// What the status says of the server.
fn introduction(
    config: &Config,
    config_file: Option<&Path>,
    addresses: &[SocketAddr],
    configuration: &Configuration,
) -> ServerInfo {
    let scheme = if config.enable_ssl { "https" } else { "http" };
    let root = std::path::absolute(&config.document_root);
    let root = root.as_deref().unwrap_or(&config.document_root);
    let features = KEYS.iter().filter_map(|key| {
        let name = key.feature()?.to_owned();
        Some(Feature { name, on: key.show(config) == true })
    });
    ServerInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: option_env!("SALVER_COMMIT").filter(|it| !it.is_empty()).map(str::to_owned),
        pid: std::process::id(),
        host: gethostname::gethostname().to_string_lossy().into_owned(),
        listeners: addresses.iter().map(|address| format!("{scheme}://{address}")).collect(),
        document_root: root.display().to_string(),
        config_file: config_file.map(|path| path.display().to_string()),
        configuration: configuration.clone(),
        features: features.collect(),
        ..ServerInfo::default()
    }
}
