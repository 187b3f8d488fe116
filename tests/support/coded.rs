//! Content taken out of its coding.

use std::io::Read;

use super::Response;

impl Response {
    /// The coding that the content is in, or `identity`.
    pub fn coding(&self) -> &str {
        self.field("content-encoding").unwrap_or("identity")
    }

    /// The content as it was before it was put into a coding.
    pub fn decoded(&self) -> Vec<u8> {
        let (body, mut out) = (self.body.as_slice(), Vec::new());
        let count = match self.coding() {
            "identity" => return self.body.clone(),
            "br" => brotli::Decompressor::new(body, 4096).read_to_end(&mut out),
            "zstd" => {
                zstd::Decoder::new(body).and_then(|mut decoder| decoder.read_to_end(&mut out))
            }
            "gzip" => flate2::read::GzDecoder::new(body).read_to_end(&mut out),
            other => panic!("{other}"),
        };
        count.expect("a whole content");
        out
    }
}
