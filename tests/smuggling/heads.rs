//! The rest of a head: request line, Host, versions, expectations, fields between neighbours, and
//! bytes that belong nowhere (RFC 9112 sections 2 to 5, RFC 9110 sections 5, 7 and 10).

use super::variant::{
    INNER, ONE, ONE_AND_END, ONE_AND_REFUSED, REFUSED, TWO, Variant, chunk, post,
};

pub fn add(all: &mut Vec<Variant>) {
    request_lines(all);
    beginnings(all);
    hosts(all);
    expectations(all);
    neighbours(all);
    upgrades(all);
    odd_bytes(all);
    sizes(all);
}

/// A request without content, of this request line and these lines of fields.
fn of(line: &str, fields: &str) -> String {
    format!("{line}\r\n{fields}\r\n")
}

fn request_lines(all: &mut Vec<Variant>) {
    for (line, expected) in [
        ("GET /d?NNNNN-outer HTTP/1.1", ONE),
        ("GET /d?NNNNN-outer HTTP/1.2", ONE),
        ("GET /d?NNNNN-outer HTTP/1.9", ONE),
        ("GET http://t/d?NNNNN-outer HTTP/1.1", ONE),
        ("GET http://other/d?NNNNN-outer HTTP/1.1", ONE),
        ("GET HTTP://T:80/d?NNNNN-outer HTTP/1.1", ONE),
        ("GET https://t:443/d?NNNNN-outer HTTP/1.1", ONE),
        ("GET http://[::1]:80/d?NNNNN-outer HTTP/1.1", ONE),
        ("GET http://t?NNNNN-outer HTTP/1.1", ONE),
        ("GET //t/d?NNNNN-outer HTTP/1.1", ONE),
        ("GET /d?NNNNN-outer&http://t/ HTTP/1.1", ONE),
        ("OPTIONS * HTTP/1.1", ONE),
        ("OPTIONS http://t HTTP/1.1", ONE),
        ("GET /d?NNNNN-outer HTTP/1.0", ONE_AND_END),
    ] {
        all.push(Variant::new("request line", line, of(line, "Host: t\r\n"), expected));
    }
    for line in [
        // White space.
        "GET  /d?NNNNN-outer HTTP/1.1",
        "GET /d?NNNNN-outer  HTTP/1.1",
        " GET /d?NNNNN-outer HTTP/1.1",
        "GET /d?NNNNN-outer HTTP/1.1 ",
        "GET\t/d?NNNNN-outer HTTP/1.1",
        "GET /d?NNNNN-outer\tHTTP/1.1",
        "GET /d?NNNNN-outer HTTP/1.1\t",
        "GET\x0b/d?NNNNN-outer HTTP/1.1",
        "GET\x0c/d?NNNNN-outer HTTP/1.1",
        "GET /d?NNNNN-outer\x0bHTTP/1.1",
        "GET\r/d?NNNNN-outer HTTP/1.1",
        "GET /d?NNNNN-outer\rHTTP/1.1",
        "GET\u{a0}/d?NNNNN-outer HTTP/1.1",
        "GET /d?NNNNN-outer HTTP /1.1",
        "GET /d?NNNNN-outer HTTP/ 1.1",
        "GET /d?NNNNN-outer HTTP/1 .1",
        "GET /d?NNNNN outer HTTP/1.1",
        "GET /d?NNNNN\touter HTTP/1.1",
        "GET /d?NNNNN-outer HTTP/1.1 HTTP/1.1",
        "GET /d?NNNNN-outer HTTP/1.1 x",
        "GET /d?NNNNN-outer\r\n HTTP/1.1",
        "GET\r\n /d?NNNNN-outer HTTP/1.1",
        "GE T /d?NNNNN-outer HTTP/1.1",
        // Versions.
        "GET /d?NNNNN-outer",
        "GET /d?NNNNN-outer ",
        "GET",
        "GET ",
        "",
        "GET /d?NNNNN-outer HTTP/0.9",
        "GET /d?NNNNN-outer HTTP/2",
        "GET /d?NNNNN-outer HTTP/2.0",
        "GET /d?NNNNN-outer HTTP/3.0",
        "GET /d?NNNNN-outer HTTP/1",
        "GET /d?NNNNN-outer HTTP/1.",
        "GET /d?NNNNN-outer HTTP/.1",
        "GET /d?NNNNN-outer HTTP/1.10",
        "GET /d?NNNNN-outer HTTP/1.1.1",
        "GET /d?NNNNN-outer HTTP/01.1",
        "GET /d?NNNNN-outer HTTP/11",
        "GET /d?NNNNN-outer HTTP/1,1",
        "GET /d?NNNNN-outer HTTP/1.x",
        "GET /d?NNNNN-outer http/1.1",
        "GET /d?NNNNN-outer Http/1.1",
        "GET /d?NNNNN-outer HTTPS/1.1",
        "GET /d?NNNNN-outer XHTTP/1.1",
        "GET /d?NNNNN-outer ICY/1.1",
        "GET /d?NNNNN-outer HTTP\\1.1",
        "GET /d?NNNNN-outer HTTP/+1.1",
        "GET /d?NNNNN-outer HTTP/-1.1",
        "GET /d?NNNNN-outer HTTP/1.-1",
        "GET /d?NNNNN-outer HTTP/1.1\0",
        "GET /d?NNNNN-outer \0HTTP/1.1",
        "GET /d?NNNNN-outer HTTP/\u{ff11}.1",
        // Methods.
        "get /d?NNNNN-outer HTTP/1.1",
        "Get /d?NNNNN-outer HTTP/1.1",
        "GET\0 /d?NNNNN-outer HTTP/1.1",
        "\0GET /d?NNNNN-outer HTTP/1.1",
        "G\0ET /d?NNNNN-outer HTTP/1.1",
        "GETX /d?NNNNN-outer HTTP/1.1",
        "XGET /d?NNNNN-outer HTTP/1.1",
        "\"GET\" /d?NNNNN-outer HTTP/1.1",
        "GET, /d?NNNNN-outer HTTP/1.1",
        "GET: /d?NNNNN-outer HTTP/1.1",
        "(GET) /d?NNNNN-outer HTTP/1.1",
        "/d?NNNNN-outer HTTP/1.1",
        " /d?NNNNN-outer HTTP/1.1",
        "G\u{c9}T /d?NNNNN-outer HTTP/1.1",
        "POST/d?NNNNN-outer HTTP/1.1",
        "PRI * HTTP/1.1",
        "HTTP/1.1 200 OK",
        "Host: t",
        // Targets.
        "GET * HTTP/1.1",
        "GET d?NNNNN-outer HTTP/1.1",
        "GET ?NNNNN-outer HTTP/1.1",
        "GET t:80 HTTP/1.1",
        "GET http:// HTTP/1.1",
        "GET http:///d?NNNNN-outer HTTP/1.1",
        "GET http:/d?NNNNN-outer HTTP/1.1",
        "GET http://u@t/d?NNNNN-outer HTTP/1.1",
        "GET http://u:p@t/d?NNNNN-outer HTTP/1.1",
        "GET http://t:x/d?NNNNN-outer HTTP/1.1",
        "GET http://t:99999/d?NNNNN-outer HTTP/1.1",
        "GET http://t\\d?NNNNN-outer HTTP/1.1",
        "GET http://t t/d?NNNNN-outer HTTP/1.1",
        "GET ftp://t/d?NNNNN-outer HTTP/1.1",
        "GET file:///d?NNNNN-outer HTTP/1.1",
        "GET @t/d?NNNNN-outer HTTP/1.1",
        "GET /d?NNNNN-outer#f HTTP/1.1",
        "GET #/d?NNNNN-outer HTTP/1.1",
        "GET /d?NNNNN\0-outer HTTP/1.1",
        "GET /\0d?NNNNN-outer HTTP/1.1",
        "GET /d?NNNNN\x7f-outer HTTP/1.1",
        "GET /d?NNNNN\x01-outer HTTP/1.1",
        "GET \\d?NNNNN-outer HTTP/1.1",
        "CONNECT /d?NNNNN-outer HTTP/1.1",
        "CONNECT t HTTP/1.1",
        "OPTIONS ** HTTP/1.1",
        "OPTIONS *?NNNNN-outer HTTP/1.1",
    ] {
        all.push(Variant::new("request line", line, of(line, "Host: t\r\n"), REFUSED));
        let length = format!("Host: t\r\nContent-Length: {}\r\n", INNER.len());
        let bytes = of(line, &length) + INNER;
        all.push(Variant::new("request line", format!("{line}, with content"), bytes, REFUSED));
    }
}

