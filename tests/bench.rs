//! `salver bench`: what it counts, whatever answers, and how it ends.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use support::over::Over;
use support::{PATIENCE, Server, eventually, salver, setup};

fn bench(arguments: &[&str]) -> Output {
    // Where nothing vouches for anybody, whatever this machine believes.
    let mut command = salver();
    command
        .arg("bench")
        .args(arguments)
        .env("SSL_CERT_FILE", "/dev/null")
        .env_remove("NO_COLOR")
        .env_remove("TERM");
    command.stdin(Stdio::null()).output().expect("the binary runs")
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// The JSON of a run that ends with this exit status.
fn report_of(code: i32, url: &str, arguments: &[&str]) -> Value {
    let output = bench(&[&["--json", url], arguments].concat());
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", said(&output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn report(url: &str, arguments: &[&str]) -> Value {
    report_of(0, url, arguments)
}

fn number(report: &Value, name: &str) -> u64 {
    report[name].as_u64().unwrap_or_else(|| panic!("{name} in {report}"))
}

fn errors(report: &Value) -> u64 {
    report["errors"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum()
}

fn digits(over: Over) -> Server {
    setup().over(over).flag("--enable-server-status").file("a.txt", "0123456789").start()
}

fn url(server: &Server, path: &str) -> String {
    format!("http://{}{path}", server.address)
}

/// What the server itself has counted, once it is that much.
fn counted(server: &Server, requests: u64) {
    eventually(|| {
        let json = server.get("/server-status?format=json", &[]).body;
        let status: Value = serde_json::from_slice(&json).unwrap();
        let total = number(&status["requests"], "total");
        assert!(total <= requests, "{total} requests arrived, and {requests} were counted");
        (total == requests).then_some(())
    });
}

/// A server of the test's own: each connection is for `serve`, with its number.
fn stand_in(serve: impl Fn(usize, TcpStream) -> io::Result<()> + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let serve = std::sync::Arc::new(serve);
    thread::spawn(move || {
        for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
            let serve = std::sync::Arc::clone(&serve);
            // A client that leaves is no concern of the server's.
            thread::spawn(move || serve(number, stream));
        }
    });
    format!("http://{address}/")
}

/// The head of the next request; nothing at the end.
fn head(stream: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head)? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(head))
}

/// A server that gives these answers in turn on each connection; one that says so closes it.
fn answering(answers: &'static [&'static str]) -> String {
    stand_in(move |_, mut stream| {
        let mut requests = BufReader::new(stream.try_clone()?);
        for answer in answers.iter().cycle() {
            if head(&mut requests)?.is_none() {
                break;
            }
            stream.write_all(answer.as_bytes())?;
            if !answer.contains("ength: ")
                && !answer.contains("chunked")
                && !answer.contains(" 304 ")
            {
                break;
            }
        }
        Ok(())
    })
}

#[test]
fn each_request_is_counted_once_however_it_is_sent() {
    for arguments in [
        &["-c", "7"][..],
        &["-c", "1", "--threads", "1"],
        &["--no-keep-alive", "-c", "5"],
        &["--pipeline", "8"],
        &["--http2", "-c", "3", "--streams", "4"],
        &["--http2", "-c", "3", "--no-keep-alive"],
        &["--rate", "2000", "-c", "4"],
        &["-H", "Connection: close"],
    ] {
        let server = digits(Over::Plain);
        let report = report(&url(&server, "/a.txt"), &[&["-n", "301"], arguments].concat());
        assert_eq!(number(&report, "requests"), 301, "{arguments:?}: {report}");
        assert_eq!(report["statuses"], serde_json::json!({ "200": 301 }), "{arguments:?}");
        assert_eq!(
            (number(&report, "bytes"), errors(&report)),
            (3010, 0),
            "{arguments:?}: {report}"
        );
        let bars = report["histogram"].as_array().unwrap();
        let in_bars: u64 = bars.iter().map(|bar| number(bar, "count")).sum();
        assert_eq!(in_bars, 301, "{arguments:?}: {report}");
        counted(&server, 301);
    }
}

