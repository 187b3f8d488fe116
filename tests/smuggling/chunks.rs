//! Chunked bodies: sizes, extensions, line ends, trailers (RFC 9112 section 7.1).

use super::variant::{
    INNER, ONE, ONE_AND_END, ONE_AND_REFUSED, REFUSED, TWO, Variant, chunk, post,
};

const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";

pub fn add(all: &mut Vec<Variant>) {
    sizes(all);
    last_sizes(all);
    extensions(all);
    spills(all);
    line_ends(all);
    trailers(all);
}

fn push(
    all: &mut Vec<Variant>,
    class: &'static str,
    about: impl AsRef<[u8]>,
    body: impl AsRef<[u8]>,
    expected: &'static [&'static str],
) {
    all.push(Variant::new(class, about, post(CHUNKED, body), expected));
}

/// Sizes of a chunk; `{}` is the right one.
fn sizes(all: &mut Vec<Variant>) {
    let size = format!("{:x}", INNER.len());
    let of = |form: &str| form.replace("{}", &size);
    for form in ["{}", "0{}", "00000000000000{}"] {
        let body = format!("{}\r\n{INNER}\r\n0\r\n\r\n", of(form));
        push(all, "chunk size", of(form), body, ONE);
    }
    let upper = format!("A\r\n0123456789\r\n{:X}\r\n{INNER}\r\n0\r\n\r\n", INNER.len());
    push(all, "chunk size", "upper case", upper, ONE);
    // What follows is content without an end.
    for form in ["FFFFFFFFFFFFFFFF", "7fffffffffffffff", "8000000000000000", "1000000{}"] {
        let body = format!("{}\r\n{INNER}\r\n0\r\n\r\n", of(form));
        push(all, "chunk size", of(form), body, REFUSED);
    }
    for form in [
        "",
        " ",
        "0x{}",
        "0X{}",
        "x{}",
        "+{}",
        "-{}",
        " {}",
        "\t{}",
        "{} ",
        "{}\t",
        "{} {}",
        "{}x",
        "{}g",
        "g",
        "{}h",
        "{}.",
        "{}.0",
        "{},",
        "{},{}",
        "{}_",
        "0_{}",
        "\"{}\"",
        "'{}'",
        "({})",
        "${}",
        "{}%",
        "{}#",
        "{}\\",
        "{}:",
        "={}",
        "\0{}",
        "{}\0",
        "\x0b{}",
        "{}\x0b",
        "\x0c{}",
        "{}\x0c",
        "{}\x7f",
        "\u{a0}{}",
        "{}\u{85}",
        "\u{ff12}\u{ff18}",
        "-1",
        "-0",
        "0\r{}",
        "10000000000000000",
        "100000000000000{}",
        "f00000000000000{}",
        "000000000000000{}0",
        "0000000000000000000000000000000000000{}",
        "fffffffffffffffff",
        "\r{}",
        "\n{}",
        "\r\n{}",
        "{}\r",
        "{}\n",
        "{}\r\r",
    ] {
        let body = format!("{}\r\n{INNER}\r\n0\r\n\r\n", of(form));
        push(all, "chunk size", of(form), body, REFUSED);
    }
    for size in [INNER.len() - 1, INNER.len() + 1, INNER.len() + 2, INNER.len() - 2, 1] {
        let body = format!("{size:x}\r\n{INNER}\r\n0\r\n\r\n");
        push(all, "chunk size", format!("{size} for {}", INNER.len()), body, REFUSED);
    }
}

/// The same of the last chunk, behind which the hidden request is a request.
fn last_sizes(all: &mut Vec<Variant>) {
    let with = |size: &str| format!("{}{size}\r\n\r\n{INNER}", chunk("a=b"));
    for size in ["0", "00", "0000000000000000", "0;a", "000;a=\"0\""] {
        push(all, "last chunk", size, with(size), TWO);
    }
    for size in [
        "",
        "-0",
        "+0",
        "0x0",
        "0x",
        "0 ",
        " 0",
        "0\t",
        "0\0",
        "\x000",
        "0.",
        "0,",
        "0;",
        "00000000000000000",
        "0\x0b",
        "0\u{a0}",
        "O",
        "o",
        "\"0\"",
        "0\r",
        "0\n",
        "\n0",
        "\r0",
        "0 0",
    ] {
        push(all, "last chunk", size, with(size), REFUSED);
    }
    // Nothing behind it: the last request is in the way of the trailers.
    push(all, "last chunk", "without an end", "3\r\na=b\r\n0\r\n", REFUSED);
    push(all, "last chunk", "none", "3\r\na=b\r\n", REFUSED);
    push(all, "last chunk", "none at all", "", REFUSED);
}

