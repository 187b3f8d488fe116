//! What may happen, each kind with its names.

/// Declares an enum whose variants are counted, with their names.
macro_rules! counted {
    ($(#[doc = $doc:literal])+ $name:ident { $($(#[doc = $variant_doc:literal])+ $variant:ident = $text:literal,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[doc = $variant_doc])+ $variant,)+ }

        impl $name {
            /// The names, in the order of the variants.
            pub(super) const ALL: &'static [&'static str] = &[$($text),+];
        }
    };
}

counted! {
    /// What took too long.
    Timeout {
        /// The head of a request.
        RequestHead = "request_head",
        /// Its content.
        RequestContent = "request_content",
        /// The client to read the answer.
        Response = "response",
        /// The next request of a connection.
        KeepAlive = "keep_alive",
        /// The handshake of TLS.
        Handshake = "handshake",
    }
}

counted! {
    /// Why a connection was refused.
    Refused {
        /// `address_filter` does not have the client.
        AddressFilter = "address_filter",
        /// As many are open as may be.
        Connections = "connections",
        /// As many are open as one client may have.
        ConnectionsPerIp = "connections_per_ip",
        /// As many handshakes are under way as may be.
        Handshakes = "handshakes",
        /// The system would not accept any.
        Descriptors = "descriptors",
        /// Too much of what came over it carries nothing; it was ended.
        Flood = "flood",
    }
}

counted! {
    /// Why a TLS handshake failed.
    HandshakeFailure {
        /// It took too long.
        TimedOut = "timed_out",
        /// The client spoke something else.
        NotTls = "not_tls",
        /// The client left.
        Closed = "closed",
        /// No version or cipher suite that both know.
        Incompatible = "incompatible",
        /// The client's certificate is missing or not good.
        ClientCertificate = "client_certificate",
        /// The client does not like the server's certificate, or something else.
        Alert = "alert_by_client",
        /// What the client sent makes no sense.
        Malformed = "malformed",
        /// There was no place for it.
        Busy = "busy",
        /// Something else.
        Other = "other",
    }
}

/// What a connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionState {
    /// New.
    Starting,
    /// A request has begun to arrive.
    Reading,
    /// A request is being answered.
    Answering,
    /// Between requests.
    Idle,
    /// HTTP/2.
    Http2,
    /// Answered for the last time.
    Closing,
}

impl ConnectionState {
    pub(super) const COUNT: usize = 6;
}
