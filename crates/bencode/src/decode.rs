use crate::mode::Mode;
use crate::number::{self, MAX_INT_DIGITS, MAX_LEN_DIGITS};
use crate::value::{Document, Kind, Node};
use crate::{Error, ErrorKind};

/// Limits on the cost of a document.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Maximum nesting of lists and dictionaries; the outermost one counts as one. Values above [`Limits::MAX_DEPTH`]
    /// have the effect of [`Limits::MAX_DEPTH`].
    pub depth: usize,
    /// Maximum number of values, dictionary keys included. Each costs 16 bytes.
    pub tokens: usize,
}

impl Limits {
    /// Upper bound of [`Limits::depth`], so that a recursive walk of a document cannot overflow the stack.
    pub const MAX_DEPTH: usize = 256;
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 100, tokens: 3_000_000 }
    }
}

/// Decodes one value that is all of `input`, strictly and with the default limits.
///
/// # Errors
/// If the input is not canonical bencoding or exceeds a limit.
pub fn decode(input: &[u8]) -> Result<Document<'_>, Error> {
    decode_with(input, Mode::Strict, Limits::default())
}

/// Decodes one value that is all of `input`; in [`Mode::Lenient`] more bytes may follow it.
///
/// # Errors
/// If the input is not valid bencoding by `mode` or exceeds a limit.
pub fn decode_with(input: &[u8], mode: Mode, limits: Limits) -> Result<Document<'_>, Error> {
    let (document, used) = decode_prefix(input, mode, limits)?;
    if mode == Mode::Strict && used < input.len() {
        return Err(Error { offset: used, kind: ErrorKind::Trailing });
    }
    Ok(document)
}

/// Decodes the value at the start of `input` and returns it with its length in bytes; any bytes may follow.
///
/// Messages of BEP 9 and BEP 10 need this: they are a dictionary followed by raw data.
///
/// # Errors
/// If the input does not start with valid bencoding by `mode` or exceeds a limit.
pub fn decode_prefix(input: &[u8], mode: Mode, limits: Limits) -> Result<(Document<'_>, usize), Error> {
    if u32::try_from(input.len()).is_err() {
        return Err(Error { offset: 0, kind: ErrorKind::TooLarge });
    }
    let depth = limits.depth.min(Limits::MAX_DEPTH);
    let mut decoder = Decoder { input, mode, limits: Limits { depth, ..limits }, at: 0, nodes: Vec::new() };
    decoder.run()?;
    let used = decoder.at;
    Ok((Document::new(input, decoder.nodes), used))
}

struct Decoder<'a> {
    input: &'a [u8],
    mode: Mode,
    limits: Limits,
    at: usize,
    nodes: Vec<Node>,
}

/// A list or dictionary whose end has not been seen.
struct Open<'a> {
    node: usize,
    kind: Kind,
    /// Latest key of a dictionary; `None` before the first and for lists.
    last_key: Option<&'a [u8]>,
    /// Set when a key has been read but not its value.
    owes_value: bool,
}

impl<'a> Decoder<'a> {
    fn run(&mut self) -> Result<(), Error> {
        let mut open: Vec<Open<'a>> = Vec::new();
        loop {
            self.step(&mut open)?;
            if open.is_empty() {
                return Ok(());
            }
        }
    }

