//! What is done before there is a second thread: ports are bound and keys read as whoever started the
//! process, then it becomes its user, then it is confined. All that comes after, logs, the site, the
//! workers, it does as it will do it when it is configured anew: what fails then, fails now.
//!
//! Logs are opened by the user, too: a file that root opens in a folder that somebody else may write to is
//! a way to become root.

use std::error::Error;
use std::path::Path;

use super::{places, tls};
use crate::config::{Config, Sandbox};
use crate::confine::{self, Account, Confined, Demand, Place};
use crate::descriptors;
use crate::server::Bound;
use crate::tls::Tls;

/// What was done, and what is to be said of it once somebody listens.
pub(super) struct Prepared {
    pub(super) bound: Bound,
    /// TLS, if it had to be read by root.
    pub(super) tls: Option<Tls>,
    pub(super) sandbox: Granted,
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
        warnings.extend(descriptors::warning(config.max_threads));
        let account =
            config.user.as_deref().map(|user| Account::find(user, config.group.as_deref()));
        let account = account.transpose()?;
        let bound = Bound::bind(config)?;
        let mut opened = None;
        match &account {
            None if confine::is_root() => warnings.push(
                "running as root, which a server need not be: set user, and what can be done through \
                 a fault in it is what that user may do"
                    .to_owned(),
            ),
            None => {}
            Some(account) => {
                // A certificate of our own is made and kept by the user.
                if let Some(options) = options.clone().filter(|it| !it.certificates.is_empty()) {
                    opened = Some(Tls::open(options)?);
                }
                account.take_on()?;
            }
        }
        let needed = places::needed(config, config_file, options.as_ref());
        let sandbox = confined(config, needed)?;
        Ok(Self { bound, tls: opened, sandbox, warnings })
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
