//! Certificates and keys, and what TLS is spoken with: rustls, configured.
//!
//! | module | what it knows |
//! | --- | --- |
//! | `pem` | the files that certificates and keys come in |
//! | `chain` | a certificate with its key, and what it is good for |
//! | `names` | which certificate answers for which name (SNI, RFC 6066 section 3) |
//! | `self_signed` | a certificate for those who have none |
//! | `error` | what can be wrong with all of that |

mod chain;
mod error;
mod names;
mod pem;
mod self_signed;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::server::{
    NoServerSessionStorage, ProducesTickets, ServerConfig, WebPkiClientVerifier,
};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{CipherSuite, RootCertStore, SupportedProtocolVersion};

use self::chain::Chain;
pub use self::error::TlsError;
use self::names::ByName;
use self::pem::Stamp;
pub use self::self_signed::{Fingerprint, SelfSigned};

/// When a self-signed certificate that could not be made anew is tried again.
const RETRY: Duration = Duration::from_hours(1);

/// What TLS is spoken with.
#[derive(Clone, Debug, PartialEq)]
pub struct TlsOptions {
    /// The first one answers for names that none is for. Empty: a self-signed one is used.
    pub certificates: Vec<CertificateFiles>,
    /// Where and for whom a self-signed certificate is made, when there is no other.
    pub self_signed: SelfSigned,
    /// Password of encrypted keys.
    pub password: Option<String>,
    /// Whether TLS 1.2 is spoken beside 1.3.
    pub with_tls12: bool,
    /// Whose client certificates are taken, if any.
    pub client_auth: Option<ClientAuth>,
    /// Protocols above, the preferred one first (ALPN, RFC 7301).
    pub protocols: Vec<&'static str>,
}

/// The files of one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate and those that vouch for it, PEM.
    pub cert: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// The names it answers for; empty: those that are in it.
    pub names: Vec<String>,
}

/// Certificates of clients.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientAuth {
    /// File of the authorities that vouch for clients, PEM.
    pub authorities: PathBuf,
    /// Whether a client without a certificate is refused.
    pub required: bool,
}

/// TLS as it is configured now. Certificates follow their files.
pub struct Tls {
    options: TlsOptions,
    provider: Arc<CryptoProvider>,
    tickets: Arc<dyn ProducesTickets>,
    current: ArcSwap<ServerConfig>,
    /// What was loaded, to notice that it changed. Held while files are read.
    loaded: Mutex<Loaded>,
}

/// Where the current configuration came from.
#[derive(Clone, Debug, Default)]
struct Loaded {
    stamps: Vec<Option<Stamp>>,
    /// When a self-signed certificate has to be made anew.
    renew: Option<SystemTime>,
    fingerprint: Option<Fingerprint>,
    certificates: Vec<Certificate>,
    /// Why those that were to come after these could not be used.
    fault: Option<String>,
}

/// What there is to know of a certificate in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The names it answers for.
    pub names: Vec<String>,
    /// When it ends.
    pub until: SystemTime,
    /// Whether nobody but its own key vouches for it, whoever made it.
    pub self_signed: bool,
}

impl Tls {
    /// Reads certificates and keys; makes a certificate when there is none.
    pub fn open(options: TlsOptions) -> Result<Self, TlsError> {
        let provider = Arc::new(provider());
        let tickets = aws_lc_rs::Ticketer::new().map_err(TlsError::Setup)?;
        let (config, loaded) = load(&options, &provider, &tickets)?;
        let current = ArcSwap::from_pointee(config);
        Ok(Self { options, provider, tickets, current, loaded: Mutex::new(loaded) })
    }

    /// What it was opened with.
    pub fn options(&self) -> &TlsOptions {
        &self.options
    }

    /// What the next handshake goes by.
    pub fn config(&self) -> Arc<ServerConfig> {
        self.current.load_full()
    }