fn extensions(all: &mut Vec<Variant>) {
    let long = |count: usize| format!(";{}", "a".repeat(count));
    let valid = [
        ";a",
        ";a=b",
        "; a = b",
        " ;a",
        "\t;\ta\t=\tb",
        ";a=\"b\"",
        ";a=\"\"",
        ";a=\"b;c\"",
        ";a=\"b\\\"c\"",
        ";a=\"\u{e4}\"",
        ";a;b;c=d",
        ";a;a=1;a=2",
        ";0=0",
        ";a=\"0, 0\"",
        ";a=\"\\\\\"",
        ";a=5",
        ";chunked",
        ";!#$%&'*+-.^_`|~=x",
    ];
    let valid = valid.iter().map(|&extension| extension.to_owned()).chain([long(3000)]);
    for extension in valid {
        extension_of(all, &extension, ONE);
    }
    let wrong = [
        ";",
        ";;",
        ";;a",
        ";a;",
        ";=",
        ";a=",
        ";=b",
        ";a==b",
        ";a=b=c",
        ";a b",
        ";a=b c",
        ";a=\"b",
        ";a=b\"",
        ";a=\"b\"c",
        ";a=\"b\\\"",
        ";\"a\"",
        ";a=\"b\rc\"",
        ";a=\"b\nc\"",
        ";a=\"b\r\nc\"",
        ";a=\"\0\"",
        ";a=\"\x7f\"",
        ";a=\"\x0b\"",
        ";\0",
        ";a\0",
        ";a=\0",
        ";\x0b",
        ";\x0ca",
        ";a\x7f",
        ";\u{a0}",
        ";a=\u{85}",
        ";\n",
        ";\r",
        ";\nxx",
        ";\rxx",
        ";a\n",
        ";a\r",
        ";a=b\n",
        ";a=b\r",
        ";a\nb",
        ";a\rb",
        ";a=b\nc",
        ";a\r\n ",
        ";\r\n",
        ";a=\"\\\r\n\"",
        ";\n0\r\n",
        " a",
        " a=b",
        "\ta",
        " ",
        "\t",
        " ;",
        ";a,b",
        ";a=b,c",
        ";a/b",
        ";(a)",
        ";a=[b]",
        ";a:b",
        ";a\\b",
        ",a",
        ":a",
        ";a=\"b\\\u{1}\"",
        ";a=b\0c",
    ];
    let wrong = wrong.iter().map(|&extension| extension.to_owned());
    for extension in wrong.chain([long(5000), long(70_000), ";a".repeat(4000)]) {
        extension_of(all, &extension, REFUSED);
    }
    // Many that are long together.
    let body = format!("1;{}\r\na\r\n", "x".repeat(3000)).repeat(6);
    push(all, "chunk extension", "6 of 3,000 bytes", format!("{body}0\r\n\r\n"), REFUSED);
}

/// Behind the size of a chunk, and of the last one.
fn extension_of(all: &mut Vec<Variant>, extension: &str, expected: &'static [&'static str]) {
    let about = format!("{extension:.60}");
    let body = format!("{:x}{extension}\r\n{INNER}\r\n0\r\n\r\n", INNER.len());
    push(all, "chunk extension", &about, body, expected);
    let body = format!("{}0{extension}\r\n\r\n", chunk(INNER));
    push(all, "chunk extension", format!("at the end: {about}"), body, expected);
}

/// Chunks that are longer than they say, by what some skip over without a look; and lines that end
/// for one and not for the other, so that what comes next is a chunk, or in one.
fn spills(all: &mut Vec<Variant>) {
    for between in [
        "", "\n", "\r", "XX", "\r\r", "\n\n", "\n\r", " \r\n", "\r\n\r\n", "X\r\n", "\0\0", "0\r\n",
    ] {
        let body = format!("3\r\na=b{between}0\r\n\r\n{INNER}");
        push(all, "chunk spill", between, body, REFUSED);
    }
    let size = INNER.len();
    for (about, body) in [
        (
            "an extension to LF",
            format!("3;\nxxx\r\n{:x}\r\n0\r\n\r\n{INNER}\r\n0\r\n\r\n", size + 5),
        ),
        (
            "an extension to CR",
            format!("3;\rxxx\r\n{:x}\r\n0\r\n\r\n{INNER}\r\n0\r\n\r\n", size + 5),
        ),
        ("a size to LF", format!("3\nabc\r\n{size:x}\r\n{INNER}\r\n0\r\n\r\n")),
        ("a size to CR", format!("3\rabc\r\n{size:x}\r\n{INNER}\r\n0\r\n\r\n")),
        ("quotes over lines", format!("3;a=\"\r\nabc\r\n0\r\n\r\n{INNER}\";\r\n")),
        ("an escaped end of line", format!("3;a=\"\\\r\nabc\r\n0\r\n\r\n{INNER}\r\n0\r\n\r\n")),
        ("two bytes without a look", format!("2\r\nabXX{size:x}\r\n{INNER}\r\n0\r\n\r\n")),
        ("one byte as the end of a line", format!("2\r\nab\n{size:x}\r\n{INNER}\r\n0\r\n\r\n")),
    ] {
        push(all, "chunk spill", about, body, REFUSED);
    }
}

