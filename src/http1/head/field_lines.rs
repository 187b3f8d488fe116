//! Field lines, from the first to the empty line after them (RFC 9112 section 5).

use super::{HeadParser, Next, Step};
use crate::http1::target::{Span, offset};
use crate::http1::{Authority, HeadError, chars, scan};
use crate::message::{FieldSpan, TargetForm};

impl HeadParser {
    /// The end of a line is looked for before its colon, since the next line waits for it alone:
    /// so the processor reads names while it is already looking for later line ends. Yet what is
    /// wrong with a name comes first, as it does in the line.
    pub(super) fn field_lines(&mut self, buf: &[u8]) -> Next {
        let (mut start, mut at, mut colon) = (self.start, self.at, self.mark);
        loop {
            let end = line_end(buf, at);
            if end == Ok(Some(start)) {
                self.at = start + 2;
                return Ok(Some(Step::Done));
            }
            if colon.is_none() {
                colon = self.colon(buf, start, at)?;
            }
            let (Some(end), Some(found)) = (end?, colon) else {
                // All there is was looked at, but a last CR has to be seen again with what follows.
                (self.start, self.mark) = (start, colon);
                self.at = buf.len() - usize::from(buf.ends_with(b"\r"));
                return Ok(None);
            };
            self.field(buf, start, found, end)?;
            start = end + 2;
            (at, colon) = (start, None);
        }
    }

    /// Where the colon of the line that begins at `start` is, if it is there; not before `at`.
    #[inline]
    fn colon(&self, buf: &[u8], start: usize, mut at: usize) -> Result<Option<usize>, HeadError> {
        if matches!(buf.get(start), None | Some(b'\r')) {
            return Ok(None);
        }
        if self.spans.len() == usize::from(self.limits.fields) && buf.get(start) != Some(&b'\n') {
            return Err(HeadError::TooManyFields);
        }
        loop {
            at = scan::not_plain_name(buf, at);
            match buf.get(at) {
                Some(b':') if at > start => return Ok(Some(at)),
                Some(&byte) if chars::is_token(byte) => at += 1,
                Some(&byte) => return Err(not_a_name(byte, at == start)),
                None => return Ok(None),
            }
        }
    }

    /// Keeps the line with these bounds.
    #[inline]
    fn field(
        &mut self,
        buf: &[u8],
        start: usize,
        colon: usize,
        end: usize,
    ) -> Result<(), HeadError> {
        let (from, to) = trimmed(buf, colon + 1, end);
        let name = &buf[start..colon];
        self.seen.insert(name);
        if name.len() == 4 && name.eq_ignore_ascii_case(b"host") {
            self.host(buf, from, to)?;
        }
        self.framing.read(name, &buf[from..to])?;
        self.spans.push(FieldSpan {
            name_start: offset(start),
            name_end: offset(colon),
            value_start: offset(from),
            value_end: offset(to),
        });
        Ok(())
    }

    fn host(&mut self, buf: &[u8], from: usize, to: usize) -> Result<(), HeadError> {
        if self.host.is_some() {
            return Err(HeadError::HostRepeated);
        }
        // An empty Host says that the target has no authority. The target of an origin form has
        // one, and there is no http URI with an empty host (RFC 9110 section 4.2.1).
        let may_be_empty = self.target.form != TargetForm::Origin;
        let value = &buf[from..to];
        if Authority::parse(value).is_none() && !(value.is_empty() && may_be_empty) {
            return Err(HeadError::HostInvalid);
        }
        self.host = Some(Span::new(from, to));
        Ok(())
    }
}

/// The bounds without the white space in them. Of all bytes up to space, a value has only that.
#[inline]
fn trimmed(buf: &[u8], mut from: usize, mut to: usize) -> (usize, usize) {
    let white = |at: usize| buf[at] <= b' ';
    while from < to && white(from) {
        from += 1;
    }
    while from < to && white(to - 1) {
        to -= 1;
    }
    (from, to)
}

/// Where the CR of the CRLF at the end of the line is; `None`: not there yet.
#[inline]
fn line_end(buf: &[u8], mut from: usize) -> Result<Option<usize>, HeadError> {
    loop {
        let at = scan::control(buf, from);
        match &buf[at..] {
            [b'\r', b'\n', ..] => return Ok(Some(at)),
            [b'\t', ..] => from = at + 1,
            [] | [b'\r'] => return Ok(None),
            [b'\r', ..] => return Err(HeadError::BareCr),
            [byte, ..] => return Err(HeadError::of_byte(*byte, HeadError::ControlByte)),
        }
    }
}

/// What is wrong with a field name that `byte` ends.
#[cold]
fn not_a_name(byte: u8, first: bool) -> HeadError {
    match byte {
        b' ' | b'\t' if first => HeadError::FoldedLine,
        b' ' | b'\t' => HeadError::SpaceBeforeColon,
        b':' => HeadError::EmptyName,
        b'\r' => HeadError::MissingColon,
        _ => HeadError::of_byte(byte, HeadError::NameByte),
    }
}
