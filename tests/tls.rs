//! Certificates, keys and handshakes.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair,
    PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256,
};
use support::over::Over;
use support::{PATIENCE, Server, Setup, eventually, salver, setup};
use tempfile::TempDir;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime,
};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    self, ClientConfig, ClientConnection, DigitallySignedStruct, HandshakeKind, SignatureScheme,
    StreamOwned, SupportedProtocolVersion,
};

/// Files of certificates and keys.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        // As renewal programs do: a new file takes the place of the old one.
        let new = self.path("new");
        fs::write(&new, content).unwrap();
        fs::rename(new, self.path(name)).unwrap();
        self.path(name)
    }

    /// A certificate for some names, in `NAME.pem` and `NAME.key`.
    fn certificate(&self, name: &str, names: &[&str], key: &KeyPair) -> CertificateDer<'static> {
        let certificate = params(names).self_signed(key).unwrap();
        self.write(&format!("{name}.key"), &key.serialize_pem());
        self.write(&format!("{name}.pem"), &certificate.pem());
        certificate.der().clone()
    }

    fn flags(&self, name: &str) -> [String; 3] {
        let flag = |flag: &str, end: &str| {
            format!("--ssl-{flag}={}", self.path(&format!("{name}.{end}")).display())
        };
        ["--ssl".to_owned(), flag("cert", "pem"), flag("key", "key")]
    }
}

fn params(names: &[&str]) -> CertificateParams {
    CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
}

fn key() -> KeyPair {
    KeyPair::generate().unwrap()
}

fn site(flags: &[String]) -> Setup {
    flags.iter().fold(setup().plain().file("a.txt", "hello"), |setup, flag| setup.flag(flag))
}

/// Believes everything: which certificate came is looked at afterwards.
#[derive(Debug)]
struct Credulous;

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let provider = aws_lc_rs::default_provider();
        provider.signature_verification_algorithms.supported_schemes()
    }
}

type Session = StreamOwned<ClientConnection, TcpStream>;

struct Visitor {
    versions: &'static [&'static SupportedProtocolVersion],
    protocols: Vec<Vec<u8>>,
    certificate: Option<(CertificateDer<'static>, Vec<u8>)>,
}

const OLD: &[&SupportedProtocolVersion] = &[&TLS12];
const NEW: &[&SupportedProtocolVersion] = &[&TLS13];
const BOTH: &[&SupportedProtocolVersion] = &[&TLS12, &TLS13];

impl Visitor {
    fn new() -> Self {
        Self { versions: BOTH, protocols: Vec::new(), certificate: None }
    }

    fn config(&self) -> Arc<ClientConfig> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(self.versions)
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Credulous));
        let mut config = match &self.certificate {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.clone()));
                builder.with_client_auth_cert(vec![certificate.clone()], key).unwrap()
            }
        };
        config.alpn_protocols.clone_from(&self.protocols);
        Arc::new(config)
    }

    fn visit(&self, server: &Server, name: &str) -> Result<Session, std::io::Error> {
        Self::visit_with(&self.config(), server, name)
    }

    fn visit_with(
        config: &Arc<ClientConfig>,
        server: &Server,
        name: &str,
    ) -> Result<Session, std::io::Error> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let session = ClientConnection::new(Arc::clone(config), name).unwrap();
        let stream = TcpStream::connect(server.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut session = StreamOwned::new(session, stream);
        session.conn.complete_io(&mut session.sock)?;
        Ok(session)
    }

    fn certificate(&self, server: &Server, name: &str) -> CertificateDer<'static> {
        let session = self.visit(server, name).unwrap();
        session.conn.peer_certificates().unwrap()[0].clone().into_owned()
    }
}

