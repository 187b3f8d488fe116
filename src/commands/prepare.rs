//! What is done before there is a second thread: ports are bound and keys read as whoever started the
//! process, then it becomes its user, then it is confined. All that comes after, logs, the site, the
//! workers, it does as it will do it when it is configured anew: what fails then, fails now.
//!
//! Logs are opened by the user, too: a file that root opens in a folder that somebody else may write to is
//! a way to become root.

use std::error::Error;
use std::fmt;
use std::path::Path;

use super::{places, tls};
use crate::config::{Config, Sandbox};
use crate::confine::{self, Account, Confined, Demand, Place};
use crate::server::{self, Bound, Passed, Role};
use crate::systemd::{self, Notifier, PassedSocket};
use crate::tls::Tls;

/// What was done, and what is to be said of it once somebody listens.
pub(super) struct Prepared {
    pub(super) bound: Bound,
    /// TLS, if it had to be read by root.
    pub(super) tls: Option<Tls>,
    pub(super) sandbox: Granted,
    /// Connected: once confined, it could not be.
    pub(super) notifier: Notifier,
    pub(super) warnings: Vec<String>,
}

/// The sandbox, and what was asked for when it was closed.
#[derive(Clone, Debug, Default)]
pub(super) struct Granted {
    pub(super) confined: Confined,
    pub(super) places: Vec<Place>,
}

impl Prepared {
    /// Binds, becomes the user of the configuration, gives up what is not needed.
    pub(super) fn new(config: &Config, config_file: Option<&Path>) -> Result<Self, Box<dyn Error>> {
        let options = tls::options(config, config_file);
        let mut warnings = places::caution(config, options.as_ref())?;
        warnings.extend(server::limit_warnings(config));
        let account =
            config.user.as_deref().map(|user| Account::find(user, config.group.as_deref()));
        let account = account.transpose()?;
        let bound = bound(config)?;
        let notifier = Notifier::from_environment().unwrap_or_else(|error| {
            warnings.push(error.to_string());
            Notifier::default()
        });
        let mut opened = None;
        if let Some(account) = &account {
            // A certificate of our own is made and kept by the user.
            if let Some(options) = options.clone().filter(|it| !it.certificates.is_empty()) {
                opened = Some(Tls::open(options)?);
            }
            account.take_on()?;
            if let Some(tls) = &opened {
                tls.settle();
            }
        }
        // The user may be root, too.
        if confine::is_root() {
            warnings.push(
                "running as root, which a server need not be: set user to somebody else, and what can \
                 be done through a fault in it is what that user may do"
                    .to_owned(),
            );
        }
        places::check_root(&config.document_root).map_err(|error| of_user(config, error))?;
        let needed = places::needed(config, config_file, options.as_ref());
        let sandbox = confined(config, needed)?;
        Ok(Self { bound, tls: opened, sandbox, notifier, warnings })
    }
}

/// The name of a passed socket that sends plain requests on to https.
const REDIRECT: &str = "redirect";

/// Listens where systemd does, if it has passed sockets; else where the configuration says.
fn bound(config: &Config) -> Result<Bound, Box<dyn Error>> {
    let sockets = systemd::passed_sockets()?;
    if sockets.is_empty() {
        return Ok(Bound::bind(config)?);
    }
    if sockets.iter().all(|socket| socket.name == REDIRECT) {
        return Err(OnlyRedirect.into());
    }
    let passed = sockets.into_iter().map(|PassedSocket { name, socket }| {
        let role = if name == REDIRECT { Role::Redirect } else { Role::Site };
        Passed { role, socket }
    });
    Ok(Bound::passed(config, passed.collect())?)
}

/// Nothing was passed that the site could be asked for at.
#[derive(Debug)]
struct OnlyRedirect;

impl Error for OnlyRedirect {}

impl fmt::Display for OnlyRedirect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "all sockets passed by systemd are named {REDIRECT:?}: the site needs one with another \
             name (FileDescriptorName=)"
        )
    }
}

/// What went wrong as the user that the configuration names: whoever started the process is somebody else,
/// and wonders.
#[derive(Debug)]
struct AsUser {
    user: String,
    error: Box<dyn Error>,
}

impl Error for AsUser {}

impl fmt::Display for AsUser {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "as user {:?}: {}", self.user, self.error)
    }
}

/// Names the user that something went wrong for, if it was to be another.
pub(super) fn of_user(config: &Config, error: impl Into<Box<dyn Error>>) -> Box<dyn Error> {
    let error = error.into();
    match config.user.clone() {
        None => error,
        Some(user) => Box::new(AsUser { user, error }),
    }
}

fn confined(config: &Config, needed: Vec<Place>) -> Result<Granted, Box<dyn Error>> {
    let demand = match config.sandbox {
        Sandbox::Off => return Ok(Granted::default()),
        Sandbox::Auto => Demand::Possible,
        Sandbox::Required => Demand::Everything,
    };
    places::make_folders(&needed, &config.document_root);
    let all: Vec<_> = needed.iter().cloned().chain(places::useful(config)).collect();
    let confined = confine::confine(&all, demand)?;
    Ok(Granted { confined, places: needed })
}
