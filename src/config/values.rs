//! The types of values that the standard library and other crates have no name for.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use http::{HeaderName, HeaderValue};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// A value that is one of a few words.
pub trait Word: Copy + PartialEq + 'static {
    /// Every word and what it means, the usual one first.
    const WORDS: &'static [(&'static str, Self)];

    /// The word for this value.
    fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, value)| *value == self).map_or("", |(word, _)| word)
    }
}

/// Declares enums whose variants are words of the configuration.
macro_rules! words {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident { $($(#[doc = $variant_doc:literal])+ $variant:ident = $word:literal,)+ }
    )+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[doc = $variant_doc])+ $variant,)+
        }

        impl Word for $name {
            const WORDS: &'static [(&'static str, Self)] = &[$(($word, Self::$variant)),+];
        }
    )+};
}

words! {
    /// Which symbolic links are followed.
    FollowSymlinks {
        /// Those whose target stays under the document root.
        Inside = "inside",
        /// None.
        Never = "never",
        /// All.
        Always = "always",
    }

    /// How a line of diagnostics looks.
    LogFormat {
        /// For people.
        Text = "text",
        /// One JSON object per line.
        Json = "json",
    }

    /// When a log file begins anew.
    Rotation {
        /// At midnight, UTC.
        Daily = "daily",
        /// At every full hour.
        Hourly = "hourly",
        /// Never.
        Never = "never",
    }

    /// Whether diagnostics are coloured.
    ColoredLogging {
        /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`.
        Auto = "auto",
        /// Always.
        Always = "true",
        /// Never.
        Never = "false",
    }

    /// How a line of the access log looks.
    AccessLogFormat {
        /// Combined Log Format: common, with the referrer and the user agent.
        Combined = "combined",
        /// Common Log Format.
        Common = "common",
        /// One JSON object per line.
        Json = "json",
    }

    /// What happens to an uploaded file whose name is taken.
    UploadConflict {
        /// It gets a new name: `a (1).txt`.
        Rename = "rename",
        /// It is refused (409).
        Reject = "reject",
        /// It takes the place of the old one.
        Replace = "replace",
    }

    /// Whether clients must have a certificate.
    ClientAuth {
        /// Others are refused.
        Required = "required",
        /// Others are served as well.
        Optional = "optional",
    }

    /// Whether the process is confined to what it needs.
    Sandbox {
        /// As far as the system can.
        Auto = "auto",
        /// Entirely, or it does not start.
        Required = "required",
        /// Not at all.
        Off = "off",
    }

    /// A version of TLS.
    TlsVersion {
        /// TLS 1.2 (RFC 5246).
        V1_2 = "1.2",
        /// TLS 1.3 (RFC 8446).
        V1_3 = "1.3",
    }
}

/// Where the access log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLog {
    /// Standard output.
    Stdout,
    /// Nowhere.
    Off,
    /// A file, rotated as `log_rotation` says.
    File(PathBuf),
}

/// Who may read an answer across origins (Fetch, CORS protocol).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorsOrigin {
    /// Everybody: `*`.
    Any,
    /// One origin, serialised as browsers send it: `https://example.com:8443`.
    Exact(String),
}

/// A certificate with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// File of the certificate chain, PEM.
    pub cert: PathBuf,
    /// File of the private key, PEM.
    pub key: PathBuf,
    /// Host names that it is for; empty: those in it.
    pub names: Vec<String>,
}

/// Fields of the answers to some paths.
#[derive(Clone, Debug, PartialEq)]
pub struct HeaderRule {
    /// Which paths: a pattern of them as they are decoded, from their first `/`.
    pub paths: String,
    /// Fields by name, each there once: the value, or `None` to leave it out.
    pub set: Vec<(HeaderName, Option<HeaderValue>)>,
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// What is shown in its place.
    pub(super) const MASK: &'static str = "***";

    /// Keeps a text from being shown.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for whoever must know it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::MASK)
    }
}

/// The addresses that only this machine has: 127.0.0.0/8 and `::1`.
pub(super) fn loopback() -> Vec<IpNet> {
    vec![
        Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8).into(),
        Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128).into(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_in_its_debug_form() {
        let secret = Some(Secret::new("hunter2"));
        assert_eq!(format!("{secret:?}"), "Some(***)");
        assert_eq!(secret.map(|s| s.expose().len()), Some(7));
    }

    #[test]
    fn a_value_knows_its_word() {
        assert_eq!(ColoredLogging::Never.word(), "false");
        assert_eq!(TlsVersion::V1_3.word(), "1.3");
    }
}
