use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::UNIX_EPOCH;

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn entry() -> Entry<'static> {
    Entry {
        client: Ipv4Addr::new(192, 0, 2, 7).into(),
        time: UNIX_EPOCH + Duration::from_millis(971_186_136_042),
        method: Some("GET"),
        target: b"/x?y=1",
        protocol: "HTTP/1.1",
        status: 200,
        bytes_out: 2326,
        bytes_in: 12,
        referer: Some(b"http://example.org/"),
        user_agent: Some(b"curl/8.0"),
        host: Some(b"localhost:8000"),
        duration: Some(Duration::from_micros(1_234)),
        request_id: RequestId::Made(0xabc),
        cache: Some("hit"),
        subject: Some("CN=alice"),
    }
}

fn line(format: AccessLogFormat, entry: &Entry<'_>) -> String {
    let mut out = b"before\n".to_vec();
    Formatter::new(format).write(entry, &mut out);
    let text = String::from_utf8(out).expect("a line is text");
    text.strip_prefix("before\n").expect("appended").to_owned()
}

fn json(entry: &Entry<'_>) -> Value {
    serde_json::from_str(&line(AccessLogFormat::Json, entry)).expect("valid JSON")
}

#[test]
fn common_and_combined_are_written_as_log_tools_read_them() {
    const START: &str = "192.0.2.7 - - [10/Oct/2000:13:55:36 +0000]";
    let full = entry();
    let bare = Entry {
        method: Some("HEAD"),
        status: 304,
        bytes_out: 0,
        referer: None,
        user_agent: Some(b""),
        ..full
    };
    let unread = Entry { method: None, target: b"", status: 400, ..bare };
    let rows = [
        (full, r#""GET /x?y=1 HTTP/1.1" 200 2326"#, r#""http://example.org/" "curl/8.0""#),
        (bare, r#""HEAD /x?y=1 HTTP/1.1" 304 -"#, r#""-" "-""#),
        (unread, r#""-" 400 -"#, r#""-" "-""#),
    ];
    for (entry, common, rest) in rows {
        assert_eq!(line(AccessLogFormat::Common, &entry), format!("{START} {common}\n"));
        assert_eq!(line(AccessLogFormat::Combined, &entry), format!("{START} {common} {rest}\n"));
    }
}

#[test]
fn json_has_every_key_with_its_unit() {
    assert_eq!(
        line(AccessLogFormat::Json, &entry()),
        concat!(
            r#"{"time":"2000-10-10T13:55:36.042Z","client":"192.0.2.7","method":"GET","#,
            r#""host":"localhost:8000","target":"/x?y=1","protocol":"HTTP/1.1","status":200,"#,
            r#""bytes_in":12,"bytes_out":2326,"duration_ms":1.234,"#,
            r#""referer":"http://example.org/","user_agent":"curl/8.0","cache":"hit","#,
            r#""subject":"CN=alice","request_id":"0000000000000abc"}"#,
            "\n"
        )
    );
}

#[test]
fn json_keeps_the_keys_of_what_is_unknown() {
    let unread = Entry {
        method: None,
        referer: None,
        user_agent: None,
        host: None,
        duration: None,
        request_id: RequestId::Made(0),
        cache: None,
        subject: None,
        ..entry()
    };
    let (known, unknown) = (json(&entry()), json(&unread));
    let keys = |value: &Value| -> Vec<String> {
        value.as_object().expect("an object").keys().cloned().collect()
    };
    assert_eq!(keys(&known), keys(&unknown));
    let nulls = ["method", "host", "target", "protocol", "duration_ms", "referer"];
    for key in nulls.into_iter().chain(["user_agent", "cache", "subject"]) {
        assert!(unknown[key].is_null(), "{key}");
        assert!(!known[key].is_null(), "{key}");
    }
}

#[test]
fn a_request_goes_by_the_name_it_was_given_if_that_is_one() {
    for (given, is_name) in [
        (&b"7b1f4b0e-6f0a-4f7e-8f61-7c3e7e9d0a11"[..], true),
        (b"Root=1-67891233-abcdef012345678912345678", true),
        (&[b'x'; 128], true),
        (&[b'x'; 129], false),
        (b"", false),
        (b"a b", false),
        (b"a\"", false),
        (b"a\n", false),
        ("\u{e9}".as_bytes(), false),
    ] {
        let id = RequestId::given(given);
        assert_eq!(id.is_some(), is_name, "{}", given.escape_ascii());
        let entry = Entry { request_id: id.unwrap_or(RequestId::Made(1)), ..entry() };
        let shown = if is_name { given } else { b"0000000000000001" };
        assert_eq!(json(&entry)["request_id"].as_str().map(str::as_bytes), Some(shown));
    }
}

#[test]
fn no_line_is_longer_than_log_tools_read() {
    for odd in [&b"x"[..], b"\"", b"x\"", b"xx\"", b"xxx\""] {
        let long: Vec<u8> = odd.iter().copied().cycle().take(60_000).collect();
        let client = IpAddr::from(Ipv6Addr::from([0xffff; 8]));
        let entry = Entry {
            client,
            target: &long,
            referer: Some(&long),
            user_agent: Some(&long),
            bytes_out: u64::MAX,
            ..entry()
        };
        let written = line(AccessLogFormat::Combined, &entry);
        assert!(written.len() <= 4095, "{}", written.len());
        assert!(written.len() > 3700, "{}", written.len());
        let is_whole = |text: &str| {
            text.split("\\x").skip(1).all(|rest| rest.starts_with("22"))
                && text.matches('\\').count() == text.matches("\\x22").count()
        };
        assert!(is_whole(&written) && written.matches("...").count() == 3);
    }
    let just = vec![b'x'; 2000];
    let entry = Entry { target: &just, ..entry() };
    assert!(!line(AccessLogFormat::Combined, &entry).contains("..."));
}

#[test]
fn addresses_are_written_plainly() {
    let rows: [(IpAddr, &str); 4] = [
        (Ipv4Addr::new(1, 20, 255, 0).into(), "1.20.255.0"),
        (Ipv6Addr::LOCALHOST.into(), "::1"),
        ("2001:db8::1".parse().expect("an address"), "2001:db8::1"),
        (Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped().into(), "10.0.0.1"),
    ];
    for (client, text) in rows {
        let entry = Entry { client, ..entry() };
        let written = line(AccessLogFormat::Common, &entry);
        assert_eq!(written.split(' ').next(), Some(text));
        assert_eq!(json(&entry)["client"], text);
    }
}

#[test]
fn attempts_to_forge_a_line_stay_inside_their_quotes() {
    let forged = b"/\" 200 1\r\n10.0.0.1 - - \x1b[2J\\\"";
    let entry = Entry {
        target: forged,
        user_agent: Some(forged),
        referer: Some("\u{9b}31m\u{2028}é".as_bytes()),
        ..entry()
    };
    let escaped = r"/\x22 200 1\x0D\x0A10.0.0.1 - - \x1B[2J\x5C\x22";
    assert_eq!(
        line(AccessLogFormat::Combined, &entry),
        format!(
            "192.0.2.7 - - [10/Oct/2000:13:55:36 +0000] \"GET {escaped} HTTP/1.1\" 200 2326 \
             \"\\xC2\\x9B31m\\xE2\\x80\\xA8\\xC3\\xA9\" \"{escaped}\"\n"
        )
    );
    let text = line(AccessLogFormat::Json, &entry);
    assert!(text.contains(r#""referer":"\u009b31m\u2028\u00e9""#), "{text}");
    assert!(text.contains(r#""target":"/\" 200 1\r\n10.0.0.1 - - \u001b[2J\\\"""#), "{text}");
}

/// What was written as `\xHH`, as bytes again.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = text.bytes();
    let mut out = Vec::new();
    while let Some(byte) = bytes.next() {
        if byte == b'\\' {
            assert_eq!(bytes.next(), Some(b'x'));
            let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
            let digits = str::from_utf8(&digits).unwrap();
            out.push(u8::from_str_radix(digits, 16).unwrap());
        } else {
            out.push(byte);
        }
    }
    out
}

/// The target and the user agent of a combined line.
fn target_and_agent(line: &str) -> (Vec<u8>, Vec<u8>) {
    let quoted: Vec<&str> = line.split('"').collect();
    assert_eq!(quoted.len(), 7, "three pairs of quotes in {line}");
    let target = quoted[1].strip_prefix("GET ").expect("the method");
    let target = target.strip_suffix(" HTTP/1.1").expect("the protocol");
    (unescape(target), unescape(quoted[5]))
}

#[test]
fn every_byte_comes_back() {
    for byte in 0..=u8::MAX {
        let value = [b'a', byte, b'b'];
        let entry = Entry { target: &value, user_agent: Some(&value), ..entry() };
        let text = line(AccessLogFormat::Combined, &entry);
        assert!(text.trim_end_matches('\n').bytes().all(|b| (b' '..=b'~').contains(&b)));
        assert_eq!(target_and_agent(&text), (value.to_vec(), value.to_vec()));
        let lossy = String::from_utf8_lossy(&value);
        let read = json(&entry);
        assert_eq!(read["target"], *lossy);
        assert_eq!(read["user_agent"], *lossy);
    }
}

fn field() -> impl Strategy<Value = Option<Vec<u8>>> {
    proptest::option::of(proptest::collection::vec(any::<u8>(), 0..80))
}

proptest! {
    #[test]
    fn an_entry_is_one_line_of_plain_text(
        target in proptest::collection::vec(any::<u8>(), 0..200),
        method in proptest::option::of(".{0,8}"),
        protocol in ".{0,8}",
        (referer, user_agent, host) in (field(), field(), field()),
        (status, bytes_in, bytes_out) in (any::<u16>(), any::<u64>(), any::<u64>()),
        duration in proptest::option::of(any::<Duration>()),
        (number, name) in (any::<u64>(), proptest::collection::vec(any::<u8>(), 0..9)),
        client in any::<IpAddr>(),
        time in any::<SystemTime>(),
    ) {
        let entry = Entry {
            client, time, method: method.as_deref(), target: &target, protocol: &protocol,
            status, bytes_out, bytes_in, referer: referer.as_deref(),
            user_agent: user_agent.as_deref(), host: host.as_deref(), duration,
            request_id: RequestId::given(&name).unwrap_or(RequestId::Made(number)),
            cache: None,
            subject: method.as_deref(),
        };
        for format in [AccessLogFormat::Common, AccessLogFormat::Combined, AccessLogFormat::Json] {
            let text = line(format, &entry);
            let body = text.strip_suffix('\n').expect("ends with a line feed");
            prop_assert!(body.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{body}");
        }
        let read = json(&entry);
        prop_assert_eq!(read["status"].as_u64(), Some(u64::from(status)));
        prop_assert_eq!(read["bytes_out"].as_u64(), Some(bytes_out));
        prop_assert_eq!(read["bytes_in"].as_u64(), Some(bytes_in));
        prop_assert_eq!(read["user_agent"].as_str().map(str::to_owned),
            user_agent.map(|value| String::from_utf8_lossy(&value).into_owned()));
    }
}
