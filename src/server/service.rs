//! What connections are served with, and how they come by another when the configuration changes.
//!
//! Each worker has [`Service`]s of its own, so that no two of them count the users of one. A connection keeps the
//! service it was begun with, and looks before each request whether there is a newer edition.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::deadline::Allowance;
use crate::config::Config;
use crate::http1::Limits;
use crate::site::Site;
use crate::tls::Tls;

/// What every connection goes by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) head_limits: Limits,
    pub(super) header_timeout: Duration,
    pub(super) request_timeout: Duration,
    /// Bytes per second; 0 = none.
    pub(super) min_rate: u32,
    /// For all of a request's content.
    pub(super) upload_timeout: Option<Duration>,
    pub(super) keep_alive_timeout: Duration,
    pub(super) keep_alive_requests: u64,
    /// Whether HTTP/2 is spoken with clients that begin with it.
    pub(super) http2: bool,
}

impl From<&Config> for Settings {
    fn from(config: &Config) -> Self {
        let head_bytes = u16::try_from(config.max_header_size).unwrap_or(u16::MAX);
        Self {
            head_limits: Limits {
                head_bytes,
                // A target that leaves no room for fields is too long by itself.
                target_bytes: head_bytes / 2,
                ..Limits::default()
            },
            header_timeout: config.header_timeout,
            request_timeout: config.request_timeout,
            min_rate: config.min_rate,
            upload_timeout: Some(config.upload_timeout).filter(|time| !time.is_zero()),
            keep_alive_timeout: config.keep_alive_timeout,
            keep_alive_requests: config.keep_alive_requests,
            http2: config.enable_http2,
        }
    }
}

impl Settings {
    /// How slowly a client may take an answer.
    pub(super) fn allowance(&self) -> Allowance {
        Allowance::new(self.request_timeout, self.min_rate)
    }

    /// How slowly it may send the content of a request that came at `received`.
    pub(super) fn upload_allowance(&self, received: Instant) -> Allowance {
        self.allowance().until(self.upload_timeout.map(|time| received + time))
    }
}

/// What is served.
#[derive(Clone)]
pub struct Services {
    /// The site.
    pub site: Arc<Site>,
    /// What its connections are encrypted with, if they are.
    pub tls: Option<Arc<Tls>>,
    /// What is at the port where plain requests are sent on to https.
    pub redirect: Option<Arc<Site>>,
}

/// Which of the [`Services`] a listening socket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The site.
    Site,
    /// What sends plain requests on to https.
    Redirect,
}

/// What the connections of one worker are served with that came to sockets of one role.
pub(super) struct Service {
    pub(super) role: Role,
    pub(super) edition: u64,
    pub(super) settings: Settings,
    pub(super) site: Arc<Site>,
    pub(super) tls: Option<Arc<Tls>>,
}

impl Service {
    /// Whether connections are served on that were made where `tls` was spoken: none without encryption where
    /// there is to be some, and none that would be asked for a certificate anew.
    pub(super) fn takes_over(&self, tls: Option<&Arc<Tls>>) -> bool {
        match (tls, &self.tls) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(then), Some(now)) => {
                Arc::ptr_eq(then, now) || now.options().client_auth.is_none()
            }
        }
    }
}

/// All that a worker serves with, from one configuration.
#[derive(Clone)]
pub(super) struct Edition {
    /// Greater than that of the one before.
    pub(super) number: u64,
    site: Arc<Service>,
    redirect: Option<Arc<Service>>,
}

impl Edition {
    pub(super) fn new(number: u64, settings: Settings, services: &Services) -> Self {
        let service = |role, site: &Arc<Site>, tls| {
            Arc::new(Service { role, edition: number, settings, site: Arc::clone(site), tls })
        };
        let redirect = services.redirect.as_ref();
        Self {
            number,
            site: service(Role::Site, &services.site, services.tls.clone()),
            redirect: redirect.map(|site| service(Role::Redirect, site, None)),
        }
    }

    /// The service of a role.
    pub(super) fn service(&self, role: Role) -> &Arc<Service> {
        match role {
            Role::Site => &self.site,
            Role::Redirect => self.redirect.as_ref().unwrap_or(&self.site),
        }
    }

    /// Becomes the next one. Connections to sockets that are closed by then are served on as before.
    pub(super) fn turn_to(&mut self, next: Self) {
        let redirect = next.redirect.clone().or_else(|| self.redirect.take());
        *self = Self { redirect, ..next };
    }
}