/// Before a request.
fn beginnings(all: &mut Vec<Variant>) {
    let request = of("GET /d?NNNNN-outer HTTP/1.1", "Host: t\r\n");
    for (before, expected) in [
        ("\r\n", ONE),
        ("\r\n\r\n", REFUSED),
        ("\n", REFUSED),
        ("\r", REFUSED),
        ("\n\r\n", REFUSED),
        ("\r\n\n", REFUSED),
        ("\r\r\n", REFUSED),
        (" ", REFUSED),
        (" \r\n", REFUSED),
        ("\t\r\n", REFUSED),
        ("\0", REFUSED),
        ("\0\r\n", REFUSED),
        ("\x0b\r\n", REFUSED),
        ("\u{feff}", REFUSED),
        ("X", REFUSED),
        ("X\r\n", REFUSED),
        ("0\r\n\r\n", REFUSED),
        ("\x16\x03\x01\x02\0\x01\0\x01\u{fc}\x03\x03", REFUSED),
    ] {
        all.push(Variant::new("beginning", before, format!("{before}{request}"), expected));
    }
    // Behind one that was answered, as if it were content of it.
    for (between, expected) in [
        ("\r\n", TWO),
        ("", TWO),
        ("X", ONE_AND_REFUSED),
        ("\n", ONE_AND_REFUSED),
        ("0\r\n\r\n", ONE_AND_REFUSED),
    ] {
        let bytes = format!("{request}{between}{INNER}");
        all.push(Variant::new("beginning", format!("second: {between}"), bytes, expected));
    }
}

