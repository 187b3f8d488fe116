//! `Content-Length` in every disguise, and content where no server expects it (RFC 9110 section
//! 8.6, RFC 9112 section 6.3).

use super::variant::{
    INNER, ONE, ONE_AND_END, ONE_AND_REFUSED, REFUSED, TWO, Variant, chunk, post,
};

pub fn add(all: &mut Vec<Variant>) {
    values(all);
    names(all);
    several(all);
    unexpected(all);
    old_versions(all);
}

/// Values; `{}` is the length of what follows.
fn values(all: &mut Vec<Variant>) {
    let n = INNER.len();
    let valid = [format!("{n}"), format!(" \t{n}"), format!("{n} \t"), format!("0{n}")];
    for value in valid.iter().chain([&format!("{n:030}"), &format!("{n:0400}")]) {
        value_of(all, value.as_bytes(), ONE);
    }
    for value in ["0", "00", "0000000000000000000000000000"] {
        value_of(all, value.as_bytes(), TWO);
    }
    // Longer than anything that is taken.
    for value in ["18446744073709551615", "9223372036854775807", "9223372036854775808"] {
        value_of(all, value.as_bytes(), REFUSED);
    }
    value_of(all, (u128::from(u32::MAX) + 1 + n as u128).to_string().as_bytes(), REFUSED);
    // Two to the 64th and more.
    for value in [1_u128 << 64, (1 << 64) + n as u128, (1 << 65) + n as u128, u128::MAX] {
        value_of(all, value.to_string().as_bytes(), REFUSED);
    }
    for form in [
        "+{}",
        "-{}",
        "++{}",
        "- {}",
        "0x{}",
        "0X{}",
        "x{}",
        "{}h",
        "{}x",
        "0b{}",
        "0o{}",
        "{}L",
        "{},{}",
        "{}, {}",
        "{},",
        ",{}",
        "{};{}",
        "{}, 0",
        "0, {}",
        "{} {}",
        "{} 0",
        "{}\t0",
        "{}.0",
        "{}.",
        ".{}",
        "{}e0",
        "{}E0",
        "{};",
        "{};a=b",
        "\"{}\"",
        "'{}'",
        "({})",
        "[{}]",
        "{}_",
        "_{}",
        "4_4",
        "{}/1",
        "{}%",
        "%3{}",
        "{}\\",
        "={}",
        ":{}",
        "{}|",
        "${}",
        "null",
        "NaN",
        "Infinity",
        "chunked",
        "",
        " ",
        "-0",
        "+0",
        "-1",
        "{}\x0b",
        "\x0b{}",
        "\x0c{}",
        "{}\x0c",
        "{}\0",
        "\0{}",
        "{}\x01",
        "{}\x7f",
        "\u{85}{}",
        "{}\u{a0}",
        "\u{feff}{}",
        "\u{664}\u{664}",
        "\u{ff14}\u{ff14}",
        "{}\r\n ",
        "\r\n {}",
        "\r\n\t{}",
        "{}\r\n 0",
        "{}\r",
        "\n{}",
        "{}\nX: y",
        "{}\rX: y",
        "{}\u{0}0",
        "0{}\0",
        "{}#",
        "{}?",
        "{}&",
    ] {
        value_of(all, form.replace("{}", &n.to_string()).as_bytes(), REFUSED);
    }
    for value in [&b"\xa044"[..], b"44\x85", b"44\xff", b"\xb244"] {
        value_of(all, value, REFUSED);
    }
}

fn value_of(all: &mut Vec<Variant>, value: &[u8], expected: &'static [&'static str]) {
    let line = [b"Content-Length: ", value, b"\r\n"].concat();
    all.push(Variant::new("CL value", &line, post(&line, INNER), expected));
}

