use std::future::poll_fn;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector, client};

use super::*;

async fn pair() -> (Transport, client::TlsStream<TcpStream>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let acceptor = TlsAcceptor::from(Arc::new(server));
    let connector = TlsConnector::from(Arc::new(client));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stream, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    let name = ServerName::try_from("localhost").unwrap();
    let (client, server) = tokio::join!(
        connector.connect(name, stream.unwrap()),
        acceptor.accept(accepted.unwrap().0)
    );
    (Transport::secured(server.unwrap()), client.unwrap())
}

async fn write(io: &mut Transport, bytes: &[u8], more: bool) -> usize {
    poll_fn(|context| io.poll_write(context, &[IoSlice::new(bytes)], more)).await.unwrap()
}

/// What the client gets when these are the last bytes; fails when it is not told of the end.
async fn end(
    mut io: Transport,
    mut client: client::TlsStream<TcpStream>,
    last: &[&[u8]],
) -> Vec<u8> {
    io.expect_end();
    let end = async {
        for (at, bytes) in last.iter().enumerate() {
            assert_eq!(write(&mut io, bytes, at + 1 < last.len()).await, bytes.len());
        }
        poll_fn(|context| io.poll_flush(context)).await.unwrap();
        io.end();
        drop(io);
    };
    let mut received = Vec::new();
    let (read, ()) = tokio::join!(client.read_to_end(&mut received), end);
    read.unwrap();
    received
}

#[tokio::test]
async fn the_end_is_told_behind_the_last_that_is_written() {
    let large = vec![b'x'; MAX_LAST + 1];
    let cases: [&[&[u8]]; 5] = [&[], &[b"all"], &[b"one, ", b"two"], &[&large], &[&large, b"end"]];
    for last in cases {
        let (io, client) = pair().await;
        assert!(end(io, client, last).await == last.concat());
    }
}

#[tokio::test]
async fn the_last_waits_for_room_behind_what_is_still_here() {
    let (mut io, client) = pair().await;
    let mut sent = 0;
    let mut noop = Context::from_waker(Waker::noop());
    let piece = vec![b'x'; MAX_LAST];
    while let Poll::Ready(count) = io.poll_write(&mut noop, &[IoSlice::new(&piece)], false) {
        sent += count.unwrap();
    }
    let received = end(io, client, &[b"last"]).await;
    assert!(received.len() == sent + 4 && received.ends_with(b"last"));
}
