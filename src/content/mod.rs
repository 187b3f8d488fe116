//! Rules about representations: pure functions, no I/O, no clock.
//!
//! | module | rule |
//! | --- | --- |
//! | [`path`] | a request path to the name of a file, and back to a link |
//! | [`etag`] | entity tags: made, compared, read from a list |
//! | [`date`] | HTTP dates |
//! | [`conditions`] | preconditions in the order of RFC 9110 section 13.2.2 |
//! | [`range`] | `Range` to the bytes that are sent |
//! | [`byteranges`] | what stands between the parts of a `multipart/byteranges` answer |
//! | [`media_type`] | `Content-Type` of a file |
//! | [`charset`] | the charset that a text is in |
//! | [`disposition`] | `Content-Disposition` with a file name |
//! | [`accept`] | the form that a client wants generated pages in |
//! | [`coding`] | the codings that a client takes |
//! | [`compress`] | the codings themselves |
//! | [`cors`] | which pages of other origins may read and send what |
//! | [`page_security`] | what keeps the server's own pages from doing more than they should |
//! | [`form_data`] | the fields of `multipart/form-data` |
//! | [`upload_name`] | the name that an uploaded file gets |
//! | [`tus`] | the fields of resumable uploads |
//! | [`kind`] | the sort of file that a name promises |
//! | [`natural`] | the order that people expect of names |
//! | [`shown`] | names, sizes and times as pages show them |
//! | [`markdown`] | Markdown to HTML that may stand in a page |
//! | [`vary`] | `Vary` |
//! | [`plan`] | how an answer goes out: length, content or not, framing |

pub mod accept;
pub mod ascii_json;
pub mod byteranges;
pub mod charset;
pub mod coding;
pub mod compress;
pub mod conditions;
pub mod cors;
pub mod date;
pub mod disposition;
pub mod etag;
pub mod form_data;
pub mod kind;
pub mod markdown;
pub mod media_type;
pub mod natural;
pub mod page_security;
pub mod path;
pub mod plan;
mod quality;
pub mod range;
pub mod shown;
pub mod tus;
pub mod upload_name;
pub mod vary;

use http::HeaderValue;

/// Makes a field value of text that a function of this layer wrote.
#[expect(clippy::expect_used, reason = "every caller writes visible ASCII and spaces only")]
fn field_value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("rules write visible ASCII and spaces only")
}