#[test]
fn it_speaks_tls_and_believes_whom_it_is_told_to() {
    let server = digits(Over::Tls);
    let url = format!("https://localhost:{}/a.txt", server.address.port());
    let certificate = server.root.parent().unwrap().join("cert.pem");
    let certificate = certificate.to_str().unwrap();
    for arguments in [
        &["-k"][..],
        &["--cacert", certificate],
        &["-k", "--http2", "--streams", "3"],
        &[
            "-k",
            "--no-keep-alive",
            "--tls-cipher",
            "TLS13_AES_128_GCM_SHA256",
            "--tls-group",
            "x25519",
        ],
    ] {
        let report = report(&url, &[&["-n", "40", "-c", "4"], arguments].concat());
        assert_eq!((number(&report, "requests"), number(&report, "bytes")), (40, 400), "{report}");
    }
    let output = bench(&["-n", "40", &url]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("its certificate is not trusted"), "{}", said(&output));
    let output = bench(&["-n", "40", "-k", "--tls-cipher", "none", &url]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("'none' is not known; there are TLS13_"), "{}", said(&output));
    let plain = digits(Over::Plain);
    let output = bench(&["-n", "1", "-k", &format!("https://{}/", plain.address)]);
    assert!(said(&output).contains("no agreement on TLS"), "{}", said(&output));
}

#[test]
fn answers_end_where_they_say() {
    let every_framing = answering(&[
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
        "HTTP/1.1 200 OK\r\n\r\nuntil the end",
    ]);
    let report = report(&every_framing, &["-n", "25", "-c", "1"]);
    assert_eq!(report["statuses"], serde_json::json!({ "200": 15, "304": 5, "404": 5 }));
    assert_eq!((number(&report, "bytes"), errors(&report)), (5 * (3 + 4 + 2 + 13), 0), "{report}");
    // The last answer closes, too, and it may have connected once more when all was asked.
    assert!((5..=6).contains(&number(&report, "connections_opened")), "{report}");
}

#[test]
fn what_has_no_content_has_none() {
    let server = digits(Over::Plain);
    let url = url(&server, "/a.txt");
    let head = report(&url, &["-n", "20", "-c", "1", "-m", "HEAD"]);
    assert_eq!((number(&head, "bytes"), number(&head, "connections_opened")), (0, 1));
    let known = report(&url, &["-n", "20", "-c", "1", "-H", "If-None-Match: *"]);
    assert_eq!(known["statuses"], serde_json::json!({ "304": 20 }));
    let part = report(&url, &["-n", "20", "-c", "2", "-H", "Range: bytes=2-4"]);
    assert_eq!((number(&part, "bytes"), &part["statuses"]["206"]), (60, &Value::from(20)));
}

#[test]
fn a_list_of_urls_is_asked_for_in_turn() {
    let server = setup().plain().file("a", "1").file("b", "22").file("c", "333").start();
    let list = server.root.join("list");
    fs::write(&list, "# three\n/a\nb\n\n/c\n").unwrap();
    let list = list.to_str().unwrap();
    for more in [&["-c", "1"][..], &["-c", "5"], &["-c", "2", "--http2"]] {
        let report = report(&url(&server, "/"), &[&["-n", "30", "--urls", list], more].concat());
        assert_eq!((number(&report, "bytes"), number(&report, "requests")), (60, 30), "{more:?}");
    }
}

