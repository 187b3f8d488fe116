//! How an answer goes out: one decision for every protocol version.

use http::{Method, StatusCode, Version};

/// What the wire adds to a response, and whether content follows its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The `Content-Length` to send, in bytes; `None` for no such field.
    pub length: Option<u64>,
    /// Whether the content is sent.
    pub send_body: bool,
    /// Whether it is sent with `Transfer-Encoding: chunked`. Only in HTTP/1.1.
    pub chunked: bool,
    /// Whether the connection closes after the answer.
    pub close: bool,
}

/// Decides how to answer a request of that method and version with that status and content of that
/// length (`None` when only its end will tell). `keep_alive` is whether the connection could be
/// used again.
///
/// - 1xx and 204, and 2xx to CONNECT: neither content nor length (RFC 9110 sections 6.4.1, 8.6,
///   RFC 9112 section 6.3). A 1xx does not end the exchange, so it never closes.
/// - 304: no content; no length either, which it may leave out.
/// - 205: no content, which it says with a length of 0 (RFC 9110 section 15.3.6).
/// - HEAD: the length that GET would send, no content.
/// - Unknown length: chunked in HTTP/1.1; in HTTP/1.0 the end of the connection is the end of the
///   content; HTTP/2 and later have frames.
pub fn plan(
    method: &Method,
    status: StatusCode,
    length: Option<u64>,
    version: Version,
    keep_alive: bool,
) -> Plan {
    let bare = Plan { length: None, send_body: false, chunked: false, close: !keep_alive };
    if status.is_informational() {
        return Plan { close: false, ..bare };
    }
    let tunnels = *method == Method::CONNECT && status.is_success();
    if tunnels || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        return bare;
    }
    if status == StatusCode::RESET_CONTENT {
        return Plan { length: Some(0), ..bare };
    }
    if *method == Method::HEAD {
        return Plan { length, ..bare };
    }
    Plan {
        length,
        send_body: length != Some(0),
        chunked: length.is_none() && version == Version::HTTP_11,
        close: !keep_alive || (length.is_none() && version < Version::HTTP_11),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HTTP_10: Version = Version::HTTP_10;
    const HTTP_11: Version = Version::HTTP_11;
    const HTTP_2: Version = Version::HTTP_2;

    /// What a plan comes to: the length, whether content is sent, how it ends.
    fn in_words(plan: Plan) -> String {
        let mut words = vec![plan.length.map_or("-".to_owned(), |length| length.to_string())];
        let named = [(plan.send_body, "sent"), (plan.chunked, "chunked"), (plan.close, "close")];
        words.extend(named.iter().filter(|(is, _)| *is).map(|(_, word)| (*word).to_owned()));
        words.join(" ")
    }

    #[test]
    fn answers_are_framed_as_the_rfc_says() {
        let rows = [
            // RFC 9110 8.6: a known length is sent.
            (Method::GET, 200, Some(5), HTTP_11, "5 sent"),
            (Method::GET, 200, Some(5), HTTP_10, "5 sent"),
            (Method::GET, 200, Some(5), HTTP_2, "5 sent"),
            (Method::GET, 206, Some(5), HTTP_11, "5 sent"),
            (Method::GET, 404, Some(5), HTTP_11, "5 sent"),
            (Method::GET, 200, Some(0), HTTP_11, "0"),
            (Method::POST, 303, Some(0), HTTP_11, "0"),
            // RFC 9112 6.1: chunked only to HTTP/1.1; 6.3 rule 8: else the close is the end.
            (Method::GET, 200, None, HTTP_11, "- sent chunked"),
            (Method::GET, 200, None, HTTP_10, "- sent close"),
            (Method::GET, 200, None, HTTP_2, "- sent"),
            // RFC 9110 9.3.2: HEAD has the fields of GET and no content.
            (Method::HEAD, 200, Some(5), HTTP_11, "5"),
            (Method::HEAD, 404, Some(5), HTTP_10, "5"),
            (Method::HEAD, 200, None, HTTP_11, "-"),
            (Method::HEAD, 200, None, HTTP_10, "-"),
            // RFC 9110 8.6: "A server MUST NOT send a Content-Length header field in any response
            // with a status code of 1xx (Informational) or 204 (No Content)."
            (Method::GET, 100, Some(0), HTTP_11, "-"),
            (Method::GET, 101, None, HTTP_11, "-"),
            (Method::GET, 204, Some(0), HTTP_11, "-"),
            (Method::OPTIONS, 204, None, HTTP_10, "-"),
            (Method::HEAD, 204, Some(5), HTTP_11, "-"),
            // RFC 9110 15.4.5: "A 304 response is terminated by the end of the header section".
            (Method::GET, 304, Some(5), HTTP_11, "-"),
            (Method::HEAD, 304, None, HTTP_10, "-"),
            // RFC 9110 15.3.6: "a server MUST NOT generate content in a 205 response".
            (Method::POST, 205, Some(5), HTTP_11, "0"),
            // RFC 9110 9.3.6: no framing fields in a 2xx to CONNECT; a refusal is like any other.
            (Method::CONNECT, 200, Some(5), HTTP_11, "-"),
            (Method::CONNECT, 405, Some(5), HTTP_11, "5 sent"),
        ];
        for (method, status, length, version, expected) in rows {
            let status = StatusCode::from_u16(status).unwrap();
            let made = in_words(plan(&method, status, length, version, true));
            assert_eq!(made, expected, "{method} {status} {length:?} {version:?}");
        }
    }

    #[test]
    fn a_connection_that_cannot_go_on_closes_after_any_final_answer() {
        for (method, status) in [
            (Method::GET, StatusCode::OK),
            (Method::HEAD, StatusCode::OK),
            (Method::GET, StatusCode::NOT_MODIFIED),
            (Method::OPTIONS, StatusCode::NO_CONTENT),
            (Method::POST, StatusCode::RESET_CONTENT),
        ] {
            assert!(plan(&method, status, Some(5), HTTP_11, false).close, "{method} {status}");
        }
        let interim = plan(&Method::POST, StatusCode::CONTINUE, None, HTTP_11, false);
        assert!(!interim.close);
    }
}
