//! The fields of the tus protocol for resumable uploads, version 1.0.0
//! (<https://tus.io/protocols/resumable-upload>).

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha1::Sha1;
use sha2::Sha256;
use sha2::digest::Digest;

/// The one version that is spoken.
pub const VERSION: &str = "1.0.0";

/// What is spoken beyond the core protocol.
pub const EXTENSIONS: &str = "creation,creation-with-upload,expiration,checksum,termination";

/// The algorithms of `Upload-Checksum`.
pub const CHECKSUM_ALGORITHMS: &str = "sha1,sha256";

/// The media type of a piece.
pub const PIECE: &[u8] = b"application/offset+octet-stream";

/// The status when a checksum does not match.
pub const CHECKSUM_MISMATCH: u16 = 460;

/// Bytes of metadata that are kept.
const MAX_METADATA: usize = 8 * 1024;

/// Some clients leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Reads a number of bytes: `Upload-Length`, `Upload-Offset`. `None` when it is no number, or more
/// than a file can have (2^63 - 1).
pub fn bytes(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: u64 = std::str::from_utf8(value).ok()?.parse().ok()?;
    i64::try_from(number).is_ok().then_some(number)
}

/// Whether a field value is the media type of a piece; parameters are of no account.
pub fn is_piece(content_type: Option<&[u8]>) -> bool {
    content_type.is_some_and(|value| {
        let essence = value.split(|&byte| byte == b';').next().unwrap_or_default();
        essence.trim_ascii().eq_ignore_ascii_case(PIECE)
    })
}

/// What a client says about a file (`Upload-Metadata`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    raw: String,
    pairs: Vec<(String, Vec<u8>)>,
}

/// Why `Upload-Metadata` cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetadataError(&'static str);

impl std::fmt::Display for MetadataError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.0)
    }
}

impl std::error::Error for MetadataError {}

impl Metadata {
    /// Reads pairs of a key and a value in Base64, or of a key alone, with commas between them.
    pub fn parse(value: &[u8]) -> Result<Self, MetadataError> {
        if value.len() > MAX_METADATA {
            return Err(MetadataError("Upload-Metadata is longer than 8 KiB"));
        }
        let raw = std::str::from_utf8(value)
            .ok()
            .filter(|text| text.is_ascii())
            .ok_or(MetadataError("Upload-Metadata must be ASCII"))?;
        let mut pairs: Vec<(String, Vec<u8>)> = Vec::new();
        for pair in raw.split(',').map(str::trim) {
            let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
            if key.is_empty() {
                if raw.trim().is_empty() {
                    break;
                }
                return Err(MetadataError("a key of Upload-Metadata is empty"));
            }
            if pairs.iter().any(|(known, _)| known == key) {
                return Err(MetadataError("a key of Upload-Metadata is there twice"));
            }
            let value = BASE64
                .decode(value.trim())
                .map_err(|_| MetadataError("a value of Upload-Metadata is not Base64"))?;
            pairs.push((key.to_owned(), value));
        }
        Ok(Self { raw: raw.to_owned(), pairs })
    }

    /// The text as it was sent: it is sent back so.
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// The value of a key. None also when it is empty, or the `null` that some clients make of
    /// what they do not know.
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        let (_, value) = self.pairs.iter().find(|(known, _)| known == key)?;
        Some(&value[..]).filter(|value| !matches!(*value, b"" | b"null"))
    }

    /// The name of the file: `filename`, else `name`, else the end of `relativePath`.
    pub fn file_name(&self) -> Option<&[u8]> {
        let last = |path| self.get(path).and_then(|path| components(path).last());
        self.get("filename").or_else(|| self.get("name")).or_else(|| last("relativePath"))
    }

    /// The folders of `relativePath`, outermost first; the file itself is not among them.
    pub fn folders(&self) -> Vec<&[u8]> {
        let mut folders: Vec<_> =
            self.get("relativePath").map_or(vec![], |p| components(p).collect());
        folders.pop();
        folders
    }
}

fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| matches!(byte, b'/' | b'\\')).filter(|name| !name.is_empty())
}

/// The checksum of a piece, as announced, and the hash that is to match it.
#[derive(Clone, Debug)]
pub struct Checksum {
    wanted: Vec<u8>,
    hash: Hash,
}

