//! A connection comes about in time, or not at all.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use tower_service::Service;

type Inner = HttpsConnector<HttpConnector>;
type Failure = Box<dyn Error + Send + Sync>;
type Outcome = Result<<Inner as Service<Uri>>::Response, Failure>;

/// A connector that gives up when a name's addresses, the connection and the agreement on TLS have
/// together taken too long: `HttpConnector`'s own limit is over once somebody listens.
#[derive(Clone, Debug)]
pub(super) struct InTime {
    inner: Inner,
    patience: Duration,
}

impl InTime {
    pub(super) fn new(inner: Inner, patience: Duration) -> Self {
        Self { inner, patience }
    }
}

impl Service<Uri> for InTime {
    type Response = <Inner as Service<Uri>>::Response;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Outcome> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (connecting, patience) = (self.inner.call(uri), self.patience);
        Box::pin(async move {
            match tokio::time::timeout(patience, connecting).await {
                Ok(connected) => connected,
                Err(_) => Err(too_slow(patience).into()),
            }
        })
    }
}

fn too_slow(patience: Duration) -> io::Error {
    let reason = format!("no connection within {} s", patience.as_secs_f64());
    io::Error::new(io::ErrorKind::TimedOut, reason)
}