fn ask(session: &mut Session) -> std::io::Result<String> {
    session.write_all(b"GET /a.txt HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    session.read_to_string(&mut answer)?;
    Ok(answer)
}

fn run(flags: &[String], folder: &Path) -> Output {
    salver().args(["--port=0", "--host=127.0.0.1"]).args(flags).arg(folder).output().unwrap()
}

#[test]
fn each_kind_of_key_serves_each_version() {
    let files = Files::new();
    for (name, key) in [
        ("p256", key()),
        ("p384", KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap()),
        ("ed25519", KeyPair::generate_for(&PKCS_ED25519).unwrap()),
        ("rsa", KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap()),
    ] {
        let certificate = files.certificate(name, &["localhost"], &key);
        let server = site(&files.flags(name)).start();
        for versions in [OLD, NEW, BOTH] {
            let visitor = Visitor { versions, ..Visitor::new() };
            let mut session = visitor.visit(&server, "localhost").unwrap();
            assert_eq!(session.conn.peer_certificates().unwrap()[0], certificate, "{name}");
            let answer = ask(&mut session).unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("hello"), "{answer}");
            assert!(answer.contains("Strict-Transport-Security: max-age=31536000"), "{answer}");
        }
    }
}

#[test]
fn old_versions_are_refused_when_the_configuration_says_so() {
    let files = Files::new();
    files.certificate("a", &["localhost"], &key());
    let server = site(&files.flags("a")).flag("--ssl-min-version=1.3").start();
    let old = Visitor { versions: OLD, ..Visitor::new() };
    assert!(old.visit(&server, "localhost").is_err());
    assert!(Visitor::new().visit(&server, "localhost").is_ok());
}

/// Whether HTTP/2 is on, what a client offers, what is agreed on.
type Row<'a> = (&'a str, &'a [&'a [u8]], Option<&'a [u8]>);

#[test]
fn the_protocol_is_agreed_on() {
    let files = Files::new();
    files.certificate("a", &["localhost"], &key());
    let rows: [Row<'_>; 5] = [
        ("true", &[], None),
        ("true", &[b"http/1.1"], Some(b"http/1.1")),
        ("true", &[b"http/1.1", b"h2"], Some(b"h2")),
        ("false", &[b"h2", b"http/1.1"], Some(b"http/1.1")),
        ("true", &[b"h2"], Some(b"h2")),
    ];
    for (http2, offered, agreed) in rows {
        let server = site(&files.flags("a")).flag(&format!("--enable-http2={http2}")).start();
        let protocols = offered.iter().map(|name| name.to_vec()).collect();
        let session = Visitor { protocols, ..Visitor::new() }.visit(&server, "localhost").unwrap();
        assert_eq!(session.conn.alpn_protocol(), agreed, "{http2} {offered:?}");
    }
    let server = site(&files.flags("a")).start();
    let strange = Visitor { protocols: vec![b"spdy/1".to_vec()], ..Visitor::new() };
    assert!(strange.visit(&server, "localhost").is_err(), "RFC 7301 3.2");
}

