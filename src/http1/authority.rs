//! Host and port as a `Host` field or a request target names them.

use std::net::Ipv6Addr;

use super::chars;

/// A valid host with an optional port.
///
/// ```abnf
/// Host       = uri-host [ ":" port ]
/// uri-host   = IP-literal / IPv4address / reg-name
/// IP-literal = "[" ( IPv6address / IPvFuture ) "]"
/// port       = *DIGIT
/// ```
/// RFC 9110 section 7.2, RFC 3986 section 3.2. Stricter than the grammar in three places, where it
/// allows what no server can be reached at: an empty host, `IPvFuture`, a port above 65535.
/// `userinfo@` is refused as RFC 9110 section 4.2.4 advises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority<'a> {
    /// The host as sent; an IPv6 address with its brackets.
    pub host: &'a [u8],
    /// The port; `None` when it is not named, or empty (`example.org:`).
    pub port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Splits and checks; `None` when it is not valid.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (host, rest) = bytes.split_at(host_length(bytes)?);
        let port = match rest {
            [] | [b':'] => None,
            [b':', digits @ ..] => Some(port(digits)?),
            _ => return None,
        };
        Some(Self { host, port })
    }
}

/// Length of the host at the start of `bytes`; `None` when there is none.
#[inline]
fn host_length(bytes: &[u8]) -> Option<usize> {
    let plain = |from: usize| {
        let stop = bytes[from..].iter().position(|&b| !chars::is_reg_name(b));
        stop.map_or(bytes.len(), |stop| from + stop)
    };
    let mut length = plain(0);
    if length == 0 && bytes.starts_with(b"[") {
        return ipv6_length(bytes);
    }
    while let [b'%', high, low, ..] = &bytes[length..]
        && high.is_ascii_hexdigit()
        && low.is_ascii_hexdigit()
    {
        length = plain(length + 3);
    }
    (length > 0).then_some(length)
}

fn ipv6_length(bytes: &[u8]) -> Option<usize> {
    let end = memchr::memchr(b']', bytes)?;
    let address = str::from_utf8(&bytes[1..end]).ok()?;
    address.parse::<Ipv6Addr>().ok()?;
    Some(end + 1)
}

fn port(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0_u16, |port, digit| {
        let digit = digit.is_ascii_digit().then(|| digit - b'0')?;
        port.checked_mul(10)?.checked_add(digit.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_authorities_are_split() {
        for (bytes, host, port) in [
            ("localhost", "localhost", None),
            ("localhost:8000", "localhost", Some(8000)),
            ("example.org:", "example.org", None),
            ("127.0.0.1:0", "127.0.0.1", Some(0)),
            ("a:65535", "a", Some(65535)),
            ("[::1]", "[::1]", None),
            ("[2001:db8::1]:443", "[2001:db8::1]", Some(443)),
            ("[::ffff:1.2.3.4]", "[::ffff:1.2.3.4]", None),
            ("my_host~!$&'()*+,;=", "my_host~!$&'()*+,;=", None),
            ("b%C3%BCcher.example:80", "b%C3%BCcher.example", Some(80)),
            ("xn--bcher-kva.example", "xn--bcher-kva.example", None),
        ] {
            let expected = Authority { host: host.as_bytes(), port };
            assert_eq!(Authority::parse(bytes.as_bytes()), Some(expected));
        }
    }

    #[test]
    fn what_is_not_a_host_is_refused() {
        for bytes in [
            "",
            ":",
            ":80",
            "a b",
            "a,b c",
            "a/b",
            "a?b",
            "a#b",
            "u@a",
            "a:b",
            "a:+1",
            "a: 1",
            "a:65536",
            "a:999999",
            "a:80:80",
            "::1",
            "[::1",
            "[]",
            "[::1]x",
            "[::1]:x",
            "[1.2.3.4]",
            "[fe80::1%25eth0]",
            "[v1.a]",
            "x[::1]",
            "a%",
            "a%2",
            "a%2g",
            "a\\b",
            "a\"",
            "<a>",
            "\u{fc}",
            "a\t",
            "a^",
            "a|b",
            "a`",
        ] {
            assert_eq!(Authority::parse(bytes.as_bytes()), None, "{bytes}");
        }
    }
}
