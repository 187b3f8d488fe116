//! What came back, whoever sent it.

/// One answer.
pub struct Answer {
    pub status: u16,
    /// Where a redirect leads: that names the request which it answers.
    pub location: Option<String>,
}

/// The final answers in what came over a connection. What begins like no answer is one of HTTP/0.9.
pub fn parse(mut bytes: &[u8], first_is_head: bool) -> Vec<Answer> {
    let mut answers = Vec::new();
    while !bytes.is_empty() {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let Some(end) = end.filter(|_| bytes.starts_with(b"HTTP/1.")) else {
            answers.push(Answer { status: 0, location: None });
            return answers;
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        bytes = &bytes[end + 4..];
        let field = |name: &str| {
            let lines = head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
            let mut values = lines.filter(|(known, _)| known.eq_ignore_ascii_case(name));
            values.next().map(|(_, value)| value.trim().to_owned())
        };
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        if status < 200 {
            continue;
        }
        let is_bare = matches!(status, 204 | 304) || (first_is_head && answers.is_empty());
        let length = if is_bare {
            0
        } else if let Some(length) = field("content-length") {
            length.parse().expect("a length")
        } else if field("transfer-encoding").is_some() {
            chunked_length(bytes)
        } else {
            bytes.len()
        };
        bytes = &bytes[length.min(bytes.len())..];
        answers.push(Answer { status, location: field("location") });
    }
    answers
}

fn chunked_length(bytes: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let line = bytes[at..].windows(2).position(|two| two == b"\r\n").expect("a chunk size");
        let size = std::str::from_utf8(&bytes[at..at + line]).expect("a chunk size");
        let size = usize::from_str_radix(size, 16).expect("a chunk size");
        at += line + 2 + size + 2;
        if size == 0 {
            return at;
        }
    }
}

/// A letter for each answer, as in [`super::variant::Variant::expected`].
pub fn signature(bytes: &[u8], first_is_head: bool) -> String {
    parse(bytes, first_is_head).iter().map(Answer::letter).collect()
}

impl Answer {
    fn letter(&self) -> char {
        match (&self.location, self.status) {
            (Some(location), _) if location.ends_with("-inner") => 'i',
            (Some(location), _) if location.ends_with("-last") => 'l',
            (_, 400 | 408 | 411 | 413 | 414 | 417 | 431 | 501 | 505) => 'x',
            _ => 'o',
        }
    }
}
