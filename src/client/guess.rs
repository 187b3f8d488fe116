//! What is spoken at a port, when nobody has said.

use http::StatusCode;

use super::{Answer, Client, ClientError, Url};

impl Client {
    /// [`get`](Self::get) of a URL that was typed without a scheme: `https` where a plain request is
    /// answered with 400 because the port is for that.
    pub async fn get_either(
        &self,
        url: &Url,
        accept: &str,
        limit: usize,
    ) -> Result<Answer, ClientError> {
        let answer = self.get(url, accept, limit).await?;
        if url.scheme() != "http"
            || answer.status != StatusCode::BAD_REQUEST
            || !wants_https(&answer)
        {
            return Ok(answer);
        }
        let mut url = url.clone();
        // Never fails: from http to https.
        let _ = url.set_scheme("https");
        self.get(&url, accept, limit).await
    }
}

/// Whether a port says that it is for https.
fn wants_https(answer: &Answer) -> bool {
    answer.content.windows(5).any(|word| word.eq_ignore_ascii_case(b"https"))
}
