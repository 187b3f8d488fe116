//! A wire that can be cut.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Passes connections on to a server.
pub struct Relay {
    /// Where it listens.
    pub address: SocketAddr,
    wires: Arc<Mutex<Wires>>,
}

#[derive(Default)]
struct Wires {
    is_cut: bool,
    open: Vec<TcpStream>,
}

impl Relay {
    pub fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let relay = Self { address: listener.local_addr().unwrap(), wires: Arc::default() };
        let wires = Arc::clone(&relay.wires);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let mut wires = wires.lock().unwrap();
                if !wires.is_cut {
                    let server = TcpStream::connect(server).unwrap();
                    pass(&client, &server);
                    pass(&server, &client);
                    wires.open.extend([client, server]);
                }
            }
        });
        relay
    }

    /// Ends all connections, and those to come, until it is mended.
    pub fn cut(&self) {
        let mut wires = self.wires.lock().unwrap();
        wires.is_cut = true;
        for wire in wires.open.drain(..) {
            let _ = wire.shutdown(Shutdown::Both);
        }
    }

    pub fn mend(&self) {
        self.wires.lock().unwrap().is_cut = false;
    }
}

fn pass(from: &TcpStream, to: &TcpStream) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
}
