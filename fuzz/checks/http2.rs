//! Invariant: whatever frames a client sends, what comes back is a sequence of whole HTTP/2 frames
//! (RFC 9113), each where it may be, and the connection ends soon after the client's side of it.

use std::collections::HashSet;

use crate::served::talk;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// An empty SETTINGS frame, with which a client begins.
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

/// Bytes of a frame's head, and those of its content that a client takes unless it says more.
const HEAD: usize = 9;
const MOST: usize = 16_384;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS_TYPE: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// Of the first byte, two bits say whether the client begins as it should; the others how long the
/// pieces are. The rest is what it sends.
pub(crate) fn check(data: &[u8]) {
    let Some((&how, rest)) = data.split_first() else { return };
    let beginning = [PREFACE, SETTINGS].concat();
    let beginning = match how & 3 {
        0 => &beginning[..],
        1 => PREFACE,
        2 => &PREFACE[..PREFACE.len() - 1],
        _ => b"",
    };
    let sent = [beginning, rest].concat();
    let heard = talk(&sent, usize::from(how >> 2) * 4 + 1);
    if sent.starts_with(PREFACE) {
        let larger = takes_more(&sent[PREFACE.len()..]);
        frames(&heard.bytes, larger, heard.is_whole);
    }
}

/// Whether a client might have said that it takes larger frames.
fn takes_more(mut frames: &[u8]) -> bool {
    while let Some((head, rest)) = frames.split_at_checked(HEAD) {
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        if head[3] == SETTINGS_TYPE && length > 0 {
            return true;
        }
        frames = rest.get(length..).unwrap_or_default();
    }
    false
}

fn frames(mut rest: &[u8], takes_more: bool, is_whole: bool) {
    let mut ended = HashSet::new();
    let mut in_headers = None;
    let mut is_first = true;
    while !rest.is_empty() {
        let Some((head, after)) = rest.split_at_checked(HEAD) else {
            assert!(!is_whole, "a frame is cut");
            return;
        };
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let (kind, flags) = (head[3], head[4]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        if after.len() < length {
            assert!(!is_whole, "a frame is cut");
            return;
        }
        rest = &after[length..];
        assert!(length <= MOST || takes_more, "a frame of {length} bytes");
        assert!(!is_first || kind == SETTINGS_TYPE && flags == 0, "the first is no SETTINGS");
        is_first = false;
        match kind {
            SETTINGS_TYPE | PING | GOAWAY => assert_eq!(stream, 0),
            DATA | HEADERS | CONTINUATION => assert_eq!(stream % 2, 1, "no stream of a client"),
            // Of whatever number the client sent: h2 resets also what never was a stream.
            RST_STREAM => assert_ne!(stream, 0),
            WINDOW_UPDATE => {}
            _ => panic!("a frame of type {kind}, which no client understands"),
        }
        assert_ne!(kind, PUSH_PROMISE);
        // Nothing may come between the frames of one field block.
        assert_eq!(in_headers.is_some(), kind == CONTINUATION);
        assert!(in_headers.is_none_or(|of| of == stream));
        if kind == HEADERS || kind == CONTINUATION {
            in_headers = (flags & END_HEADERS == 0).then_some(stream);
        }
        if kind == DATA || kind == HEADERS {
            assert!(!ended.contains(&stream), "stream {stream} goes on after its end");
            if flags & END_STREAM != 0 {
                ended.insert(stream);
            }
        }
        if kind == RST_STREAM {
            ended.insert(stream);
        }
    }
}
