//! Something that is known now, or only after waiting.

use std::pin::Pin;

/// A future in a box: what a trait object can return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A result that is usually there at once: then it costs neither a box nor a wait.
pub enum Answer<'a, T> {
    /// Here it is.
    Ready(T),
    /// It takes I/O.
    Later(BoxFuture<'a, T>),
}

impl<'a, T> Answer<'a, T> {
    /// The result, waited for if need be.
    pub async fn wait(self) -> T {
        match self {
            Self::Ready(value) => value,
            Self::Later(future) => future.await,
        }
    }

    /// A result that takes I/O.
    pub fn later(future: impl Future<Output = T> + Send + 'a) -> Self {
        Self::Later(Box::pin(future))
    }
}
