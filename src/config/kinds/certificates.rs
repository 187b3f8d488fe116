//! Certificates: `[{"cert": "a.pem", "key": "a.key.pem", "names": ["a.example"]}]`.

use jsonc_parser::common::Ranged;
use serde_json::{Value, json};

use super::files::path;
use super::{About, Kind, Mismatch, Raw, Reason};
use crate::config::jsonc;
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
        if raw.is_text() {
            return read_text(raw);
        }
        raw.elements().ok_or_else(|| raw.wrong())?.into_iter().map(certificate).collect()
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

fn read_text(raw: Raw<'_>) -> Result<Vec<Certificate>, Mismatch> {
    let text = raw.string().ok_or_else(|| raw.wrong())?;
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let value = jsonc::parse(text).map_err(|_| raw.wrong())?;
    // Where in the text it is wrong would be taken for a place in a file.
    certificates()
        .read(Raw::json(&value, raw.base()))
        .map_err(|mismatch| Mismatch { at: None, ..mismatch })
}

fn certificate(raw: Raw<'_>) -> Result<Certificate, Mismatch> {
    let object = raw.object().ok_or_else(|| raw.wrong())?;
    let (mut cert, mut key, mut names) = (None, None, None);
    for property in &object.properties {
        let value = Raw::json(&property.value, raw.base());
        let is_new = match property.name.as_str() {
            "cert" => cert.replace(path().read(value)?).is_none(),
            "key" => key.replace(path().read(value)?).is_none(),
            "names" => names.replace(host_names(&value)?).is_none(),
            other => {
                let why =
                    format!("a certificate has \"cert\", \"key\" and \"names\", no {other:?}");
                return Err(refused(property.range().start, why));
            }
        };
        if !is_new {
            let why = format!("{:?} is there twice", property.name.as_str());
            return Err(refused(property.range().start, why));
        }
    }
    match (cert, key) {
        (Some(cert), Some(key)) => Ok(Certificate { cert, key, names: names.unwrap_or_default() }),
        (None, _) => Err(raw.refused("a certificate needs \"cert\", the path of its file")),
        (_, None) => Err(raw.refused("a certificate needs \"key\", the path of its key")),
    }
}

/// Names as clients ask for them (SNI): `example.com`, `*.example.com`.
fn host_names(raw: &Raw<'_>) -> Result<Vec<String>, Mismatch> {
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

fn refused(at: usize, why: String) -> Mismatch {
    Mismatch { at: Some(at), reason: Reason::Refused(why) }
}
