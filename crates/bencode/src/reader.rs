use std::io::{self, Read};

use crate::number::{self, MAX_INT_DIGITS, MAX_LEN_DIGITS};
use crate::{Error, ErrorKind, Limits, Mode};

/// One token of a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Token {
    /// An integer.
    Int(i64),
    /// A string that is a value.
    Bytes(Vec<u8>),
    /// A string that is a dictionary's key.
    Key(Vec<u8>),
    /// Start of a list.
    BeginList,
    /// Start of a dictionary.
    BeginDict,
    /// End of the innermost list or dictionary.
    End,
}

/// Error in reading a token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Input that is not valid bencoding or exceeds a limit.
    #[error(transparent)]
    Malformed(#[from] Error),
    /// A failure of the source.
    #[error("cannot read at byte {offset}: {source}")]
    Io {
        /// Bytes read before the failure.
        offset: usize,
        /// Error of the source.
        source: io::Error,
    },
}

/// Reads the tokens of one value from any [`Read`], one at a time.
///
/// The reader stops at the end of the value and leaves the bytes after it in the source. It therefore reads byte by
/// byte between strings: wrap the source in a [`BufReader`](io::BufReader). Memory for a string grows with the bytes
/// that arrive, not with its declared length. Integers must fit `i64`.
///
/// After an error, every call returns [`ErrorKind::End`].
#[derive(Debug)]
pub struct Reader<R> {
    inner: R,
    mode: Mode,
    limits: Limits,
    max_string: u64,
    offset: usize,
    tokens: usize,
    open: Vec<Open>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Reading,
    Done,
    Failed,
}

#[derive(Debug)]
enum Open {
    List,
    Dict { last_key: Option<Vec<u8>>, owes_value: bool },
}

impl<R: Read> Reader<R> {
    /// Default maximum length of a string, in bytes.
    pub const DEFAULT_MAX_STRING: u64 = 64 << 20;

    /// Creates a strict reader with the default limits.
    pub fn new(inner: R) -> Self {
        Self::with(inner, Mode::Strict, Limits::default(), Self::DEFAULT_MAX_STRING)
    }

    /// Creates a reader with a mode and limits; `max_string` is in bytes.
    pub fn with(inner: R, mode: Mode, limits: Limits, max_string: u64) -> Self {
        let limits = Limits { depth: limits.depth.min(Limits::MAX_DEPTH), ..limits };
        Self {
            inner,
            mode,
            limits,
            max_string,
            offset: 0,
            tokens: 0,
            open: Vec::new(),
            state: State::Reading,
        }
    }

    /// Returns the next token; `None` once the value has ended.
    ///
    /// # Errors
    /// If the stream is not valid bencoding, exceeds a limit, or the source fails.
    pub fn next_token(&mut self) -> Result<Option<Token>, ReadError> {
        match self.state {
            State::Done => return Ok(None),
            State::Failed => return Err(self.malformed(ErrorKind::End { expected: "a value" })),
            State::Reading => {}
        }
        let result = self.token();
        self.state = match &result {
            Ok(_) if self.open.is_empty() => State::Done,
            Ok(_) => State::Reading,
            Err(_) => State::Failed,
        };
        result.map(Some)
    }

    /// Returns the number of bytes read so far.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Returns the source, positioned after the last token.
    pub fn into_inner(self) -> R {
        self.inner
    }

    fn token(&mut self) -> Result<Token, ReadError> {
        let expected = match self.open.last() {
            None => "a value",
            Some(Open::List) => "a list item or `e`",
            Some(Open::Dict { owes_value: false, .. }) => "a dictionary key or `e`",
            Some(Open::Dict { owes_value: true, .. }) => "the value of a dictionary key",
        };
        let start = self.offset;
        let found = self.byte(expected)?;
        let unexpected = Error { offset: start, kind: ErrorKind::Unexpected { found, expected } };
        if found == b'e' {
            if let None | Some(Open::Dict { owes_value: true, .. }) = self.open.last() {
                return Err(unexpected.into());
            }
            self.open.pop();
            return Ok(Token::End);
        }
        if self.tokens >= self.limits.tokens {
            return Err(Error { offset: start, kind: ErrorKind::TooMany { max: self.limits.tokens } }.into());
        }
        self.tokens += 1;
        match self.open.last_mut() {
            Some(Open::Dict { owes_value: false, .. }) if found.is_ascii_digit() => {
                let key = self.string(found, start)?;
                self.check_key(&key, start)?;
                return Ok(Token::Key(key));
            }
            Some(Open::Dict { owes_value: false, .. }) => return Err(unexpected.into()),
            Some(Open::Dict { owes_value, .. }) => *owes_value = false,
            _ => {}
        }
        match found {
            b'0'..=b'9' => Ok(Token::Bytes(self.string(found, start)?)),
            b'i' => Ok(Token::Int(self.int(start)?)),
            b'l' | b'd' if self.open.len() >= self.limits.depth => {
                Err(Error { offset: start, kind: ErrorKind::TooDeep { max: self.limits.depth } }.into())
            }
            b'l' => {
                self.open.push(Open::List);
                Ok(Token::BeginList)
            }
            b'd' => {
                self.open.push(Open::Dict { last_key: None, owes_value: false });
                Ok(Token::BeginDict)
            }
            _ => Err(unexpected.into()),
        }
    }