#[test]
fn content_and_fields_are_sent_as_given() {
    let (sender, requests): (_, Receiver<String>) = mpsc::channel();
    let url = stand_in(move |_, mut stream| {
        let mut input = BufReader::new(stream.try_clone()?);
        while let Some(head) = head(&mut input)? {
            let mut body = [0; 5];
            io::Read::read_exact(&mut input, &mut body)?;
            let _ = sender.send(head + &String::from_utf8_lossy(&body));
            stream.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")?;
        }
        Ok(())
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("body");
    fs::write(&file, "hello").unwrap();
    let from_file = format!("@{}", file.display());
    for (arguments, line) in
        [(["-b", "hello", "-H"], "POST "), (["-b", &from_file, "-mPUT"], "PUT ")]
    {
        let field: &[&str] = if line == "POST " { &["X-Key: a:b"] } else { &["-H", "X-Key: a:b"] };
        report(&url, &[&["-n", "2", "-c", "1"], &arguments[..], field].concat());
        for _ in 0..2 {
            let request = requests.recv_timeout(PATIENCE).unwrap();
            assert!(request.starts_with(line) && request.ends_with("\r\n\r\nhello"), "{request}");
            assert!(
                request.contains("\r\nx-key: a:b\r\n")
                    && request.contains("\r\ncontent-length: 5\r\n")
            );
        }
    }
}

#[test]
fn answers_that_are_cut_are_errors_and_the_others_are_not() {
    let half = stand_in(|number, mut stream| {
        let mut requests = BufReader::new(stream.try_clone()?);
        while head(&mut requests)?.is_some() {
            let answer: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfour";
            // The first connection is only tried.
            let end = if number % 2 == 1 { answer.len() } else { answer.len() - 2 };
            stream.write_all(&answer[..end])?;
            if number.is_multiple_of(2) {
                break;
            }
        }
        Ok(())
    });
    let cut = report(&half, &["-n", "10", "-c", "1", "--no-keep-alive"]);
    assert_eq!((number(&cut, "requests"), number(&cut["errors"], "read")), (5, 5), "{cut}");
    assert_eq!((errors(&cut), cut["error_rate"].as_f64()), (5, Some(0.5)), "{cut}");
    assert!(cut["error_reasons"]["read"].as_str().unwrap().contains("closed before"), "{cut}");
    report_of(3, &half, &["-n", "10", "-c", "1", "--no-keep-alive", "--fail-if", "error-rate>1%"]);
}

#[test]
fn what_is_no_http_is_told() {
    let other = stand_in(|_, mut stream| stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n"));
    let output = bench(&["-n", "3", "-c", "1", &other]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("no answer (protocol: no HTTP/1.1"), "{}", said(&output));
    assert!(text(&output).contains("Errors     protocol 3"), "{}", text(&output));
    let output = bench(&["-n", "3", "-c", "1", "--http2", &other]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
}

#[test]
fn what_was_sent_behind_the_last_answer_is_asked_again() {
    for how in [&["--pipeline", "8"][..], &["--http2", "--streams", "8"]] {
        let server =
            setup().plain().flag("--keep-alive-requests=3").file("a.txt", "0123456789").start();
        let report = report(&url(&server, "/a.txt"), &[&["-n", "100", "-c", "2"], how].concat());
        assert_eq!((number(&report, "requests"), errors(&report)), (100, 0), "{how:?}: {report}");
        assert!(number(&report, "connections_opened") > 2, "{how:?}: {report}");
        counted(&server, 100);
    }
}

#[test]
fn requests_that_were_due_while_the_server_stalled_have_waited() {
    const STALL: Duration = Duration::from_millis(600);
    // 300 are due in 1.5 s; the 60th is answered late, and so are those due behind it.
    let url = stand_in(|_, mut stream| {
        let mut requests = BufReader::new(stream.try_clone()?);
        for number in 0.. {
            if head(&mut requests)?.is_none() {
                break;
            }
            if number == 60 {
                thread::sleep(STALL);
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")?;
        }
        Ok(())
    });
    let open = report(&url, &["-n", "300", "--rate", "200", "-c", "1"]);
    assert_eq!((number(&open, "requests"), errors(&open)), (300, 0));
    let times = &open["latency_seconds"];
    // Of the 120 that were due in the stall, 80 were when a third of it or more was to come.
    assert!(times["p75"].as_f64().unwrap() > STALL.as_secs_f64() / 3.0, "{open}");
    assert!(times["max"].as_f64().unwrap() >= STALL.as_secs_f64() * 0.99, "{open}");
    // Who asks one thing after the other sees a single late answer.
    let closed = report(&url, &["-n", "300", "-c", "1"]);
    assert_eq!(number(&closed["load"], "requests"), 300);
    assert!(closed["latency_seconds"]["max"].as_f64().unwrap() >= STALL.as_secs_f64() * 0.99);
}

#[test]
fn requests_that_are_never_answered_have_waited_until_the_end() {
    let silent = stand_in(|_, mut stream| io::copy(&mut stream, &mut io::sink()).map(|_| ()));
    let open = report_of(1, &silent, &["-d", "500ms", "--rate", "100", "-c", "2"]);
    assert_eq!((number(&open, "requests"), number(&open, "unanswered")), (0, 50), "{open}");
    assert!(open["longest_unanswered_seconds"].as_f64().unwrap() >= 0.49, "{open}");
    let times = &open["latency_seconds"];
    assert!(
        times["p50"].as_f64().unwrap() > 0.2 && times["max"].as_f64().unwrap() > 0.48,
        "{open}"
    );

    let closed = report_of(1, &silent, &["-d", "300ms", "-c", "2"]);
    assert_eq!((number(&closed, "unanswered"), errors(&closed)), (2, 0), "{closed}");
    assert_eq!(closed["latency_seconds"], Value::Null);

    let late = report_of(1, &silent, &["-n", "3", "-c", "1", "--timeout", "100ms"]);
    assert_eq!((errors(&late), number(&late["errors"], "timeout")), (3, 3), "{late}");
}

#[test]
fn a_server_that_does_not_speak_http2_is_not_measured() {
    let old = stand_in(|_, mut stream| {
        let _ = stream.read(&mut [0; 100])?;
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    });
    let output = bench(&["--http2", "-n", "3", &old]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("does not speak HTTP/2"), "{}", said(&output));
    let silent = stand_in(|_, mut stream| io::copy(&mut stream, &mut io::sink()).map(|_| ()));
    let output = bench(&["--http2", "-n", "3", "--timeout", "100ms", &silent]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("no answer within"), "{}", said(&output));
}

/// A server that speaks HTTP/2 with these settings, and refuses each request.
fn refusing(streams: u32) -> String {
    stand_in(move |_, stream| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            stream.set_nonblocking(true)?;
            let stream = tokio::net::TcpStream::from_std(stream)?;
            let mut builder = h2::server::Builder::new();
            let shaken =
                builder.max_concurrent_streams(streams).handshake::<_, bytes::Bytes>(stream);
            let mut connection = shaken.await.map_err(io::Error::other)?;
            while let Some(request) = connection.accept().await {
                let (_, mut respond) = request.map_err(io::Error::other)?;
                respond.send_reset(h2::Reason::REFUSED_STREAM);
            }
            Ok(())
        })
    })
}

#[test]
fn a_server_that_takes_no_request_does_not_keep_it_asking() {
    for streams in [0, 100] {
        let server = refusing(streams);
        let report =
            report_of(1, &server, &["--http2", "-n", "3", "-c", "2", "--timeout", "200ms"]);
        assert_eq!((number(&report, "requests"), errors(&report)), (0, 3), "{streams}: {report}");
    }
}

#[test]
fn the_exit_status_counts_also_when_nobody_reads_to_the_end() {
    let server = digits(Over::Plain);
    let mut command = salver();
    command.args(["bench", "-n", "5", "--fail-if", "rps>0", "--json", &url(&server, "/a.txt")]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
}

#[test]
fn for_the_last_request_there_is_no_further_connection() {
    let closing = stand_in(|_, mut stream| {
        let _ = stream.read(&mut [0; 1000])?;
        stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
    });
    for paced in [&[][..], &["--rate", "1000"]] {
        let report = report(&closing, &[&["-n", "5", "-c", "1"], paced].concat());
        assert_eq!((number(&report, "requests"), number(&report, "connections_opened")), (5, 5));
    }
}

#[test]
fn a_server_that_is_down_is_not_hammered() {
    let closing = stand_in(|_, _| Ok(()));
    let report = report_of(1, &closing, &["-d", "1s", "-c", "1"]);
    // 20, 40, 80, 160, 320 and 640 ms lie between them.
    let opened = number(&report, "connections_opened");
    assert!((1..=7).contains(&opened), "{report}");
    assert!(errors(&report) <= opened && number(&report, "requests") == 0, "{report}");
}

#[test]
fn warming_up_does_not_count() {
    let server = digits(Over::Plain);
    let url = url(&server, "/a.txt");
    let report = report(&url, &["-n", "50", "-c", "2", "--warmup", "200ms"]);
    assert_eq!(number(&report, "requests"), 50, "{report}");
    // Each connection may have asked before, and got its answer when it counts.
    assert!((500..=520).contains(&number(&report, "bytes")), "{report}");
    let json = server.get("/server-status?format=json", &[]).body;
    let status: Value = serde_json::from_slice(&json).unwrap();
    assert!(number(&status["requests"], "total") > 50, "{status}");
}

#[test]
fn figures_are_shown_beside_those_of_an_earlier_run() {
    let server = digits(Over::Plain);
    let url = url(&server, "/a.txt");
    let earlier = bench(&["-n", "50", "-c", "2", "--json", &url]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("earlier.json");
    fs::write(&file, &earlier.stdout).unwrap();
    let file = file.to_str().unwrap();
    let before: Value = serde_json::from_slice(&earlier.stdout).unwrap();

    let now = report(&url, &["-n", "60", "-c", "2", "--baseline", file]);
    let rps = &now["baseline"]["figures"]["rps"];
    assert_eq!(rps["before"], before["requests_per_second"]);
    assert_eq!(rps["now"], now["requests_per_second"]);
    assert!(now["baseline"]["figures"]["p99.9"]["ratio"].as_f64().unwrap() > 0.0);
    let shown = text(&bench(&["-n", "60", "-c", "2", "--baseline", file, &url]));
    assert!(shown.contains("\nBaseline") && shown.contains("\n  p99.9  "), "{shown}");
    assert!(shown.contains("Not the same was asked then (duration)"), "{shown}");

    let output = bench(&["-n", "50", "-c", "2", "--baseline", file, "--fail-if", "rps>0%", &url]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(said(&output).starts_with("salver: rps is "), "{}", said(&output));
    fs::write(folder.path().join("other"), "{}").unwrap();
    let other = folder.path().join("other");
    let output = bench(&["--baseline", other.to_str().unwrap(), &url]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
}

#[test]
fn conditions_decide_how_it_ends() {
    let server = digits(Over::Plain);
    let there = url(&server, "/a.txt");
    let fine = bench(&["-n", "20", "--fail-if", "p99>20s", "--fail-if", "errors>0", &there]);
    assert_eq!(fine.status.code(), Some(0), "{}", said(&fine));
    assert!(text(&fine).contains("Statuses   200 20\n"), "{}", text(&fine));
    assert!(fine.stderr.is_empty());

    let missing = url(&server, "/nothing");
    let output = bench(&[
        "-n",
        "20",
        "--fail-if",
        "non-2xx>0%",
        "--fail-if",
        "rps>=0",
        "--fail-if",
        "max>9h",
        &missing,
    ]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    let output = bench(&["-n", "20", "--fail-if", "non-2xx>0%", "--fail-if", "rps>=0", &missing]);
    assert_eq!(output.status.code(), Some(3));
    let lines: Vec<_> = said(&output).lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(lines[0], "salver: non-2xx is 100.00 %, which is > 0.00 %");
    assert!(
        text(&output).contains("100.0 % of the answers are neither 2xx nor 304"),
        "{}",
        text(&output)
    );
}

#[test]
fn wrong_usage_and_nobody_there_are_told_in_a_line() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = bench(&["-n", "1", &free.to_string()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("nothing listens there"), "{}", said(&output));
    let here = "127.0.0.1:1";
    for (arguments, reason) in [
        (&[][..], "<URL>"),
        (&[here, "-n", "1", "-d", "1s"], "cannot be used with"),
        (&[here, "-d", "soon"], "takes a time"),
        (&[here, "--streams", "2"], "--http2"),
        (&[here, "--pipeline", "2", "--no-keep-alive"], "need one that is kept"),
        (&[here, "--rate", "0"], "takes requests a second"),
        (&[here, "-H", "nothing"], "'nothing' is no header"),
        (&[here, "-m", "A B"], "'A B' is no method"),
        (&[here, "--fail-if", "p99"], "--fail-if 'p99': there is no > or <"),
        (&[here, "--fail-if", "p99>110%"], "needs --baseline"),
        (&[here, "--body", "@/nonexistent"], "/nonexistent: "),
        (&[here, "--cacert", "/dev/null"], "there is no certificate in it"),
        (&["ftp://a"], "only http and https"),
    ] {
        let output = bench(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", said(&output));
        assert!(said(&output).contains(reason), "{arguments:?}: {}", said(&output));
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_signal_ends_it_with_what_there_is() {
    let server = digits(Over::Plain);
    let mut command = salver();
    command.args(["bench", "-d", "1h", "-c", "2", "--json", &url(&server, "/a.txt")]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    eventually(|| {
        let json = server.get("/server-status?format=json", &[]).body;
        let status: Value = serde_json::from_slice(&json).unwrap();
        (number(&status["requests"], "total") > 100).then_some(())
    });
    let id = child.id().to_string();
    assert!(
        std::process::Command::new("kill").args(["-s", "INT", &id]).status().unwrap().success()
    );
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(number(&report, "requests") > 100 && errors(&report) == 0, "{report}");
}