#[test]
fn the_certificate_is_chosen_by_name() {
    let files = Files::new();
    let first = files.certificate("a", &["a.example"], &key());
    let second = files.certificate("b", &["b.example", "*.wild.example"], &key());
    let third = files.certificate("c", &["ignored.example"], &key());
    let entry = |name: &str, names: &str| {
        let path = |end: &str| files.path(&format!("{name}.{end}")).display().to_string();
        format!(r#"{{"cert": "{}", "key": "{}"{names}}}"#, path("pem"), path("key"))
    };
    let more = format!("[{}, {}]", entry("b", ""), entry("c", r#", "names": ["c.example"]"#));
    let server = site(&files.flags("a")).flag(&format!("--ssl-certificates={more}")).start();
    let visitor = Visitor::new();
    for (name, expected) in [
        ("a.example", &first),
        ("B.example", &second),
        ("x.wild.example", &second),
        ("x.y.wild.example", &first),
        ("c.example", &third),
        ("ignored.example", &first),
        ("nobody.example", &first),
        ("127.0.0.1", &first),
    ] {
        assert_eq!(visitor.certificate(&server, name), *expected, "{name}");
    }
}

#[test]
fn without_a_certificate_one_is_made_and_kept_where_it_is_not_served() {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("config.json");
    let root = home.path().join("root");
    fs::create_dir(&root).unwrap();
    fs::write(&config, "{\"document_root\": \"root\", \"enable_ssl\": true}").unwrap();
    let start = || setup().plain().flag(&format!("--config={}", config.display()));
    let server = start().start_without_root();
    let line = server.line(|line| line.contains("self-signed certificate"));
    let made = Visitor::new().certificate(&server, "localhost");
    drop(server);
    let (_, printed) = line.split_once("SHA-256 ").unwrap();
    let again = start().start_without_root();
    assert_eq!(Visitor::new().certificate(&again, "localhost"), made, "it is kept");
    assert!(again.line(|line| line.contains("self-signed")).ends_with(printed));
    let kept = home.path().join("certs/self-signed.key.pem");
    let permissions = fs::metadata(&kept).unwrap().permissions();
    assert_eq!(permissions.mode() & 0o077, 0, "nobody else reads the key");
    let mut session = Visitor::new().visit(&again, "localhost").unwrap();
    assert!(!ask(&mut session).unwrap().contains("Strict-Transport-Security"));

    // The folder of the configuration is the one that is served.
    fs::write(&config, "{\"document_root\": \".\", \"enable_ssl\": true}").unwrap();
    fs::remove_dir_all(home.path().join("certs")).unwrap();
    let server = start().start_without_root();
    assert!(Visitor::new().visit(&server, "localhost").is_ok());
    assert!(!home.path().join("certs").exists(), "never where it is served");
}

#[test]
fn a_new_certificate_is_used_and_a_broken_one_is_not() {
    let files = Files::new();
    let first = files.certificate("a", &["localhost"], &key());
    let server = site(&files.flags("a")).start();
    let visitor = Visitor::new();
    let mut early = visitor.visit(&server, "localhost").unwrap();
    assert_eq!(visitor.certificate(&server, "localhost"), first);
    files.write("a.pem", "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n");
    server.line(|line| line.contains("the certificates in use stay"));
    assert_eq!(visitor.certificate(&server, "localhost"), first);
    let second = files.certificate("a", &["localhost"], &key());
    eventually(|| (visitor.certificate(&server, "localhost") == second).then_some(()));
    assert!(ask(&mut early).unwrap().ends_with("hello"), "what is open stays open");
}

#[test]
fn who_was_let_in_without_a_certificate_is_not_served_on_where_one_is_asked_for() {
    let files = Files::new();
    files.certificate("a", &["localhost"], &key());
    let authority = params(&[]).self_signed(&key()).unwrap();
    let ca = files.write("ca.pem", &authority.pem());
    let config = |more: &str| format!(r#"{{"host": "127.0.0.1", "port": 0{more}}}"#);
    let server = site(&files.flags("a")).config(&config("")).start();
    let visitor = Visitor::new();
    let mut session = visitor.visit(&server, "localhost").unwrap();
    session.write_all(b"GET /a.txt HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
    session.read_exact(&mut [0; 15]).unwrap();
    server.reload(&config(&format!(
        r#", "ssl_client_ca": "{}", "ssl_client_auth": "required""#,
        ca.display()
    )));
    let mut rest = String::new();
    session.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("hello"), "{rest}");
}

#[test]
fn clients_show_certificates_where_they_must() {
    let files = Files::new();
    files.certificate("a", &["localhost"], &key());
    let mut authority = params(&[]);
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, key()).unwrap();
    let ca = files.write("ca.pem", &authority.pem());
    let client_key = key();
    let mut client = params(&["client"]);
    client.distinguished_name.push(DnType::CommonName, "alice");
    let client = client.signed_by(&client_key, &authority).unwrap();
    let known = Visitor {
        certificate: Some((client.der().clone(), client_key.serialize_der())),
        ..Visitor::new()
    };
    let other_key = key();
    let other = params(&["client"]).self_signed(&other_key).unwrap();
    let unknown = Visitor {
        certificate: Some((other.der().clone(), other_key.serialize_der())),
        ..Visitor::new()
    };
    let works = |visitor: &Visitor, server: &Server| {
        visitor.visit(server, "localhost").and_then(|mut session| ask(&mut session)).is_ok()
    };
    for (auth, without) in [("required", false), ("optional", true)] {
        let server = site(&files.flags("a"))
            .flag(&format!("--ssl-client-ca={}", ca.display()))
            .flag(&format!("--ssl-client-auth={auth}"))
            .flag("--access-log-format=json")
            .start();
        assert!(works(&known, &server), "{auth}");
        let line = server.line(|line| line.contains("a.txt"));
        let entry: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert!(entry["subject"].as_str().unwrap().contains("CN=alice"), "{line}");
        assert!(!works(&unknown, &server), "{auth}");
        assert_eq!(works(&Visitor::new(), &server), without, "{auth}");
        // Who comes back shows the certificate again: it may have ended since.
        let config = known.config();
        for _ in 0..2 {
            let mut session = Visitor::visit_with(&config, &server, "localhost").unwrap();
            ask(&mut session).unwrap();
            assert_eq!(session.conn.handshake_kind(), Some(HandshakeKind::Full), "{auth}");
        }
    }
}

/// `close_notify` (RFC 8446 section 6.1): without it a client has to take what came for a part.
#[test]
fn the_end_is_told_however_the_answer_goes_out() {
    let server = setup()
        .over(Over::Tls)
        .flag("--cache-max-file-size=105")
        .file("tiny", "x")
        .file("nearly-a-record", [b'x'; 16_300])
        .file("cached", vec![b'x'; 100_000])
        .file("uncached", vec![b'x'; 110_000])
        .settled("uncached")
        .start();
    for path in ["/tiny", "/nearly-a-record", "/cached"] {
        server.get(path, &[]);
    }
    let one = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n");
    let last = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
    let ranges = |path| last(path).replace("\r\n\r\n", "\r\nRange: bytes=0-9,99-109\r\n\r\n");
    for (requests, least) in [
        (last("/tiny"), 1),
        (last("/nearly-a-record"), 16_300),
        (last("/cached"), 100_000),
        (last("/uncached"), 110_000),
        (ranges("/cached"), 21),
        (ranges("/uncached"), 21),
        (one("/tiny").repeat(99) + &last("/tiny"), 100),
        (one("/cached") + &last("/tiny"), 100_001),
        (one("/uncached") + &last("/tiny"), 110_001),
        (one("/uncached") + &last("/cached"), 210_000),
        (one("/tiny") + &one("/uncached") + &last("/cached"), 210_001),
    ] {
        // Fails where the end comes without being told.
        let answer = server.raw(&requests);
        let count = answer.split(|&byte| byte == b'x').count() - 1;
        assert!(count >= least, "{count} of {least}: {requests}");
    }
}

#[test]
fn small_files_that_are_not_cached_arrive_whole_before_the_end() {
    let small = (0..20).map(|n| (format!("/{n}"), format!("<{n}>")));
    let server = small
        .clone()
        .fold(setup(), |setup, (path, content)| setup.file(&path[1..], content))
        .over(Over::Tls)
        .flag("--enable-cache=false")
        .start();
    let requests = small.clone().map(|(path, _)| {
        let close = if path == "/19" { "Connection: close\r\n" } else { "" };
        format!("GET {path} HTTP/1.1\r\nHost: t\r\n{close}\r\n")
    });
    let mut client = server.connect();
    client.send(requests.collect::<String>());
    for (_, content) in small {
        assert_eq!(client.response().text(), content);
    }
    assert_eq!(client.rest(), b"");
}

#[test]
fn plain_requests_are_told_or_sent_on() {
    let files = Files::new();
    files.certificate("a", &["localhost"], &key());
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = site(&files.flags("a")).flag(&format!("--ssl-redirect-port={free}")).start();
    let mut plain = support::Client::to(server.address);
    plain.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
    let hint = plain.response();
    assert!(hint.status == 400 && hint.text().contains("https://"), "{}", hint.text());
    let mut redirect = support::Client::to(([127, 0, 0, 1], free).into());
    redirect.send("POST /a%20b?c HTTP/1.1\r\nHost: t.example:80\r\nContent-Length: 0\r\n\r\n");
    let answer = redirect.response();
    let location = format!("https://t.example:{}/a%20b?c", server.address.port());
    assert_eq!((answer.status, answer.field("location")), (308, Some(location.as_str())));
    assert_eq!(answer.field("strict-transport-security"), None, "RFC 6797 7.2");
}

#[test]
fn what_is_wrong_with_files_is_said_in_a_line() {
    let files = Files::new();
    files.certificate("a", &["localhost"], &key());
    files.certificate("b", &["localhost"], &key());
    files.write("empty", "");
    files.write("torn", "-----BEGIN PRIVATE KEY-----\nAAAA\n");
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| files.path(name).display().to_string();
    for (cert, key, expected) in [
        ("missing", "a.key", "cannot read"),
        ("a.pem", "missing", "cannot read"),
        ("a.key", "a.key", "holds no certificate"),
        ("a.pem", "a.pem", "holds no private key"),
        ("empty", "a.key", "holds no certificate"),
        ("a.pem", "b.key", "does not belong to the certificate"),
        ("a.pem", "torn", "not a PEM file"),
    ] {
        let flags = [
            "--ssl".to_owned(),
            format!("--ssl-cert={}", path(cert)),
            format!("--ssl-key={}", path(key)),
        ];
        let output = run(&flags, root.path());
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains(expected), "{cert} {key}: {said}");
    }
}

#[test]
fn a_certificate_out_of_its_time_is_served_with_a_warning() {
    let files = Files::new();
    for (years, word) in [((2001, 2002), "expired"), ((2090, 2091), "not valid before")] {
        let key = key();
        let mut params = params(&["localhost"]);
        params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
        files.write("a.key", &key.serialize_pem());
        files.write("a.pem", &params.self_signed(&key).unwrap().pem());
        let mut flags = files.flags("a").to_vec();
        // Told before the greeting, from which the address is read.
        let log = files.path(word);
        flags.push(format!("--log-file={}", log.display()));
        let server = site(&flags).start();
        assert!(Visitor::new().visit(&server, "localhost").is_ok());
        eventually(|| fs::read_to_string(&log).unwrap().contains(word).then_some(()));
    }
}

#[test]
#[ignore = "needs openssl"]
fn keys_are_read_in_every_form() {
    let files = Files::new();
    let openssl = |arguments: &str| {
        let done = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(files.0.path())
            .output()
            .expect("openssl runs");
        assert!(done.status.success(), "{arguments}: {}", String::from_utf8_lossy(&done.stderr));
    };
    openssl("genrsa -traditional -out pkcs1.key 2048");
    openssl("ecparam -name prime256v1 -genkey -noout -out sec1.key");
    openssl("pkcs8 -topk8 -nocrypt -in sec1.key -out pkcs8.key");
    openssl("pkcs8 -topk8 -passout pass:secret -in sec1.key -out encrypted.key");
    openssl(
        "pkcs8 -topk8 -passout pass:secret -in pkcs1.key -out encrypted-rsa.key -v2 aes-128-cbc",
    );
    openssl("ec -aes128 -passout pass:secret -in sec1.key -out old.key");
    for (name, password, expected) in [
        ("pkcs1", None, Ok(())),
        ("sec1", None, Ok(())),
        ("pkcs8", None, Ok(())),
        ("encrypted", Some("secret"), Ok(())),
        ("encrypted-rsa", Some("secret"), Ok(())),
        ("encrypted", Some("wrong"), Err("not the password")),
        ("encrypted", None, Err("SALVER_SSL_PASSWORD")),
        ("old", Some("secret"), Err("openssl pkcs8 -topk8")),
    ] {
        let pass = if name.starts_with("encrypted") || name == "old" {
            " -passin pass:secret"
        } else {
            ""
        };
        openssl(&format!(
            "req -x509 -key {name}.key -subj /CN=localhost -days 2 -out {name}.pem{pass}"
        ));
        let mut flags = files.flags(name).to_vec();
        flags.extend(password.map(|password| format!("--ssl-password={password}")));
        match expected {
            Ok(()) => {
                let server = site(&flags).start();
                assert!(Visitor::new().visit(&server, "localhost").is_ok(), "{name}");
            }
            Err(part) => {
                let empty = tempfile::tempdir().unwrap();
                let said = String::from_utf8(run(&flags, empty.path()).stderr).unwrap();
                assert!(said.contains(part) && !said.contains("wrong"), "{name}: {said}");
            }
        }
    }
}