    fn check_key(&mut self, key: &[u8], start: usize) -> Result<(), Error> {
        let Some(Open::Dict { last_key, owes_value }) = self.open.last_mut() else { return Ok(()) };
        *owes_value = true;
        if self.mode == Mode::Lenient {
            return Ok(());
        }
        if let Some(last) = last_key
            && key <= last.as_slice()
        {
            let kind = if key == last.as_slice() { ErrorKind::KeyTwice } else { ErrorKind::KeyOrder };
            return Err(Error { offset: start, kind });
        }
        *last_key = Some(key.to_vec());
        Ok(())
    }

    fn int(&mut self, start: usize) -> Result<i64, ReadError> {
        let mut text = Vec::new();
        loop {
            let offset = self.offset;
            match self.byte("a digit or `e`")? {
                b'e' => break,
                b'-' if text.is_empty() => text.push(b'-'),
                digit @ b'0'..=b'9' => text.push(digit),
                found => {
                    let kind = ErrorKind::Unexpected { found, expected: "a digit or `e`" };
                    return Err(Error { offset, kind }.into());
                }
            }
            if text.len() - usize::from(text.starts_with(b"-")) > MAX_INT_DIGITS {
                return Err(self.malformed(ErrorKind::NumberTooLong { max: MAX_INT_DIGITS }));
            }
        }
        number::check_int(&text, self.mode).map_err(|kind| Error { offset: start, kind })?;
        // The syntax is valid, so only the size can be wrong.
        let value = std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok());
        value.ok_or_else(|| Error { offset: start, kind: ErrorKind::NumberTooLong { max: 18 } }.into())
    }

    fn string(&mut self, first: u8, start: usize) -> Result<Vec<u8>, ReadError> {
        let mut digits = vec![first];
        loop {
            let offset = self.offset;
            match self.byte("a digit or `:`")? {
                b':' => break,
                digit @ b'0'..=b'9' => digits.push(digit),
                found => {
                    let kind = ErrorKind::Unexpected { found, expected: "a digit or `:`" };
                    return Err(Error { offset, kind }.into());
                }
            }
            if digits.len() > MAX_LEN_DIGITS {
                return Err(self.malformed(ErrorKind::NumberTooLong { max: MAX_LEN_DIGITS }));
            }
        }
        let len = number::string_len(&digits, self.mode).map_err(|kind| Error { offset: start, kind })?;
        if len > self.max_string {
            let kind = ErrorKind::StringTooLong { len, left: self.max_string };
            return Err(Error { offset: start, kind }.into());
        }
        let mut content = Vec::new();
        let read = (&mut self.inner).take(len).read_to_end(&mut content);
        let offset = self.offset;
        self.offset += content.len();
        read.map_err(|source| ReadError::Io { offset, source })?;
        if (content.len() as u64) < len {
            return Err(self.malformed(ErrorKind::End { expected: "the rest of a string" }));
        }
        Ok(content)
    }

    fn byte(&mut self, expected: &'static str) -> Result<u8, ReadError> {
        let mut byte = [0];
        match self.inner.read_exact(&mut byte) {
            Ok(()) => {
                self.offset += 1;
                Ok(byte[0])
            }
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
                Err(self.malformed(ErrorKind::End { expected }))
            }
            Err(source) => Err(ReadError::Io { offset: self.offset, source }),
        }
    }

    fn malformed(&self, kind: ErrorKind) -> ReadError {
        Error { offset: self.offset, kind }.into()
    }
}

#[cfg(test)]
mod tests;
