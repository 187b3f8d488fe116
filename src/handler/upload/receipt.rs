//! What became of an upload, as programs and logs are told.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use crate::content::path::SitePath;
use crate::handler::landing;
use crate::store::upload::Stored;

/// What was stored, and what was said with it.
#[derive(Debug)]
pub(super) struct Receipt {
    pub(super) files: Vec<ReceivedFile>,
    /// Names and values in the order of the form.
    pub(super) fields: Vec<(String, String)>,
}

/// A file that has appeared.
#[derive(Debug)]
pub(super) struct ReceivedFile {
    /// The field of the form; `None` when it came without a form.
    pub(super) field: Option<String>,
    /// Its name, which may be another one than was asked for.
    pub(super) name: String,
    /// Bytes.
    pub(super) size: u64,
    /// SHA-256 of its content, in hexadecimal digits.
    pub(super) sha256: String,
    /// Where it is served, if it is.
    pub(super) url: Option<String>,
    /// Whether it took the place of another file.
    pub(super) replaced: bool,
}

impl ReceivedFile {
    /// A file in the upload folder, which is served at `place`.
    pub(super) fn new(
        field: Option<String>,
        stored: &Stored,
        place: Option<&SitePath<'_>>,
    ) -> Self {
        let mut sha256 = String::with_capacity(64);
        for byte in stored.sha256 {
            let _ = write!(sha256, "{byte:02x}");
        }
        Self {
            field,
            name: String::from_utf8_lossy(&stored.name).into_owned(),
            size: stored.size,
            sha256,
            url: landing::link(stored, place),
            replaced: stored.replaced,
        }
    }

    fn json(&self) -> Value {
        json!({
            "field": self.field,
            "name": self.name,
            "size": self.size,
            "sha256": self.sha256,
            "url": self.url,
            "replaced": self.replaced,
        })
    }
}

impl Receipt {
    /// `{"files":[…],"fields":{"name":["value",…]}}`
    pub(super) fn json(&self) -> Value {
        json!({ "files": self.json_files(), "fields": self.json_fields() })
    }

    pub(super) fn json_files(&self) -> Value {
        self.files.iter().map(ReceivedFile::json).collect()
    }

    /// Each name with all its values, both in the order of the form.
    pub(super) fn json_fields(&self) -> Value {
        let mut names: Map<String, Value> = Map::new();
        for (name, value) in &self.fields {
            let values = names.entry(name.as_str()).or_insert_with(|| json!([]));
            if let Value::Array(values) = values {
                values.push(value.as_str().into());
            }
        }
        names.into()
    }
}

#[cfg(test)]
pub(super) fn sample() -> Receipt {
    let stored = Stored {
        folder: vec![b"s"[..].into()],
        name: b"a <1>.txt"[..].into(),
        size: 12_345,
        sha256: [0xab; 32],
        replaced: true,
    };
    let place = SitePath::parse(b"/u/").ok();
    let fields = [("b", "1"), ("a", "x\n\"<y>\u{2028}"), ("b", "2")];
    Receipt {
        files: vec![ReceivedFile::new(Some("f".into()), &stored, place.as_ref())],
        fields: fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_says_what_was_stored_and_what_was_said() {
        let sha256 = "ab".repeat(32);
        let expected = json!({
            "files": [{
                "field": "f", "name": "a <1>.txt", "size": 12345, "sha256": sha256,
                "url": "/u/s/a%20%3C1%3E.txt", "replaced": true,
            }],
            "fields": { "b": ["1", "2"], "a": ["x\n\"<y>\u{2028}"] },
        });
        // As text, so that the order counts.
        assert_eq!(sample().json().to_string(), expected.to_string());
        let nothing = Receipt { files: Vec::new(), fields: Vec::new() };
        assert_eq!(nothing.json().to_string(), r#"{"files":[],"fields":{}}"#);
    }
}