#[derive(Clone, Debug)]
enum Hash {
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Checksum {
    /// Reads `Upload-Checksum`: an algorithm, a space, the checksum in Base64. None when it is not
    /// of that form or the algorithm is none of [`CHECKSUM_ALGORITHMS`].
    pub fn parse(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?;
        let (algorithm, wanted) = text.split_once(' ')?;
        let (hash, length) = match algorithm.to_ascii_lowercase().as_str() {
            "sha1" => (Hash::Sha1(Sha1::new()), 20),
            "sha256" => (Hash::Sha256(Sha256::new()), 32),
            _ => return None,
        };
        let wanted = BASE64.decode(wanted.trim()).ok()?;
        (wanted.len() == length).then_some(Self { wanted, hash })
    }

    /// Takes bytes of the piece.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.hash {
            Hash::Sha1(hash) => hash.update(bytes),
            Hash::Sha256(hash) => hash.update(bytes),
        }
    }

    /// Whether the bytes taken are those announced.
    pub fn matches(self) -> bool {
        match self.hash {
            Hash::Sha1(hash) => hash.finalize()[..] == self.wanted[..],
            Hash::Sha256(hash) => hash.finalize()[..] == self.wanted[..],
        }
    }
}

/// `Repr-Digest` of a SHA-256 (RFC 9530 section 3): `sha-256=:BASE64:`.
pub fn repr_digest(sha256: &[u8; 32]) -> http::HeaderValue {
    super::field_value(format!("sha-256=:{}:", BASE64.encode(sha256)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_digits_only() {
        let rows: &[(&[u8], Option<u64>)] = &[
            (b"0", Some(0)),
            (b"100", Some(100)),
            (b"0007", Some(7)),
            (b"9223372036854775807", Some(u64::MAX >> 1)),
            (b"9223372036854775808", None),
            (b"99999999999999999999999", None),
            (b"", None),
            (b"-1", None),
            (b"+1", None),
            (b"1.5", None),
            (b" 1", None),
            (b"0x1", None),
        ];
        for (text, wanted) in rows {
            assert_eq!(bytes(text), *wanted, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn the_type_of_a_piece_is_known_by_its_essence() {
        let rows: &[(Option<&[u8]>, bool)] = &[
            (Some(b"application/offset+octet-stream"), true),
            (Some(b"Application/Offset+Octet-Stream ; a=b"), true),
            (Some(b"application/octet-stream"), false),
            (Some(b""), false),
            (None, false),
        ];
        for (value, wanted) in rows {
            assert_eq!(is_piece(*value), *wanted);
        }
    }

    #[test]
    fn metadata_is_read_pair_by_pair() {
        // The example of the specification.
        let text = b"filename d29ybGRfZG9taW5hdGlvbl9wbGFuLnBkZg==,is_confidential";
        let metadata = Metadata::parse(text).unwrap();
        assert_eq!(metadata.get("filename"), Some(&b"world_domination_plan.pdf"[..]));
        assert_eq!(metadata.get("is_confidential"), None);
        assert_eq!(metadata.raw().as_bytes(), text);

        let rows: &[(&str, Option<&[u8]>)] = &[
            ("", None),
            ("name Yg", Some(b"b")),
            ("name YQ==, filename Yg==", Some(b"b")),
            ("relativePath eC95L3ouYg==", Some(b"z.b")),
            ("relativePath bnVsbA==,name YQ==", Some(b"a")),
            ("filename", None),
        ];
        for (text, name) in rows {
            assert_eq!(Metadata::parse(text.as_bytes()).unwrap().file_name(), *name, "{text}");
        }
        for text in [
            &b"a YQ==,a YQ=="[..],
            b",",
            b"a YQ==,,b",
            b"a ?",
            b"a Y",
            "\u{e9} YQ==".as_bytes(),
            &[b'a'; 9000],
        ] {
            assert!(Metadata::parse(text).is_err(), "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn the_folders_of_a_relative_path_leave_the_file_out() {
        let path = BASE64.encode("/photos//2026\\a.jpg");
        let metadata = Metadata::parse(format!("relativePath {path}").as_bytes()).unwrap();
        assert_eq!(metadata.folders(), [&b"photos"[..], b"2026"]);
        assert!(Metadata::default().folders().is_empty());
    }

    #[test]
    fn a_checksum_matches_its_bytes_only() {
        // The example of the specification, and `printf 'hello world' | sha256sum`.
        for text in [
            "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
            "SHA256 uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=",
        ] {
            for (pieces, wanted) in
                [(&["hello ", "world"], true), (&["hello", "world"], false), (&["", ""], false)]
            {
                let mut checksum = Checksum::parse(text.as_bytes()).unwrap();
                for piece in pieces {
                    checksum.update(piece.as_bytes());
                }
                assert_eq!(checksum.matches(), wanted, "{text}");
            }
        }
        for text in ["", "sha1", "sha1 ", "md5 XrY7u+Ae7tCTyyK7j1rNww==", "sha1 YQ==", "sha1 ???"] {
            assert!(Checksum::parse(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn a_digest_is_a_structured_field() {
        let empty = Sha256::digest(b"").into();
        let wanted = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
        assert_eq!(repr_digest(&empty), wanted);
    }
}