fn hosts(all: &mut Vec<Variant>) {
    let origin = "GET /d?NNNNN-outer HTTP/1.1";
    let absolute = "GET http://t/d?NNNNN-outer HTTP/1.1";
    for fields in [
        "",
        "Host: t\r\nHost: t\r\n",
        "Host: t\r\nHost: other\r\n",
        "Host: t\r\nhost: t\r\n",
        "Host: t\r\nX: y\r\nHOST: u\r\n",
        "Host : t\r\n",
        " Host: t\r\n",
        "Host\t: t\r\n",
        "Host: t u\r\n",
        "Host: t, u\r\n",
        "Host: t,u v\r\n",
        "Host: t/d\r\n",
        "Host: t?x\r\n",
        "Host: t#x\r\n",
        "Host: u@t\r\n",
        "Host: t@\r\n",
        "Host: t:80:80\r\n",
        "Host: t:x\r\n",
        "Host: t:+80\r\n",
        "Host: t:-1\r\n",
        "Host: t:65536\r\n",
        "Host: t: 80\r\n",
        "Host: [::1\r\n",
        "Host: ::1\r\n",
        "Host: t\\u\r\n",
        "Host: \"t\"\r\n",
        "Host: <t>\r\n",
        "Host: t\0\r\n",
        "Host: \0t\r\n",
        "Host: t\x0b\r\n",
        "Host: t\r\n u\r\n",
        "Host:\r\n t\r\n",
        "Host: t\n",
        "Host: t\nX: y\r\n",
        "Host: t\rX: y\r\n",
        "Host: \u{e4}\r\n",
        "Host: t\u{a0}\r\n",
        "Host: t%\r\n",
        "Host: http://t\r\n",
        "Host: :80\r\n",
        "Host: t\t u\r\n",
        "Hos t: t\r\n",
        "Host\0: t\r\n",
        "X: y\r\n Host: t\r\n",
        "Host_: t\r\n",
        "H\u{f6}st: t\r\n",
        "Host\r\n: t\r\n",
        "Host t\r\n",
        "X-Host: t\r\n",
    ] {
        all.push(Variant::new("Host", fields, of(origin, fields), REFUSED));
        all.push(Variant::new("Host, absolute", fields, of(absolute, fields), REFUSED));
    }
    all.push(Variant::new("Host", "empty", of(origin, "Host: \r\n"), REFUSED));
    for fields in
        ["Host: other\r\n", "Host: t:80\r\n", "Host: T\r\n", "Host:t\r\n", "hOST:\t t \r\n"]
    {
        all.push(Variant::new("Host", fields, of(origin, fields), ONE));
        all.push(Variant::new("Host, absolute", fields, of(absolute, fields), ONE));
    }
    let forwarded = "Host: t\r\nX-Forwarded-Host: other\r\nForwarded: host=other\r\n";
    all.push(Variant::new("Host", forwarded, of(origin, forwarded), ONE));
}

