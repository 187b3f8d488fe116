//! Content codings, undone.

use std::io::{self, Write};

use brotli::DecompressorWriter;
use flate2::write::MultiGzDecoder;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use zstd::stream::write::Decoder as ZstdDecoder;

use super::writer::Sink;

/// What is asked for with `--compressed`.
pub(super) const ACCEPTED: &str = "zstd, br, gzip";

/// Bytes that brotli writes at once.
const BLOCK: usize = 64 << 10;

/// How content in a form of brotli begins that no server may send.
const LARGE_WINDOW: u8 = 0x11;

/// A coding that can be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Brotli,
    Zstd,
}

impl Coding {
    /// The coding of an answer; nothing when it has none. `Err` when it has another, or several.
    pub(super) fn of(fields: &HeaderMap) -> Result<Option<Self>, String> {
        let values = fields.get_all(CONTENT_ENCODING).iter();
        let values: Vec<_> =
            values.map(|value| String::from_utf8_lossy(value.as_bytes()).to_lowercase()).collect();
        let mut names = values
            .iter()
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|name| !matches!(*name, "" | "identity"));
        let Some(name) = names.next() else { return Ok(None) };
        if names.next().is_some() {
            return Err(values.join(", "));
        }
        match name {
            "gzip" | "x-gzip" => Ok(Some(Self::Gzip)),
            "br" => Ok(Some(Self::Brotli)),
            "zstd" => Ok(Some(Self::Zstd)),
            other => Err(other.to_owned()),
        }
    }

    /// A sink that undoes the coding before `sink`.
    pub(super) fn undone(self, sink: Box<dyn Sink>) -> io::Result<Box<dyn Sink>> {
        Ok(match self {
            Self::Gzip => Box::new(Gzip(MultiGzDecoder::new(sink))),
            Self::Brotli => {
                Box::new(Brotli { inner: DecompressorWriter::new(sink, BLOCK), has_begun: false })
            }
            Self::Zstd => Box::new(Zstd(ZstdDecoder::new(sink)?)),
        })
    }
}

struct Gzip(MultiGzDecoder<Box<dyn Sink>>);
struct Brotli {
    inner: DecompressorWriter<Box<dyn Sink>>,
    has_begun: bool,
}
struct Zstd(ZstdDecoder<'static, Box<dyn Sink>>);

impl Write for Gzip {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Sink for Gzip {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.0.finish()?.finish()
    }
}

impl Write for Brotli {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(first) = bytes.first()
            && !self.has_begun
        {
            // What RFC 7932 section 9.1 reserves announces windows of up to 1 GiB.
            if first & 0x7f == LARGE_WINDOW {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "its window is too large"));
            }
            self.has_begun = true;
        }
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl Sink for Brotli {
    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.inner.close()?;
        let cut = |_| io::Error::new(io::ErrorKind::UnexpectedEof, "it ends too early");
        self.inner.into_inner().map_err(cut)?.finish()
    }
}

impl Write for Zstd {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Sink for Zstd {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.0.finish()?.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use http::HeaderValue;

    use super::*;

    /// Keeps what comes, once it is whole.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Sink for Kept {
        fn finish(self: Box<Self>) -> io::Result<()> {
            self.0.lock().unwrap().extend_from_slice(b".");
            Ok(())
        }
    }

    fn coded(coding: Coding, text: &[u8]) -> Vec<u8> {
        match coding {
            Coding::Gzip => {
                let mut coder =
                    flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                coder.write_all(text).unwrap();
                coder.finish().unwrap()
            }
            Coding::Brotli => {
                let mut brotli = brotli::CompressorWriter::new(Vec::new(), BLOCK, 5, 20);
                brotli.write_all(text).unwrap();
                brotli.into_inner()
            }
            Coding::Zstd => zstd::encode_all(text, 3).unwrap(),
        }
    }

    fn undo(coding: Coding, coded: &[u8]) -> io::Result<Vec<u8>> {
        let kept = Kept::default();
        let mut sink = coding.undone(Box::new(kept.clone()))?;
        for piece in coded.chunks(7) {
            sink.write_all(piece)?;
            sink.flush()?;
        }
        sink.finish()?;
        Ok(kept.0.lock().unwrap().clone())
    }

    #[test]
    fn codings_are_undone_however_they_are_cut() {
        let text = b"a tray on which things are served. ".repeat(5000);
        for coding in [Coding::Gzip, Coding::Brotli, Coding::Zstd] {
            let whole = coded(coding, &text);
            let mut expected = text.clone();
            expected.push(b'.');
            assert!(undo(coding, &whole).unwrap() == expected, "{coding:?}");
            assert!(undo(coding, &whole[..whole.len() - 3]).is_err(), "{coding:?} cut");
            assert!(undo(coding, b"this is not coded at all").is_err(), "{coding:?} none");
        }
    }

    #[test]
    fn a_window_that_would_fill_the_memory_is_refused() {
        let mut large = Vec::new();
        let parameters = brotli::enc::BrotliEncoderParams {
            large_window: true,
            lgwin: 30,
            ..brotli::enc::BrotliEncoderParams::default()
        };
        brotli::BrotliCompress(&mut &[0; 1000][..], &mut large, &parameters).unwrap();
        let error = undo(Coding::Brotli, &large).unwrap_err();
        assert!(error.to_string().contains("window"), "{error}");
    }

    #[test]
    fn what_cannot_be_undone_is_named() {
        let of = |value: &'static str| {
            let mut fields = HeaderMap::new();
            fields.insert(CONTENT_ENCODING, HeaderValue::from_static(value));
            Coding::of(&fields)
        };
        assert_eq!(Coding::of(&HeaderMap::new()), Ok(None));
        assert_eq!(of("identity"), Ok(None));
        assert_eq!(of("GZIP"), Ok(Some(Coding::Gzip)));
        assert_eq!(of("br"), Ok(Some(Coding::Brotli)));
        assert_eq!(of("zstd"), Ok(Some(Coding::Zstd)));
        assert_eq!(of("compress"), Err("compress".to_owned()));
        assert_eq!(of("gzip, br"), Err("gzip, br".to_owned()));
    }
}