    /// Decodes one token.
    fn step(&mut self, open: &mut Vec<Open<'a>>) -> Result<(), Error> {
        let expected = match open.last() {
            None => "a value",
            Some(Open { kind: Kind::Dict, owes_value: true, .. }) => "the value of a dictionary key",
            Some(Open { kind: Kind::Dict, .. }) => "a dictionary key or `e`",
            Some(_) => "a list item or `e`",
        };
        let start = self.at;
        let byte = *self.input.get(start).ok_or_else(|| self.error(ErrorKind::End { expected }))?;
        if let Some(top) = open.last_mut().filter(|top| top.kind == Kind::Dict) {
            let is_key = !top.owes_value;
            if is_key && byte.is_ascii_digit() {
                let key = self.string()?;
                if self.mode == Mode::Strict
                    && let Some(last) = top.last_key
                    && key <= last
                {
                    let kind = if key == last { ErrorKind::KeyTwice } else { ErrorKind::KeyOrder };
                    return Err(Error { offset: start, kind });
                }
                top.last_key = Some(key);
                top.owes_value = true;
                return Ok(());
            }
            if is_key != (byte == b'e') {
                return Err(self.error(ErrorKind::Unexpected { found: byte, expected }));
            }
            top.owes_value = false;
        }
        match byte {
            b'0'..=b'9' => {
                self.string()?;
            }
            b'i' => self.int()?,
            b'l' | b'd' => {
                if open.len() >= self.limits.depth {
                    return Err(self.error(ErrorKind::TooDeep { max: self.limits.depth }));
                }
                let kind = if byte == b'l' { Kind::List } else { Kind::Dict };
                let node = self.nodes.len();
                self.at += 1;
                self.push(kind, start, 1)?;
                open.push(Open { node, kind, last_key: None, owes_value: false });
            }
            b'e' if !open.is_empty() => {
                self.at += 1;
                if let Some(closed) = open.pop() {
                    let next = self.nodes.len();
                    self.nodes[closed.node].close(self.at, next);
                }
            }
            found => return Err(self.error(ErrorKind::Unexpected { found, expected })),
        }
        Ok(())
    }

    fn int(&mut self) -> Result<(), Error> {
        let start = self.at;
        self.at += 1;
        let sign = usize::from(self.input.get(self.at) == Some(&b'-'));
        self.at += sign;
        self.digits(MAX_INT_DIGITS, b'e', "a digit or `e`")?;
        let text = &self.input[start + 1..self.at];
        number::check_int(text, self.mode).map_err(|kind| Error { offset: start, kind })?;
        self.at += 1;
        self.push(Kind::Int, start, 1)
    }

    fn string(&mut self) -> Result<&'a [u8], Error> {
        let start = self.at;
        self.digits(MAX_LEN_DIGITS, b':', "a digit or `:`")?;
        let len = number::string_len(&self.input[start..self.at], self.mode)
            .map_err(|kind| Error { offset: start, kind })?;
        let content = self.at + 1;
        let left = self.input.len() - content;
        let len = usize::try_from(len)
            .ok()
            .filter(|&len| len <= left)
            .ok_or(Error { offset: start, kind: ErrorKind::StringTooLong { len, left: left as u64 } })?;
        self.at = content + len;
        self.push(Kind::Bytes, start, content - start)?;
        Ok(&self.input[content..self.at])
    }

    /// Skips digits up to `end`, which it does not skip.
    fn digits(&mut self, max: usize, end: u8, expected: &'static str) -> Result<(), Error> {
        let start = self.at;
        loop {
            match self.input.get(self.at) {
                Some(&byte) if byte == end => return Ok(()),
                Some(byte) if byte.is_ascii_digit() => self.at += 1,
                Some(&found) => return Err(self.error(ErrorKind::Unexpected { found, expected })),
                None => return Err(self.error(ErrorKind::End { expected })),
            }
            if self.at - start > max {
                return Err(Error { offset: start, kind: ErrorKind::NumberTooLong { max } });
            }
        }
    }

    /// Appends the node of the value from `start` to the current position.
    fn push(&mut self, kind: Kind, start: usize, header: usize) -> Result<(), Error> {
        if self.nodes.len() >= self.limits.tokens {
            return Err(Error { offset: start, kind: ErrorKind::TooMany { max: self.limits.tokens } });
        }
        let next = self.nodes.len() + 1;
        self.nodes.push(Node::new(kind, start, header, self.at, next));
        Ok(())
    }

    fn error(&self, kind: ErrorKind) -> Error {
        Error { offset: self.at, kind }
    }
}

#[cfg(test)]
mod tests;
