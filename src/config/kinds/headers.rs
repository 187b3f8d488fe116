//! Words of HTTP: methods, field names and values, origins.

use http::{HeaderName, HeaderValue, Method, Uri};
use jsonc_parser::ast::ObjectProp;
use jsonc_parser::ast::Value as Json;
use jsonc_parser::common::Ranged;
use serde_json::{Map, Value, json};

use super::{About, Kind, Mismatch, Raw, Reason};
use crate::config::jsonc;
use crate::config::values::CorsOrigin;

/// Fields that say how the message is sent; only the connection knows what is true of them.
const OF_THE_WIRE: [&str; 8] = [
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Part of the `Server` field: visible ASCII, or empty.
pub(in crate::config) fn product() -> Product {
    Product
}

/// See [`product`].
pub(in crate::config) struct Product;

impl Kind for Product {
    type Value = String;

    fn read(&self, raw: Raw<'_>) -> Result<String, Mismatch> {
        raw.string()
            .filter(|text| text.len() <= 100 && text.trim() == *text)
            .filter(|text| text.bytes().all(|b| matches!(b, b' '..=b'~')))
            .map(str::to_owned)
            .ok_or_else(|| raw.wrong())
    }

    fn show(&self, value: &String) -> Value {
        value.as_str().into()
    }

    fn about(&self) -> About {
        let schema =
            json!({"type": "string", "maxLength": 100, "pattern": "^([!-~]([ -~]*[!-~])?)?$"});
        About::new("at most 100 characters of visible ASCII", schema, "TEXT")
    }
}

/// A method (RFC 9110, 9.1), or `*`.
pub(in crate::config) fn method() -> MethodName {
    MethodName
}

/// See [`method`].
pub(in crate::config) struct MethodName;

impl Kind for MethodName {
    type Value = Method;

    fn read(&self, raw: Raw<'_>) -> Result<Method, Mismatch> {
        raw.string()
            .filter(|name| !name.contains(|c: char| c.is_ascii_lowercase()))
            .and_then(|name| Method::from_bytes(name.as_bytes()).ok())
            .ok_or_else(|| raw.wrong())
    }

    fn show(&self, value: &Method) -> Value {
        value.as_str().into()
    }

    fn about(&self) -> About {
        let schema = json!({"type": "string", "pattern": "^[^a-z\\s]+$"});
        About::new("a method in capitals, or \"*\"", schema, "METHOD")
    }
}

/// A field name (RFC 9110, 5.1), or `*`.
pub(in crate::config) fn header_name() -> FieldName {
    FieldName
}

/// See [`header_name`].
pub(in crate::config) struct FieldName;

impl Kind for FieldName {
    type Value = HeaderName;

    fn read(&self, raw: Raw<'_>) -> Result<HeaderName, Mismatch> {
        raw.string().and_then(|name| name.parse().ok()).ok_or_else(|| raw.wrong())
    }

    fn show(&self, value: &HeaderName) -> Value {
        value.as_str().into()
    }

    fn about(&self) -> About {
        let schema = json!({"type": "string", "pattern": "^[^\\s:]+$"});
        About::new("a header name, or \"*\"", schema, "NAME")
    }
}

/// An origin (RFC 6454, 6.2), or `*`.
pub(in crate::config) fn cors_origin() -> WebOrigin {
    WebOrigin
}

/// See [`cors_origin`].
pub(in crate::config) struct WebOrigin;

impl Kind for WebOrigin {
    type Value = CorsOrigin;

    fn read(&self, raw: Raw<'_>) -> Result<CorsOrigin, Mismatch> {
        match raw.string() {
            Some("*") => Ok(CorsOrigin::Any),
            Some(text) => origin(text).map(CorsOrigin::Exact).ok_or_else(|| raw.wrong()),
            None => Err(raw.wrong()),
        }
    }

    fn show(&self, value: &CorsOrigin) -> Value {
        match value {
            CorsOrigin::Any => "*".into(),
            CorsOrigin::Exact(origin) => origin.as_str().into(),
        }
    }

    fn about(&self) -> About {
        let schema = json!({"type": "string", "pattern": "^(\\*|[^/]+://[^/]+)$"});
        About::new("\"*\" or an origin such as https://example.com", schema, "ORIGIN")
    }
}

/// The origin as browsers send it: in lower case, without the usual port.
fn origin(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let (scheme, authority) = text.split_once("://")?;
    let uri: Uri = text.parse().ok()?;
    let host = uri.host().filter(|host| !host.is_empty())?;
    if authority.contains(['/', '?', '#', '@', '*']) {
        return None;
    }
    // A port that is not a number makes no `port`, but is in the authority.
    let port = authority.strip_prefix(host)?;
    match (scheme, port) {
        ("http", ":80") | ("https", ":443") | (_, "") => Some(format!("{scheme}://{host}")),
        _ => uri.port_u16().map(|port| format!("{scheme}://{host}:{port}")),
    }
}

/// Fields by name: their value, or `false` to leave one out. As a text, the same JSON object.
pub(in crate::config) fn header_overrides() -> HeaderOverrides {
    HeaderOverrides
}

/// See [`header_overrides`].
pub(in crate::config) struct HeaderOverrides;

type Overrides = Vec<(HeaderName, Option<HeaderValue>)>;

impl Kind for HeaderOverrides {
    type Value = Overrides;

    fn read(&self, raw: Raw<'_>) -> Result<Overrides, Mismatch> {
        if raw.is_text() {
            return read_text(raw);
        }
        let mut fields: Overrides = Vec::new();
        for property in &raw.object().ok_or_else(|| raw.wrong())?.properties {
            let name = name_of(property)?;
            if fields.iter().any(|(known, _)| *known == name) {
                return Err(refused(property, &format!("{name} is there twice")));
            }
            fields.push((name, value_of(property, raw)?));
        }
        Ok(fields)
    }

    fn show(&self, fields: &Overrides) -> Value {
        let show = |value: &Option<HeaderValue>| match value {
            Some(value) => String::from_utf8_lossy(value.as_bytes()).into(),
            None => false.into(),
        };
        let fields = fields.iter().map(|(name, value)| (name.to_string(), show(value)));
        Value::Object(fields.collect::<Map<_, _>>())
    }

    fn about(&self) -> About {
        let value = json!({"anyOf": [{"type": "string"}, {"const": false}]});
        About::new(
            "an object of header names, each with a string, or false to leave it out",
            json!({"type": "object", "additionalProperties": value}),
            "JSON",
        )
    }
}

fn read_text(raw: Raw<'_>) -> Result<Overrides, Mismatch> {
    let text = raw.string().ok_or_else(|| raw.wrong())?;
    let value = jsonc::parse(text).map_err(|_| raw.wrong())?;
    // Where in the text it is wrong would be taken for a place in a file.
    header_overrides()
        .read(Raw::json(&value, raw.base()))
        .map_err(|mismatch| Mismatch { at: None, ..mismatch })
}

fn name_of(property: &ObjectProp<'_>) -> Result<HeaderName, Mismatch> {
    let written = property.name.as_str();
    let name: HeaderName = written
        .parse()
        .map_err(|_| refused(property, &format!("{written:?} is not a header name")))?;
    match name.as_str() {
        "server" => {
            Err(refused(property, "the Server header is made of server_name and server_version"))
        }
        wire if OF_THE_WIRE.contains(&wire) => Err(refused(
            property,
            &format!("{name} says how a message is sent and is not configured"),
        )),
        _ => Ok(name),
    }
}

fn value_of(property: &ObjectProp<'_>, raw: Raw<'_>) -> Result<Option<HeaderValue>, Mismatch> {
    let value = Raw::json(&property.value, raw.base());
    match &property.value {
        Json::BooleanLit(literal) if !literal.value => Ok(None),
        Json::StringLit(literal) => match HeaderValue::from_str(literal.value.trim()) {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(value.refused("a header value is visible ASCII on one line")),
        },
        _ => Err(value.wrong()),
    }
}

fn refused(property: &ObjectProp<'_>, why: &str) -> Mismatch {
    Mismatch { at: Some(property.range().start), reason: Reason::Refused(why.to_owned()) }
}
