//! Compression, at levels chosen by measurement (`benches/COMPRESSION.md`).

use std::io::{self, Write};
use std::ops::RangeInclusive;

use brotli::CompressorWriter;
use brotli::enc::BrotliEncoderParams;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::coding::Coding;

/// Below so many bytes much effort takes about ten milliseconds.
const SMALL: usize = 64 * 1024;

/// Below so many bytes some effort takes a few times ten.
const MIDDLE: usize = 512 * 1024;

/// The base-two logarithms of the smallest and the largest window of brotli, in bytes: 64 KiB, and 4 MiB
/// where there is so much.
const BR_WINDOWS: RangeInclusive<u32> = 16..=22;

/// The same of what is compressed while it is sent: an encoder takes more than ten times its window.
const BR_STREAM_WINDOW: i32 = 18;

/// Bytes of memory that compressing takes at most, beside the content and what comes of it: of a whole
/// content, and of one that is sent meanwhile.
pub const MEMORY: u64 = 16 << *BR_WINDOWS.end();
/// See [`MEMORY`].
pub const STREAM_MEMORY: u64 = 16 << BR_STREAM_WINDOW;

/// Bytes that brotli gives at a time.
const BR_STEP: usize = 16 * 1024;

/// The whole of a content in a coding, with as much effort as is worth it for what is compressed
/// once and sent many times; large contents with less, so that none takes long.
///
/// # Errors
///
/// There is no memory for it.
pub fn compress(coding: Coding, bytes: &[u8]) -> io::Result<Vec<u8>> {
    whole(coding, Level::to_keep(coding, bytes.len()), bytes)
}

/// The same with little effort, for what was made just now and is of use for a moment only.
///
/// # Errors
///
/// There is no memory for it.
pub fn compress_fast(coding: Coding, bytes: &[u8]) -> io::Result<Vec<u8>> {
    whole(coding, Level::OF_THE_MOMENT, bytes)
}

fn whole(coding: Coding, level: Level, bytes: &[u8]) -> io::Result<Vec<u8>> {
    match coding {
        Coding::Zstd => zstd::bulk::compress(bytes, level.0),
        Coding::Br => {
            let mut out = Vec::with_capacity(bytes.len() / 3);
            let mut rest = bytes;
            let params = br_params(level, br_window(bytes.len()), bytes.len());
            brotli::BrotliCompress(&mut rest, &mut out, &params)?;
            Ok(out)
        }
        Coding::Gzip => {
            let mut encoder = gzip(Vec::with_capacity(bytes.len() / 3), level);
            encoder.write_all(bytes)?;
            encoder.finish()
        }
    }
}

/// How hard a library tries, in its own scale.
#[derive(Clone, Copy)]
struct Level(i32);

impl Level {
    /// For what is of use for a moment: by chance the same in all three scales.
    const OF_THE_MOMENT: Self = Self(3);

    fn to_keep(coding: Coding, length: usize) -> Self {
        let by_length = |small, middle, large| match length {
            0..SMALL => small,
            SMALL..MIDDLE => middle,
            _ => large,
        };
        Self(match coding {
            // From 7 on its tables take 8 MB and more, for a percent or less.
            Coding::Br => by_length(6, 6, 5),
            Coding::Zstd => by_length(15, 12, 11),
            Coding::Gzip => by_length(8, 8, 6),
        })
    }

    fn to_stream(coding: Coding) -> Self {
        Self(match coding {
            Coding::Zstd => 3,
            Coding::Gzip => 4,
            Coding::Br => 5,
        })
    }
}

fn gzip<W: Write>(out: W, level: Level) -> GzEncoder<W> {
    GzEncoder::new(out, Compression::new(level.0.unsigned_abs()))
}

/// A window that a whole content fits into.
fn br_window(length: usize) -> i32 {
    let bits = (usize::BITS - length.leading_zeros()).clamp(*BR_WINDOWS.start(), *BR_WINDOWS.end());
    bits.cast_signed()
}

fn br_params(level: Level, lgwin: i32, size_hint: usize) -> BrotliEncoderParams {
    BrotliEncoderParams { quality: level.0, lgwin, size_hint, ..BrotliEncoderParams::default() }
}

/// Compresses what is written to it, fast enough to keep up with a connection. Only
/// [`Encoder::finish`] writes the end.
pub enum Encoder<W: Write> {
    /// Brotli.
    Br(Box<CompressorWriter<W>>),
    /// Zstandard.
    Zstd(zstd::Encoder<'static, W>),
    /// gzip.
    Gzip(GzEncoder<W>),
}

impl<W: Write> Encoder<W> {
    /// Writes to `out` in that coding.
    ///
    /// # Errors
    ///
    /// There is no memory for it.
    pub fn new(coding: Coding, out: W) -> io::Result<Self> {
        Self::with_level(coding, Level::to_stream(coding), out)
    }

