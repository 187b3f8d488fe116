//! A configuration read while the server runs, built into what it can serve with next.

use std::error::Error;
use std::sync::Arc;

use super::prepare::Granted;
use super::{logging, places, tls};
use crate::config::{Config, ConfigError, KEYS, Loaded};
use crate::log::AccessLog;
use crate::server::{self, Services};
use crate::site::Site;
use crate::stats::Stats;
use crate::tls::Tls;

/// Reads the configuration: file, environment and flags.
pub trait Load: Fn() -> Result<Loaded, ConfigError> + Clone + Send + 'static {}

impl<F: Fn() -> Result<Loaded, ConfigError> + Clone + Send + 'static> Load for F {}

/// What is served with next. Nothing of it is in use yet.
pub(super) struct Next {
    pub(super) config: Config,
    pub(super) site: Arc<Site>,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) access_log: NextLog,
    /// Names of the keys whose values are others than now.
    pub(super) changed: Vec<&'static str>,
    /// Of those that were to be, and cannot without a restart.
    pub(super) held: Vec<&'static str>,
}

/// What becomes of the access log.
pub(super) enum NextLog {
    /// It stays.
    Same,
    /// Another one takes its place, or none.
    Other(Option<AccessLog>),
}

impl Next {
    /// Builds what `loaded` asks for; of what is served with `now` it keeps what has not changed.
    /// May wait for disks.
    pub(super) fn build(
        loaded: Loaded,
        now: &Config,
        services: &Services,
        stats: &Arc<Stats>,
        sandbox: &Granted,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let Loaded { mut config, file, .. } = loaded;
        let mut changed = Vec::new();
        let mut held = Vec::new();
        for key in KEYS {
            if key.show(&config) == key.show(now) {
                continue;
            }
            if key.about().is_at_start {
                key.copy(&mut config, now);
                held.push(key.name);
            } else {
                changed.push(key.name);
            }
        }
        let options = tls::options(&config, file.as_deref());
        let needed = places::needed(&config, file.as_deref(), options.as_ref());
        places::check(&sandbox.confined, &sandbox.places, needed)?;
        let mut warnings = places::caution(&config, options.as_ref())?;
        warnings.extend(server::limit_warnings(&config));
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        let site = Arc::new(Site::build(&config, stats, Some(&services.site))?);
        let tls = match options {
            None => None,
            Some(options) => Some(match &services.tls {
                Some(tls) if *tls.options() == options => {
                    tls.retry();
                    Arc::clone(tls)
                }
                _ => Arc::new(Tls::open(options)?),
            }),
        };
        let wanted = logging::access_log(&config);
        let access_log = if wanted == logging::access_log(now) {
            NextLog::Same
        } else {
            let open = |(format, destination)| AccessLog::open(format, &destination);
            NextLog::Other(wanted.map(open).transpose()?)
        };
        Ok(Self { config, site, tls, access_log, changed, held })
    }
}