/// In place of CRLF.
const LINE_ENDS: &[&str] = &[
    "\n", "\r", "\r\r\n", "\n\r", "\r\r", "\n\n", " \n", "\0\r\n", "\x0b\r\n", "\x0c", "\x0b",
    "\u{85}", "\u{2028}", "\\r\\n", "\r\0\n", "\r \n", "",
];

/// Each end of a line of a request replaced by something else.
fn line_ends(all: &mut Vec<Variant>) {
    let head = "GET /d?NNNNN-outer HTTP/1.1\r\nHost: t\r\nX: y\r\n\r\n";
    replace_ends("line end", head, &["request line", "Host", "field", "head"], all);
    let field = "Content-Type: application/x-www-form-urlencoded\r\n";
    let line = "POST /upload?NNNNN-outer HTTP/1.1\r\n";
    let post = format!(
        "{line}{field}{CHUNKED}Host: t\r\n\r\n3\r\na=b\r\n{}0\r\nX: y\r\n\r\n",
        chunk(INNER)
    );
    let names = [
        "request line",
        "Content-Type",
        "Transfer-Encoding",
        "Host",
        "head",
        "chunk size",
        "chunk data",
        "second chunk size",
        "",
        "",
        "",
        "second chunk data",
        "last chunk size",
        "trailer",
        "body",
    ];
    replace_ends("line end", &post, &names, all);
    let length = "Content-Length: 3\r\nX: y\r\n\r\na=b";
    let post = format!("{line}Host: t\r\n{field}{length}");
    let names = ["request line", "Host", "Content-Type", "Content-Length", "field", "head"];
    replace_ends("line end", &post, &names, all);
}

/// Those without a name stay.
fn replace_ends(class: &'static str, request: &str, names: &[&str], all: &mut Vec<Variant>) {
    let pieces: Vec<&str> = request.split("\r\n").collect();
    assert_eq!(pieces.len(), names.len() + 1);
    for (at, name) in names.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
        for end in LINE_ENDS {
            let before = pieces[..=at].join("\r\n");
            let bytes = format!("{before}{end}{}", pieces[at + 1..].join("\r\n"));
            let method = &request[..4];
            let about = format!("{method}, {name}: {end}");
            all.push(Variant::new(class, about, bytes, expected_of(name, end)));
        }
    }
}

/// What two lines become that are one for the standard.
fn expected_of(name: &str, end: &str) -> &'static [&'static str] {
    match (name, end) {
        // A longer value, and what framed the content is in it.
        ("Content-Type", "" | "\\r\\n" | "\u{2028}" | "\u{85}") => ONE_AND_REFUSED,
        _ => REFUSED,
    }
}

fn trailers(all: &mut Vec<Variant>) {
    let with = |trailers: &str| format!("{}0\r\n{trailers}\r\n", chunk(INNER));
    for trailer in [
        "X: y\r\n",
        "Content-Length: 5\r\n",
        "Content-Length: +5\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Host: other\r\n",
        "Host: t\r\nHost: u\r\n",
        "Connection: close\r\n",
        "Expect: 100-continue\r\n",
        "Upgrade: h2c\r\n",
        "Trailer: Host\r\n",
        "Content-Type: x\r\n",
        "X:\r\n",
        "X: \t y \r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    ] {
        push(all, "trailer", trailer, with(trailer), ONE);
    }
    for trailer in [
        "X : y\r\n",
        " X: y\r\n",
        "\tX: y\r\n",
        "X: y\r\n z\r\n",
        "X\r\n",
        ": y\r\n",
        "X: \0\r\n",
        "X\0: y\r\n",
        "X: y\n",
        "X: y\r",
        "\n",
        "\r",
        " \r\n",
        "X: y\x0b\r\n",
        "X: y\x7f\r\n",
        "(X): y\r\n",
        "X: y\n\r\n",
        "X: y\r\n\n",
        "GET / HTTP/1.1\r\nHost: t\r\n",
        "0\r\n",
        "X\u{a0}: y\r\n",
        "X: y\r\r\n",
        "X: y\n\r",
    ] {
        push(all, "trailer", trailer, with(trailer), REFUSED);
    }
    let many = "X: y\r\n".repeat(101);
    push(all, "trailer", "101 of them", with(&many), REFUSED);
    let long = format!("X: {}\r\n", "y".repeat(20_000));
    push(all, "trailer", "20,000 bytes", with(&long), REFUSED);
    let announced = format!("{CHUNKED}Trailer: Content-Length\r\n");
    let body = with("Content-Length: 5\r\n");
    all.push(Variant::new("trailer", "announced", post(announced, &body), ONE));
    let closing = format!("{CHUNKED}Connection: close\r\n");
    all.push(Variant::new("trailer", "before the end", post(closing, &body), ONE_AND_END));
}
