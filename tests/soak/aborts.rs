//! Clients that leave in the middle of everything, with a goodbye or without one.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use socket2::SockRef;

use crate::dice::Dice;
use crate::site::{self, Site};
use crate::support::PATIENCE;
use crate::support::over::Wire;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Does one such thing.
pub fn abort(site: &Site, dice: &mut Dice) {
    if dice.once_in(4) {
        return bare(site, dice);
    }
    let mut wire = Wire::to(site.server.address, site.over);
    let request = request(dice);
    // Perhaps not even all of it.
    let end = if dice.once_in(4) { dice.below(request.len()) } else { request.len() };
    let _ = wire.write_all(&request[..end]);
    let _ = wire.flush();
    if end == request.len() {
        take(&mut wire, dice);
    }
    match dice.below(4) {
        0 | 1 => reset(wire.socket()),
        2 => drop(wire.finish()),
        _ => {}
    }
}

/// A request whose answer is long, or whose content never comes whole.
fn request(dice: &mut Dice) -> Vec<u8> {
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: t\r\n\r\n").into_bytes();
    match dice.below(9) {
        0 => get("/fixed/film.mp4"),
        1 => get("/moving/?archive=zip"),
        2 => get("/fixed/?archive=tar.gz"),
        3 => get("/server-status?events"),
        4 => b"GET /fixed/long.txt HTTP/1.1\r\nHost: t\r\nAccept-Encoding: gzip\r\n\r\n".to_vec(),
        5 => get("/fixed/film.mp4").repeat(4),
        6 => {
            let head = format!("PUT /uploads/cut-{} HTTP/1.1\r\nHost: t\r\n", dice.next());
            let content = dice.bytes(30_000);
            [head.as_bytes(), b"Content-Length: 30001\r\n\r\n", &content].concat()
        }
        7 => {
            let content = dice.bytes(20_000);
            let head = "POST /upload HTTP/1.1\r\nHost: t\r\nContent-Length: 90000\r\n\
                        Content-Type: multipart/form-data; boundary=tray\r\n\r\n--tray\r\n\
                        Content-Disposition: form-data; name=\"f\"; filename=\"cut.bin\"\r\n\r\n";
            [head.as_bytes(), &content].concat()
        }
        _ => get("/fixed/small.txt").repeat(50),
    }
}

/// Reads some of the answer.
fn take(wire: &mut Wire, dice: &mut Dice) {
    let mut left = dice.below(400_000);
    let mut piece = [0; 16 * 1024];
    let _ = wire.socket().set_read_timeout(Some(Duration::from_secs(1)));
    while left > 0 {
        match wire.read(&mut piece) {
            Ok(0) | Err(_) => return,
            Ok(count) => left = left.saturating_sub(count),
        }
    }
}

/// On a connection without TLS, whatever is spoken there.
fn bare(site: &Site, dice: &mut Dice) {
    let mut stream = TcpStream::connect(site.server.address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let sent = match dice.below(5) {
        0 => Vec::new(),
        1 => site::half_a_greeting(),
        2 => dice.bytes(200),
        3 => PREFACE.to_vec(),
        // GET /fixed/film.mp4 on two streams; the first is reset.
        _ => {
            let block = b"\x82\x86\x44\x0f/fixed/film.mp4\x41\x01t";
            let length = block.len().to_le_bytes()[0];
            let ask = |id: u8| [&[0, 0, length, 1, 5, 0, 0, 0, id][..], block].concat();
            [PREFACE, &ask(1), &ask(3), b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x08"].concat()
        }
    };
    let _ = stream.write_all(&sent);
    if dice.once_in(2) && sent.len() > 100 {
        let _ = stream.set_read_timeout(Some(Duration::from_millis(100)));
        let _ = stream.read(&mut [0; 4096]);
    }
    if dice.once_in(2) {
        reset(&stream);
    }
}

/// Has the kernel end the connection with RST when it is closed.
fn reset(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}
