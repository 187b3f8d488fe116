//! Content taken out of its coding.

use std::io::{self, Read};

use super::Response;

impl Response {
    /// The coding that the content is in, or `identity`.
    pub fn coding(&self) -> &str {
        self.field("content-encoding").unwrap_or("identity")
    }

    /// The content as it was before it was put into a coding.
    pub fn decoded(&self) -> Vec<u8> {
        self.try_decoded().expect("a whole content")
    }

    /// The same; an error when its end is missing.
    pub fn try_decoded(&self) -> io::Result<Vec<u8>> {
        let (body, mut out) = (self.body.as_slice(), Vec::new());
        match self.coding() {
            "identity" => out.extend_from_slice(body),
            "br" => drop(brotli::Decompressor::new(body, 4096).read_to_end(&mut out)?),
            "zstd" => drop(zstd::Decoder::new(body)?.read_to_end(&mut out)?),
            "gzip" => drop(flate2::read::GzDecoder::new(body).read_to_end(&mut out)?),
            other => panic!("{other}"),
        }
        Ok(out)
    }
}
