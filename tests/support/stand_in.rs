//! Servers that say what a test wants, and a terminal to say it to.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::salver;

/// A server that says these to those who ask, one after the other, the last again and again, and
/// closes. The heads of requests come out of it.
pub fn stand_in(answers: Vec<Vec<u8>>) -> (SocketAddr, mpsc::Receiver<String>) {
    serve(
        answers,
        |stream| stream,
        |stream| {
            let _ = stream.shutdown(Shutdown::Write);
            // With something unread it would take back what it said.
            thread::spawn(move || io::copy(&mut &stream, &mut io::sink()));
        },
    )
}

/// The same over TLS, with a certificate that nobody vouches for.
pub fn secure_stand_in(answers: Vec<Vec<u8>>) -> SocketAddr {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    secure_stand_in_with(&own.cert, &own.signing_key, answers)
}

/// The same with that certificate.
pub fn secure_stand_in_with(
    own: &rcgen::Certificate,
    key: &rcgen::KeyPair,
    answers: Vec<Vec<u8>>,
) -> SocketAddr {
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![own.der().clone()], key);
    let config = Arc::new(config.expect("a configuration"));
    let wrap = move |stream| {
        let session = ServerConnection::new(Arc::clone(&config)).expect("a session");
        StreamOwned::new(session, stream)
    };
    serve(answers, wrap, drop).0
}

/// A server that says this to those who ask, and then nothing more.
pub fn stalling(answer: Vec<u8>) -> SocketAddr {
    let streams = Mutex::new(Vec::new());
    let hold = move |stream| streams.lock().expect("a list").push(stream);
    serve(vec![answer], |stream| stream, hold).0
}

fn serve<S: Read + Write>(
    answers: Vec<Vec<u8>>,
    wrap: impl Fn(TcpStream) -> S + Send + 'static,
    close: impl Fn(S) + Send + 'static,
) -> (SocketAddr, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let (sender, heads) = mpsc::channel();
    thread::spawn(move || {
        let mut answers = answers.into_iter();
        let mut answer = Vec::new();
        for stream in listener.incoming().map_while(Result::ok) {
            let mut stream = wrap(stream);
            let Ok(head) = head_of(&mut stream) else { continue };
            if let Some(next) = answers.next() {
                answer = next;
            }
            let _ = stream.write_all(&answer).and_then(|()| stream.flush());
            let _ = sender.send(head);
            close(stream);
        }
    });
    (address, heads)
}

fn head_of(stream: &mut impl Read) -> io::Result<String> {
    let mut head = String::new();
    let mut lines = BufReader::new(stream);
    while !head.ends_with("\r\n\r\n") {
        if lines.read_line(&mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head)
}

/// An answer: status, fields, content with its length.
pub fn answer(status: &str, fields: &[(&str, &str)], content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    let length = content.len();
    let mut answer =
        format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n");
    for (name, value) in fields {
        answer.extend([name, ": ", value, "\r\n"]);
    }
    let mut answer = (answer + "\r\n").into_bytes();
    answer.extend_from_slice(content);
    answer
}

/// Bytes of which no two blocks are alike.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Passes everything on to a server; of what comes back, only so many bytes on the first connection.
pub fn cutting(server: SocketAddr, bytes: u64) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        let mut limit = bytes;
        for client in listener.incoming().map_while(Result::ok) {
            let Ok(upstream) = TcpStream::connect(server) else { return };
            let (Ok(mut asked), Ok(mut asks)) = (client.try_clone(), upstream.try_clone()) else {
                return;
            };
            thread::spawn(move || io::copy(&mut asked, &mut asks));
            let limit = std::mem::replace(&mut limit, u64::MAX);
            thread::spawn(move || {
                let _ = io::copy(&mut (&upstream).take(limit), &mut &client);
                let _ = upstream.shutdown(Shutdown::Both);
                let _ = client.shutdown(Shutdown::Both);
            });
        }
    });
    address
}

/// `salver get` in that folder, which it may not look outside of for authorities or settings.
pub fn get_command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = salver();
    command.arg("get").args(arguments).current_dir(folder).stdin(Stdio::null());
    command.env("SSL_CERT_FILE", "/dev/null").env_remove("NO_COLOR").env_remove("TERM");
    command
}

pub fn get(folder: &Path, arguments: &[&str]) -> Output {
    get_command(folder, arguments).output().expect("the binary runs")
}

/// What the same prints on a terminal: standard output is one, standard error is none.
pub fn get_on_terminal(folder: &Path, arguments: &[&str]) -> (String, Output) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&ours).and_then(|()| unlockpt(&ours)).expect("a terminal");
    let name = ptsname(&ours, Vec::new()).expect("its name");
    let theirs = File::options().read(true).write(true).open(name.to_str().expect("text"));
    let reader = thread::spawn(move || {
        let (mut ours, mut all, mut block) = (File::from(ours), Vec::new(), [0; 4096]);
        // The end of a terminal is an error.
        while let Ok(read @ 1..) = ours.read(&mut block) {
            all.extend_from_slice(&block[..read]);
        }
        all
    });
    let mut command = get_command(folder, arguments);
    let child = command.stdout(theirs.expect("a terminal")).stderr(Stdio::piped()).spawn();
    // It holds the terminal open.
    drop(command);
    let output = child.expect("the binary runs").wait_with_output().expect("it ends");
    let printed = String::from_utf8(reader.join().expect("a reader")).expect("text");
    // The terminal makes its own line ends.
    (printed.replace("\r\n", "\n"), output)
}