    /// The fingerprint of the self-signed certificate that this server made, when there is no other.
    pub fn self_signed(&self) -> Option<Fingerprint> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).fingerprint
    }

    /// The certificates in use.
    pub fn certificates(&self) -> Vec<Certificate> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).certificates.clone()
    }

    /// Why certificates that were to take their place could not be used.
    pub fn fault(&self) -> Option<String> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).fault.clone()
    }

    /// Reads the certificates again when a file has changed. What cannot be used is logged, and
    /// the old ones stay. May wait for a disk; to be called once a second or so.
    pub fn notice_changes(&self) {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let due = loaded.renew.is_some_and(|renew| SystemTime::now() >= renew);
        if due || stamps(&self.options) != loaded.stamps {
            self.replace(&mut loaded);
        }
    }

    /// The same, and what could not be used is tried again, changed or not.
    pub fn retry(&self) {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if loaded.fault.is_some() || stamps(&self.options) != loaded.stamps {
            self.replace(&mut loaded);
        }
    }

    /// Takes the files to be as they were read, however they look now: to another user, it may be that they
    /// are not to be seen.
    pub fn settle(&self) {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.stamps = stamps(&self.options);
    }

    fn replace(&self, loaded: &mut Loaded) {
        // Those before the files are read: one that changes meanwhile is read again.
        let before = stamps(&self.options);
        match load(&self.options, &self.provider, &self.tickets) {
            Ok((config, now)) => {
                self.current.store(Arc::new(config));
                *loaded = now;
                tracing::info!("the certificates were read again");
            }
            Err(error) => {
                tracing::error!("the certificates in use stay: {error}");
                loaded.fault = Some(error.to_string());
                // Said once for each state of the files.
                loaded.stamps = before;
                loaded.renew = loaded.renew.map(|_| SystemTime::now() + RETRY);
            }
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tls").finish_non_exhaustive()
    }
}

fn stamps(options: &TlsOptions) -> Vec<Option<Stamp>> {
    let pairs = options.certificates.iter().flat_map(|files| [&files.cert, &files.key]);
    let authorities = options.client_auth.iter().map(|auth| &auth.authorities);
    pairs.chain(authorities).map(|path| Stamp::of(path)).collect()
}

fn load(
    options: &TlsOptions,
    provider: &Arc<CryptoProvider>,
    tickets: &Arc<dyn ProducesTickets>,
) -> Result<(ServerConfig, Loaded), TlsError> {
    // Before the files are read: one that changes meanwhile is read again.
    let mut loaded = Loaded { stamps: stamps(options), ..Loaded::default() };
    let mut chains = Vec::new();
    for files in &options.certificates {
        let chain = Chain::read(files, options.password.as_deref(), provider)?;
        chain.warn_of_validity(SystemTime::now());
        chains.push(chain);
    }
    if chains.is_empty() {
        let chain = options.self_signed.chain(provider)?;
        loaded.renew = Some(self_signed::renewal_of(&chain));
        loaded.fingerprint = Some(Fingerprint::of(&chain.key.cert[0]));
        chains.push(chain);
    }
    loaded.certificates = chains
        .iter()
        .map(|chain| Certificate {
            names: chain.names.clone(),
            until: chain.until,
            self_signed: chain.is_self_signed,
        })
        .collect();
    Ok((config(options, provider, tickets, chains)?, loaded))
}

/// AES with 128 bits before that with 256, as Mozilla's recommendations have it too: strong enough
/// for as long as TLS 1.3 is, a quarter cheaper, and its hash is one that processors compute.
fn provider() -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites.sort_by_key(|suite| {
        let algorithm = match suite.suite() {
            CipherSuite::TLS13_AES_128_GCM_SHA256
            | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
            | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => 0,
            _ => 1,
        };
        (suite.tls13().is_none(), algorithm)
    });
    provider
}

fn config(
    options: &TlsOptions,
    provider: &Arc<CryptoProvider>,
    tickets: &Arc<dyn ProducesTickets>,
    chains: Vec<Chain>,
) -> Result<ServerConfig, TlsError> {
    let versions: &[&SupportedProtocolVersion] =
        if options.with_tls12 { &[&TLS13, &TLS12] } else { &[&TLS13] };
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(versions)
        .map_err(TlsError::Setup)?;
    let builder = match &options.client_auth {
        None => builder.with_no_client_auth(),
        Some(auth) => {
            let path = &auth.authorities;
            let mut roots = RootCertStore::empty();
            for certificate in pem::certificates(path)? {
                roots.add(certificate).map_err(|error| TlsError::authority(path, &error))?;
            }
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
            let verifier = if auth.required { verifier } else { verifier.allow_unauthenticated() };
            let verifier = verifier.build().map_err(|error| TlsError::authority(path, &error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(ByName::new(chains)));
    config.alpn_protocols = options.protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    config.session_storage = Arc::new(NoServerSessionStorage {});
    // Who comes back with a ticket does not show its certificate, which may have ended by then, or whose
    // authority may not be asked for any more.
    let has_tickets = options.client_auth.is_none();
    if has_tickets {
        config.ticketer = Arc::clone(tickets);
    }
    // One is enough to come back with; each costs the handshake a record.
    config.send_tls13_tickets = usize::from(has_tickets);
    config.max_early_data_size = 0;
    // What is offered is all strong; testers want the order to be the server's.
    config.ignore_client_order = true;
    Ok(config)
}

/// Whom the first certificate of a client names, as RFC 4514 writes it: `CN=alice, O=Example`.
pub fn subject(certificates: &[CertificateDer<'_>]) -> Option<Arc<str>> {
    chain::subject(certificates.first()?).map(Into::into)
}