fn names(all: &mut Vec<Variant>) {
    let n = INNER.len();
    for name in ["content-length", "CONTENT-LENGTH", "Content-length", "cOnTeNt-LeNgTh"] {
        let line = format!("{name}: {n}\r\n");
        all.push(Variant::new("CL name", &line, post(&line, INNER), ONE));
    }
    for name in [
        "Content_Length",
        "ContentLength",
        "Content-Length-",
        "X-Content-Length",
        "Content--Length",
        "Content.Length",
        "Content-Lengt",
    ] {
        let line = format!("{name}: {n}\r\n");
        all.push(Variant::new("CL name", &line, post(&line, INNER), TWO));
    }
    for name in [
        "Content-Length ",
        "Content-Length\t",
        " Content-Length",
        "\tContent-Length",
        "Content Length",
        "Content-Length\0",
        "\0Content-Length",
        "Content-Length\x0b",
        "Content-Length\u{a0}",
        "Content\u{2010}Length",
        "\"Content-Length\"",
        ":Content-Length",
        "Content-Length\r\n ",
        "X: y\n Content-Length",
        "X: y\nContent-Length",
        "X: y\rContent-Length",
        "X: y\r\n Content-Length",
        "Content-Length;",
        "Content-Length,",
        "(Content-Length)",
        "Content-Length/",
        "Content-Length=",
        "Content\\Length",
    ] {
        let line = format!("{name}: {n}\r\n");
        all.push(Variant::new("CL name", &line, post(&line, INNER), REFUSED));
    }
}

fn several(all: &mut Vec<Variant>) {
    let n = INNER.len();
    for (first, second) in [(n, n), (n, 0), (0, n), (0, 0), (n, n + 1), (n + 1, n), (1, n)] {
        for (name, between) in [
            ("Content-Length", ""),
            ("content-length", ""),
            ("Content-Length", "X: y\r\n"),
            ("Content-Length", "Connection: Content-Length\r\n"),
        ] {
            let lines = format!("Content-Length: {first}\r\n{between}{name}: {second}\r\n");
            all.push(Variant::new("CL.CL", &lines, post(&lines, INNER), REFUSED));
        }
        let list = format!("Content-Length: {first}, {second}\r\n");
        all.push(Variant::new("CL.CL", &list, post(&list, INNER), REFUSED));
    }
}

/// Requests whose content no handler asks for: it is no request for all that.
fn unexpected(all: &mut Vec<Variant>) {
    let length = format!("Content-Length: {}\r\n\r\n{INNER}", INNER.len());
    let chunked = format!("Transfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n", chunk(INNER));
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"] {
        for target in [
            "/d?NNNNN-outer",
            "/d/?NNNNN-outer",
            "/d/a.txt?NNNNN-outer",
            "/none?NNNNN-outer",
            "/upload?NNNNN-outer",
            "/healthz?NNNNN-outer",
            "/..%2f?NNNNN-outer",
        ] {
            for (class, rest) in [("CL.0", &length), ("TE.0", &chunked)] {
                let bytes = format!("{method} {target} HTTP/1.1\r\nHost: t\r\n{rest}");
                all.push(Variant::new(class, format!("{method} {target}"), bytes, ONE));
            }
        }
    }
    // Without a length there is no content, with whatever method.
    for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let bytes = format!("{method} /d?NNNNN-outer HTTP/1.1\r\nHost: t\r\n\r\n{INNER}");
        all.push(Variant::new("0.CL", method, bytes, TWO));
    }
    // A length that what follows does not fill: the last request is content.
    for method in ["GET", "POST"] {
        let length = format!("Content-Length: {}\r\n\r\n{INNER}", INNER.len() + 20);
        let bytes = format!("{method} /d?NNNNN-outer HTTP/1.1\r\nHost: t\r\n{length}");
        all.push(Variant::new("0.CL", format!("{method}, too short"), bytes, ONE_AND_REFUSED));
    }
    let connect = format!("CONNECT t:80 HTTP/1.1\r\nHost: t:80\r\n{length}");
    all.push(Variant::new("CL.0", "CONNECT", connect, &["ol", "o", "x"]));
}

fn old_versions(all: &mut Vec<Variant>) {
    let n = INNER.len();
    let keep = "Connection: keep-alive\r\n";
    for (lines, expected) in [
        (format!("Content-Length: {n}\r\n"), ONE_AND_END),
        (format!("{keep}Content-Length: {n}\r\n"), ONE),
        (format!("{keep}Content-Length: 0\r\n"), TWO),
        (keep.to_owned(), TWO),
        (String::new(), ONE_AND_END),
        (format!("{keep}Connection: close\r\nContent-Length: {n}\r\n"), ONE_AND_END),
        (format!("Keep-Alive: 5\r\nContent-Length: {n}\r\n"), ONE_AND_END),
    ] {
        let bytes = String::from_utf8(post(&lines, INNER)).expect("text");
        let bytes = bytes.replacen("HTTP/1.1", "HTTP/1.0", 1);
        all.push(Variant::new("CL in HTTP/1.0", &lines, bytes, expected));
    }
}
