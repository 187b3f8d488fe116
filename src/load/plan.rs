//! What is asked, of whom, how often, for how long.

use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::crypto::{SupportedKxGroup, aws_lc_rs};
use tokio_rustls::rustls::{SupportedCipherSuite, client::Resumption};

use super::Ask;
use crate::client::{ClientError, Trust, Url};

/// A load: what is asked, of whom, how often, for how long.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The server; `http` or `https`.
    pub origin: Url,
    /// What is asked, in turn; at least one.
    pub asks: Vec<Ask>,
    /// TLS, for `https`.
    pub tls: Tls,
    /// HTTP/2 rather than HTTP/1.1.
    pub http2: bool,
    /// Connections at once, in all.
    pub connections: usize,
    /// Worker threads, at most as many as connections.
    pub threads: usize,
    /// Requests at once on a connection: pipelined, or streams of HTTP/2.
    pub at_once: usize,
    /// More than one request on a connection.
    pub keep_alive: bool,
    /// Requests a second in all, begun whether or not those before them are answered; as many as
    /// there can be where there is none.
    pub rate: Option<f64>,
    /// When it ends.
    pub extent: Extent,
    /// Before anything is counted.
    pub warm_up: Duration,
    /// How long a connection, or an answer, is waited for.
    pub timeout: Duration,
}

/// When a load ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// After that time.
    Time(Duration),
    /// When so many requests are answered or have failed.
    Requests(u64),
}

/// How TLS is spoken.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Whose certificates are believed.
    pub trust: Trust,
    /// The only cipher suite, by its name such as `TLS13_AES_128_GCM_SHA256`; else what both like best.
    pub cipher: Option<String>,
    /// The only group for the key exchange, by its name such as `X25519`.
    pub group: Option<String>,
}

impl Tls {
    /// The names that a cipher suite may have, in the order of preference.
    pub fn ciphers() -> Vec<&'static str> {
        let suites = aws_lc_rs::default_provider().cipher_suites;
        suites.iter().filter_map(|suite| suite.suite().as_str()).collect()
    }

    /// The names that a group of the key exchange may have, in the order of preference.
    pub fn groups() -> Vec<&'static str> {
        let groups = aws_lc_rs::default_provider().kx_groups;
        groups.iter().filter_map(|group| group.name().as_str()).collect()
    }

    /// Every handshake is a full one: the clients of a load stand for people who have not been there.
    pub(super) fn config(&self, http2: bool) -> Result<Arc<ClientConfig>, ClientError> {
        let mut config = self.trust.config_with(|provider| {
            let suite =
                |suite: &SupportedCipherSuite| is(self.cipher.as_deref(), suite.suite().as_str());
            provider.cipher_suites.retain(suite);
            let group = |group: &&'static dyn SupportedKxGroup| {
                is(self.group.as_deref(), group.name().as_str())
            };
            provider.kx_groups.retain(group);
        });
        if let Ok(config) = &mut config {
            config.resumption = Resumption::disabled();
            config.alpn_protocols = vec![if http2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
        }
        config.map(Arc::new).map_err(ClientError::Setup)
    }
}

/// Whether nothing else is wanted.
fn is(wanted: Option<&str>, name: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| name.is_some_and(|name| name.eq_ignore_ascii_case(wanted)))
}
