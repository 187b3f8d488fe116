//! Which certificate answers for which name.

use std::collections::HashMap;
use std::sync::Arc;

use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

use super::chain::Chain;

/// Chooses by the name that a client asks for (SNI), then by the signatures that it knows.
#[derive(Debug)]
pub(super) struct ByName {
    /// `*.example.com` is under `.example.com`.
    by_name: HashMap<String, Vec<Arc<CertifiedKey>>>,
    /// In their order: for names that none is for, and clients that ask for none.
    all: Vec<Arc<CertifiedKey>>,
}

impl ByName {
    pub(super) fn new(chains: Vec<Chain>) -> Self {
        let mut by_name: HashMap<String, Vec<_>> = HashMap::new();
        let mut all = Vec::new();
        for Chain { key, names, .. } in chains {
            for name in names {
                let name = name.strip_prefix('*').map(str::to_owned).unwrap_or(name);
                by_name.entry(name).or_default().push(Arc::clone(&key));
            }
            all.push(key);
        }
        Self { by_name, all }
    }

    fn of(&self, name: Option<&str>) -> &[Arc<CertifiedKey>] {
        let Some(name) = name.map(str::to_ascii_lowercase) else { return &self.all };
        let wildcard = || name.find('.').and_then(|dot| self.by_name.get(&name[dot..]));
        self.by_name.get(&name).or_else(wildcard).unwrap_or(&self.all)
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let candidates = self.of(hello.server_name());
        let schemes = hello.signature_schemes();
        let usable = candidates.iter().find(|one| one.key.choose_scheme(schemes).is_some());
        usable.or_else(|| candidates.first()).cloned()
    }
}