fn expectations(all: &mut Vec<Variant>) {
    let n = INNER.len();
    for (expect, expected) in [
        ("100-continue", ONE),
        ("100-Continue", ONE),
        ("\t100-continue \t", ONE),
        ("100-continue, 100-continue", ONE),
        ("", ONE),
        ("y 100-continue", REFUSED),
        ("x", REFUSED),
        ("100-continue, x", REFUSED),
        ("100", REFUSED),
        ("100-continue;x=y", REFUSED),
        ("\"100-continue\"", REFUSED),
        ("100-continue\0", REFUSED),
        ("\x0b100-continue", REFUSED),
        ("\r\n 100-continue", REFUSED),
        ("\n100-continue", REFUSED),
        ("100-continue\u{a0}", REFUSED),
        ("200-ok", REFUSED),
        ("100 continue", REFUSED),
    ] {
        let line = format!("Expect: {expect}\r\n");
        let length = format!("{line}Content-Length: {n}\r\n");
        all.push(Variant::new("Expect", &length, post(&length, INNER), expected));
        let chunked = format!("{line}Transfer-Encoding: chunked\r\n");
        let body = format!("{}0\r\n\r\n", chunk(INNER));
        all.push(Variant::new("Expect", &chunked, post(&chunked, body), expected));
        // Nobody waits for what is not there.
        let bare = of("GET /d?NNNNN-outer HTTP/1.1", &format!("Host: t\r\n{line}"));
        all.push(Variant::new("Expect", format!("GET, {line}"), bare, expected));
        // Content that nobody asked for: the connection ends, or it is skipped.
        let unread: &[&str] = if expected == ONE { &["o", "ol"] } else { REFUSED };
        let get = of("GET /d?NNNNN-outer HTTP/1.1", &format!("Host: t\r\n{length}")) + INNER;
        all.push(Variant::new("Expect", format!("GET, {length}"), get, unread));
    }
}

/// Fields that a server takes off before it hands a request on, and what another makes of it.
fn neighbours(all: &mut Vec<Variant>) {
    let n = INNER.len();
    let length = format!("Content-Length: {n}\r\n");
    let coding = "Transfer-Encoding: chunked\r\n";
    let chunks = format!("{}0\r\n\r\n", chunk(INNER));
    for option in [
        "Content-Length",
        "Transfer-Encoding",
        "Host",
        "Content-Type",
        "Connection",
        "TE",
        "Trailer",
        "Expect",
        "keep-alive",
        "Keep-Alive, Content-Length",
        "upgrade",
        "closed",
        "\"close\"",
        "close-x",
        "",
        ",,,",
        "X, Transfer-Encoding, Content-Length",
        "Cookie, Authorization",
    ] {
        let line = format!("Connection: {option}\r\n");
        for (framing, body) in [(length.as_str(), INNER), (coding, chunks.as_str())] {
            let lines = format!("{line}{framing}");
            all.push(Variant::new("hop by hop", &lines, post(&lines, body), ONE));
        }
        let lines = format!("{line}{length}{coding}");
        all.push(Variant::new("hop by hop", &lines, post(&lines, &chunks), REFUSED));
    }
    for option in
        ["close", "Close", "CLOSE", "close, Content-Length", "keep-alive, close", "x,close "]
    {
        let lines = format!("Connection: {option}\r\n{length}");
        all.push(Variant::new("hop by hop", &lines, post(&lines, INNER), ONE_AND_END));
    }
    for line in [
        "Proxy-Connection: close",
        "Keep-Alive: timeout=1, max=1",
        "TE: trailers, chunked;q=0.5",
        "Trailer: Content-Length",
        "Max-Forwards: 0",
        "Via: 1.1 x",
        "X-HTTP-Method-Override: HEAD",
        "X-Content-Length: 0",
        "X-Original-URL: /d?NNNNN-inner",
        "X-Rewrite-URL: /d?NNNNN-inner",
        "X-Forwarded-Proto: https",
        "Content-Encoding: identity",
        "Content-Location: /",
        "X: GET / HTTP/1.1",
    ] {
        let lines = format!("{line}\r\n{length}");
        all.push(Variant::new("hop by hop", &lines, post(&lines, INNER), ONE));
    }
}

