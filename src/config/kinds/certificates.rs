//! Certificates: `[{"cert": "a.pem", "key": "a.key.pem", "names": ["a.example"]}]`.

use serde_json::{Value, json};

use super::files::path;
use super::objects::{members, objects};
use super::{About, Kind, Mismatch, Raw};
use crate::config::values::Certificate;

/// Certificates with their keys. As a text, the same JSON array.
pub(in crate::config) fn certificates() -> Certificates {
    Certificates
}

/// See [`certificates`].
pub(in crate::config) struct Certificates;

impl Kind for Certificates {
    type Value = Vec<Certificate>;

    fn read(&self, raw: Raw<'_>) -> Result<Vec<Certificate>, Mismatch> {
        objects(raw, certificate)
    }

    fn show(&self, certificates: &Vec<Certificate>) -> Value {
        let show = |one: &Certificate| json!({"cert": path().show(&one.cert), "key": path().show(&one.key), "names": one.names});
        certificates.iter().map(show).collect()
    }

    fn about(&self) -> About {
        let certificate = json!({
            "type": "object",
            "properties": {
                "cert": path().about().schema,
                "key": path().about().schema,
                "names": {"type": "array", "items": {"type": "string", "minLength": 1}},
            },
            "required": ["cert", "key"],
            "additionalProperties": false,
        });
        About::new(
            "a list of objects, each with \"cert\" and \"key\", paths of PEM files, and perhaps \
             \"names\", a list of host names",
            json!({"type": "array", "items": certificate}),
            "JSON",
        )
    }
}

fn certificate(raw: Raw<'_>) -> Result<Certificate, Mismatch> {
    let has = "a certificate has \"cert\", \"key\" and \"names\"";
    let [cert, key, names] = members(raw, ["cert", "key", "names"], has)?;
    let cert = cert.map(|cert| path().read(cert)).transpose()?;
    let key = key.map(|key| path().read(key)).transpose()?;
    let names = names.map(host_names).transpose()?.unwrap_or_default();
    match (cert, key) {
        (Some(cert), Some(key)) => Ok(Certificate { cert, key, names }),
        (None, _) => Err(raw.refused("a certificate needs \"cert\", the path of its file")),
        (_, None) => Err(raw.refused("a certificate needs \"key\", the path of its key")),
    }
}

/// Names as clients ask for them (SNI): `example.com`, `*.example.com`.
fn host_names(raw: Raw<'_>) -> Result<Vec<String>, Mismatch> {
    let elements = raw.elements().ok_or_else(|| raw.wrong())?;
    let name = |raw: Raw<'_>| {
        let name = raw.string().ok_or_else(|| raw.wrong())?;
        let labels = name.strip_prefix("*.").unwrap_or(name);
        let is_label = |label: &str| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        if labels.split('.').all(is_label) {
            Ok(name.to_owned())
        } else {
            Err(raw.refused(format!("{name:?} is no host name")))
        }
    };
    elements.into_iter().map(name).collect()
}