    /// The same with the effort of [`compress_fast`].
    ///
    /// # Errors
    ///
    /// There is no memory for it.
    pub fn fast(coding: Coding, out: W) -> io::Result<Self> {
        Self::with_level(coding, Level::OF_THE_MOMENT, out)
    }

    fn with_level(coding: Coding, level: Level, out: W) -> io::Result<Self> {
        Ok(match coding {
            Coding::Br => {
                let params = br_params(level, BR_STREAM_WINDOW, 0);
                Self::Br(Box::new(CompressorWriter::with_params(out, BR_STEP, &params)))
            }
            Coding::Zstd => Self::Zstd(zstd::Encoder::new(out, level.0)?),
            Coding::Gzip => Self::Gzip(gzip(out, level)),
        })
    }

    /// What it writes to.
    pub fn get_mut(&mut self) -> &mut W {
        match self {
            Self::Br(encoder) => encoder.get_mut(),
            Self::Zstd(encoder) => encoder.get_mut(),
            Self::Gzip(encoder) => encoder.get_mut(),
        }
    }

    /// Writes what is left and the end, and gives back what it wrote to.
    ///
    /// # Errors
    ///
    /// Those of what it writes to.
    pub fn finish(self) -> io::Result<W> {
        match self {
            Self::Br(mut encoder) => {
                // Its own end swallows errors.
                encoder.flush()?;
                let mut out = encoder.into_inner();
                out.flush()?;
                Ok(out)
            }
            Self::Zstd(encoder) => encoder.finish(),
            Self::Gzip(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Br(encoder) => encoder.write(bytes),
            Self::Zstd(encoder) => encoder.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Br(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
            Self::Gzip(encoder) => encoder.flush(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Read;

    use super::*;

    /// What was compressed.
    pub(crate) fn decompress(coding: Coding, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        match coding {
            Coding::Br => brotli::Decompressor::new(bytes, 4096).read_to_end(&mut out).unwrap(),
            Coding::Zstd => zstd::Decoder::new(bytes).unwrap().read_to_end(&mut out).unwrap(),
            Coding::Gzip => flate2::read::GzDecoder::new(bytes).read_to_end(&mut out).unwrap(),
        };
        out
    }

    fn text(length: usize) -> Vec<u8> {
        let words = (0u32..)
            .flat_map(|n| format!("{} is not {}; ", n, n.wrapping_mul(40_503) >> 9).into_bytes());
        words.take(length).collect()
    }

    #[test]
    fn what_was_compressed_comes_out_as_it_was() {
        for coding in Coding::ALL {
            for length in [0, 1, 1000, SMALL + 1, MIDDLE + 1, 3 << 20] {
                let text = text(length);
                let streamed = [Encoder::new, Encoder::fast].map(|begin| {
                    let mut encoder = begin(coding, Vec::new()).unwrap();
                    text.chunks(70_000).for_each(|piece| encoder.write_all(piece).unwrap());
                    encoder.finish().unwrap()
                });
                let whole = [compress, compress_fast].map(|whole| whole(coding, &text).unwrap());
                for (at, coded) in whole.iter().chain(&streamed).enumerate() {
                    assert!(decompress(coding, coded) == text, "{coding:?} {length} {at}");
                    assert!(length < 1000 || coded.len() < length / 2, "{coding:?} {length} {at}");
                }
            }
        }
    }

    #[test]
    fn an_error_of_what_is_written_to_is_not_swallowed() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        for coding in Coding::ALL {
            let mut encoder = Encoder::new(coding, Full).unwrap();
            let written = encoder.write_all(&text(1000)).and_then(|()| encoder.finish());
            assert_eq!(written.err().unwrap().kind(), io::ErrorKind::StorageFull, "{coding:?}");
        }
    }

    #[test]
    fn windows_are_no_larger_than_browsers_allow() {
        // RFC 9659: 8 MiB. Byte 5 of a frame without a single segment holds the window.
        let mut encoder = Encoder::new(Coding::Zstd, Vec::new()).unwrap();
        encoder.write_all(&text(32 << 20)).unwrap();
        let streamed = encoder.finish().unwrap();
        for frame in [streamed, compress(Coding::Zstd, &text(16 << 20)).unwrap()] {
            let is_single = frame[4] & 0x20 != 0;
            assert!(!is_single);
            let (exponent, mantissa) = (frame[5] >> 3, u64::from(frame[5] & 7));
            let base = 1u64 << (10 + exponent);
            assert!(base + base / 8 * mantissa <= 8 << 20);
        }
    }
}