fn upgrades(all: &mut Vec<Variant>) {
    let n = INNER.len();
    let settings = "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n";
    let key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for fields in [
        format!("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n{settings}"),
        format!("Connection: Upgrade\r\nUpgrade: h2c\r\n{settings}"),
        format!("Connection: HTTP2-Settings\r\nUpgrade: h2c\r\n{settings}"),
        "Upgrade: h2c\r\n".to_owned(),
        "Connection: Upgrade\r\nUpgrade: h2\r\n".to_owned(),
        format!("Connection: Upgrade\r\nUpgrade: websocket\r\n{key}"),
        format!("Connection: Upgrade\r\nUpgrade: websocket\r\n{}", key.replace("13", "1337")),
        "Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n".to_owned(),
        "Connection: Upgrade\r\nUpgrade: HTTP/1.0\r\n".to_owned(),
        "Connection: Upgrade\r\nUpgrade: \r\n".to_owned(),
    ] {
        let get = of("GET /d?NNNNN-outer HTTP/1.1", &format!("Host: t\r\n{fields}"));
        all.push(Variant::new("Upgrade", &fields, get.clone(), ONE));
        let about = format!("{fields}, then a request");
        all.push(Variant::new("Upgrade", about, format!("{get}{INNER}"), TWO));
        let lines = format!("{fields}Content-Length: {n}\r\n");
        all.push(Variant::new("Upgrade", &lines, post(&lines, INNER), ONE));
        let about = format!("{fields}, then HTTP/2");
        let preface = format!("{get}PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        all.push(Variant::new("Upgrade", about, preface, ONE_AND_REFUSED));
    }
}

/// Each byte that has no place in a head, in each place.
fn odd_bytes(all: &mut Vec<Variant>) {
    let controls = (0..=0x1f_u8).chain([0x7f]).filter(|byte| !b"\t\r\n".contains(byte));
    for byte in controls.clone() {
        let line = [b"X: a", &[byte][..], b"b\r\n"].concat();
        all.push(byte_of(byte, "value", &line, REFUSED));
    }
    let separators = b" \t\"(),/;<=>?@[\\]{}".iter().copied();
    for byte in controls.chain(separators).chain([0x80, 0x85, 0xa0, 0xc3, 0xff]) {
        let line = [b"X", &[byte][..], b"Y: b\r\n"].concat();
        all.push(byte_of(byte, "name", &line, REFUSED));
    }
    for byte in [b'\t', b' ', b':', b'"', b'\\', 0x80, 0x85, 0xa0, 0xc3, 0xff] {
        let line = [b"X: a", &[byte][..], b"b\r\n"].concat();
        all.push(byte_of(byte, "value", &line, ONE));
    }
    for line in
        [&b": y\r\n"[..], b"X\r\n", b"X y\r\n", b"X : y\r\n", b"\r X: y\r\n", b"=: \r\n y\r\n"]
    {
        all.push(Variant::new("odd field", line, post_around(line), REFUSED));
    }
}

fn byte_of(byte: u8, place: &str, line: &[u8], expected: &'static [&'static str]) -> Variant {
    Variant::new("odd byte", format!("{byte:#04x} in a {place}"), post_around(line), expected)
}

/// A request with content, and this line before the one that frames it.
fn post_around(line: &[u8]) -> Vec<u8> {
    let length = format!("Content-Length: {}\r\n", INNER.len());
    post([line, length.as_bytes()].concat(), INNER)
}

/// Heads longer than is taken: what is cut off must not be read as a request.
fn sizes(all: &mut Vec<Variant>) {
    let filler = "x".repeat(20_000);
    let lines = "X: y\r\n".repeat(200);
    for (about, bytes) in [
        ("a long target", of(&format!("GET /{filler} HTTP/1.1"), "Host: t\r\n")),
        ("a long value", of("GET / HTTP/1.1", &format!("Host: t\r\nX: {filler}\r\n"))),
        ("a long name", of("GET / HTTP/1.1", &format!("Host: t\r\n{filler}: y\r\n"))),
        ("a long method", of(&format!("{filler} / HTTP/1.1"), "Host: t\r\n")),
        ("many lines", of("GET / HTTP/1.1", &format!("Host: t\r\n{lines}"))),
    ] {
        all.push(Variant::new("size", about, bytes + INNER, REFUSED));
    }
}
