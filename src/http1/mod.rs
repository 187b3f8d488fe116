//! HTTP/1.1 between bytes and words: pure functions over bytes, no sockets (RFC 9112).
