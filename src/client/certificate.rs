//! What is wrong with a certificate, in words.

use std::time::{Duration, UNIX_EPOCH};

use tokio_rustls::rustls::CertificateError;
use tokio_rustls::rustls::pki_types::UnixTime;

/// What is wrong with it.
pub(super) fn words(error: &CertificateError) -> String {
    use CertificateError as E;
    match error {
        E::ExpiredContext { not_after, .. } => format!("it expired on {}", date(*not_after)),
        E::Expired => "it has expired".to_owned(),
        E::NotValidYetContext { not_before, .. } => {
            format!("it is good from {} only", date(*not_before))
        }
        E::NotValidYet => "it is not good yet".to_owned(),
        E::NotValidForNameContext { expected, presented } if presented.is_empty() => format!(
            "it names no server, and so not {}: it has no subjectAltName",
            expected.to_str()
        ),
        E::NotValidForNameContext { expected, presented } => {
            let names: Vec<_> = presented.iter().map(|name| bare(name)).collect();
            format!("it is for {}, not for {}", names.join(", "), expected.to_str())
        }
        E::NotValidForName => "it is for another name".to_owned(),
        E::UnknownIssuer => "its issuer is not known here".to_owned(),
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => {
            "it is not one for servers".to_owned()
        }
        E::Revoked => "it has been revoked".to_owned(),
        E::BadEncoding => "it cannot be read".to_owned(),
        E::BadSignature => "it is not signed by the issuer it names".to_owned(),
        // The library that says it has its own names for what rustls knows no word for.
        E::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            "it is signed by itself, or one of an authority, and not known here".to_owned()
        }
        _ => "it is not as the certificate of a server has to be".to_owned(),
    }
}

fn date(time: UnixTime) -> String {
    let time = UNIX_EPOCH.checked_add(Duration::from_secs(time.as_secs()));
    let year_9999 = UNIX_EPOCH + Duration::from_secs(253_402_300_799);
    time.filter(|time| *time <= year_9999)
        .map_or_else(|| "a day that has no date".to_owned(), httpdate::fmt_http_date)
}

/// `localhost` of `DnsName("localhost")`, as names come from the library.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_in_the_words_of_the_library() {
        for error in [
            CertificateError::UnknownIssuer,
            CertificateError::Expired,
            CertificateError::NotValidForName,
            CertificateError::UnhandledCriticalExtension,
            CertificateError::ApplicationVerificationFailure,
        ] {
            let words = words(&error);
            assert!(words.starts_with("it"), "{words}");
            assert!(!words.contains(&format!("{error:?}")), "{words}");
        }
        assert_eq!(bare("DnsName(\"*.example.org\")"), "*.example.org");
        assert_eq!(bare("IpAddress(127.0.0.1)"), "127.0.0.1");
        assert_eq!(
            date(UnixTime::since_unix_epoch(Duration::from_secs(u64::MAX))),
            "a day that has no date"
        );
    }
}
