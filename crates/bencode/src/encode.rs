use std::io::{self, Write};

/// Writes valid bencoding to any [`Write`].
///
/// Each call writes one token. A call that breaks the rules (a key out of order, a value without its key, a surplus
/// end) writes nothing and fails with [`io::ErrorKind::InvalidInput`], which wraps an [`EncodeError`]. The encoder
/// makes many small writes: use a `Vec<u8>` or a [`BufWriter`](io::BufWriter).
///
/// ```
/// # use ztor_bencode::Encoder;
/// let mut encoder = Encoder::new(Vec::new());
/// encoder.begin_dict()?.key(b"cow")?.str("moo")?.key(b"spam")?.int(-3)?.end()?;
/// assert_eq!(encoder.finish()?, b"d3:cow3:moo4:spami-3ee");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Encoder<W> {
    inner: W,
    open: Vec<Open>,
    /// Set when the outermost value has begun.
    begun: bool,
}

/// Error of an [`Encoder`] call that would produce invalid bencoding.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A key that does not sort after the previous one.
    #[error("a dictionary key that does not sort after the previous one")]
    KeyOrder,
    /// A value in place of a dictionary key.
    #[error("a value in a dictionary without a key before it")]
    KeyMissing,
    /// A key outside a dictionary, or in place of a value.
    #[error("a dictionary key where none is allowed")]
    KeyMisplaced,
    /// An end without an open list or dictionary, or after a key without a value.
    #[error("an end where none is allowed")]
    EndMisplaced,
    /// A second outermost value.
    #[error("a value after the end of the outermost one")]
    Trailing,
    /// An outermost value without its end.
    #[error("the end of the outermost value is missing")]
    Unfinished,
}

#[derive(Debug)]
enum Open {
    List,
    Dict {
        last_key: Option<Vec<u8>>,
        /// Set when a key has been written but not its value.
        owes_value: bool,
    },
}

impl<W: Write> Encoder<W> {
    /// Creates an encoder for one value.
    pub fn new(inner: W) -> Self {
        Self { inner, open: Vec::new(), begun: false }
    }

    /// Writes an integer.
    ///
    /// # Errors
    /// See [`Encoder`].
    pub fn int(&mut self, value: i64) -> io::Result<&mut Self> {
        self.value()?;
        write!(self.inner, "i{value}e")?;
        Ok(self)
    }

    /// Writes an integer.
    ///
    /// # Errors
    /// See [`Encoder`].
    pub fn uint(&mut self, value: u64) -> io::Result<&mut Self> {
        self.value()?;
        write!(self.inner, "i{value}e")?;
        Ok(self)
    }

    /// Writes a string of bytes.
    ///
    /// # Errors
    /// See [`Encoder`].
    pub fn bytes(&mut self, value: &[u8]) -> io::Result<&mut Self> {
        self.value()?;
        self.string(value)?;
        Ok(self)
    }

    /// Writes a string of text.
    ///
    /// # Errors
    /// See [`Encoder`].
    pub fn str(&mut self, value: &str) -> io::Result<&mut Self> {
        self.bytes(value.as_bytes())
    }

    /// Copies an encoded value, such as a [`Value::raw`](crate::Value::raw), without checking it.
    ///
    /// # Errors
    /// See [`Encoder`].
    pub fn raw(&mut self, encoded: &[u8]) -> io::Result<&mut Self> {
        self.value()?;
        self.inner.write_all(encoded)?;
        Ok(self)
    }

    /// Begins a list, up to its [`Encoder::end`].
    ///
    /// # Errors
    /// See [`Encoder`].
    pub fn begin_list(&mut self) -> io::Result<&mut Self> {
        self.value()?;
        self.inner.write_all(b"l")?;
        self.open.push(Open::List);
        Ok(self)
    }

    /// Begins a dictionary, up to its [`Encoder::end`].
    ///
    /// # Errors
    /// See [`Encoder`].
    pub fn begin_dict(&mut self) -> io::Result<&mut Self> {
        self.value()?;
        self.inner.write_all(b"d")?;
        self.open.push(Open::Dict { last_key: None, owes_value: false });
        Ok(self)
    }

    /// Writes a dictionary key; its value must follow. Keys must be sorted by their bytes.
    ///
    /// # Errors
    /// See [`Encoder`].
    pub fn key(&mut self, key: &[u8]) -> io::Result<&mut Self> {
        let Some(Open::Dict { last_key, owes_value: owes_value @ false }) = self.open.last_mut() else {
            return Err(invalid(EncodeError::KeyMisplaced));
        };
        match last_key {
            Some(last) if key <= last.as_slice() => return Err(invalid(EncodeError::KeyOrder)),
            Some(last) => {
                last.clear();
                last.extend_from_slice(key);
            }
            None => *last_key = Some(key.to_vec()),
        }
        *owes_value = true;
        self.string(key)?;
        Ok(self)
    }

    /// Ends the innermost list or dictionary.
    ///
    /// # Errors
    /// See [`Encoder`].
    pub fn end(&mut self) -> io::Result<&mut Self> {
        if let None | Some(Open::Dict { owes_value: true, .. }) = self.open.last() {
            return Err(invalid(EncodeError::EndMisplaced));
        }
        self.inner.write_all(b"e")?;
        self.open.pop();
        Ok(self)
    }

    /// Flushes and returns the inner writer.
    ///
    /// # Errors
    /// [`EncodeError::Unfinished`] if the outermost value has not ended, or the error of the flush.
    pub fn finish(mut self) -> io::Result<W> {
        if !self.begun || !self.open.is_empty() {
            return Err(invalid(EncodeError::Unfinished));
        }
        self.inner.flush()?;
        Ok(self.inner)
    }

    /// Checks that a value is allowed here, and records it.
    fn value(&mut self) -> io::Result<()> {
        match self.open.last_mut() {
            None if self.begun => return Err(invalid(EncodeError::Trailing)),
            None => self.begun = true,
            Some(Open::List) => {}
            Some(Open::Dict { owes_value: false, .. }) => return Err(invalid(EncodeError::KeyMissing)),
            Some(Open::Dict { owes_value, .. }) => *owes_value = false,
        }
        Ok(())
    }

    fn string(&mut self, value: &[u8]) -> io::Result<()> {
        write!(self.inner, "{}:", value.len())?;
        self.inner.write_all(value)
    }
}

fn invalid(error: EncodeError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panic")]
    use super::*;

    fn refused(result: io::Result<&mut Encoder<Vec<u8>>>) -> EncodeError {
        *result.unwrap_err().get_ref().unwrap().downcast_ref::<EncodeError>().unwrap()
    }

    #[test]
    fn encoder_call_that_breaks_the_rules_is_an_error() {
        let mut e = Encoder::new(Vec::new());
        assert_eq!(refused(e.key(b"a")), EncodeError::KeyMisplaced);
        assert_eq!(refused(e.end()), EncodeError::EndMisplaced);
        e.begin_dict().unwrap();
        assert_eq!(refused(e.int(1)), EncodeError::KeyMissing);
        e.key(b"b").unwrap();
        assert_eq!(refused(e.key(b"c")), EncodeError::KeyMisplaced);
        assert_eq!(refused(e.end()), EncodeError::EndMisplaced);
        e.begin_list().unwrap().uint(u64::MAX).unwrap().raw(b"le").unwrap().end().unwrap();
        assert_eq!(refused(e.key(b"b")), EncodeError::KeyOrder);
        assert_eq!(refused(e.key(b"a")), EncodeError::KeyOrder);
        e.end().unwrap();
        assert_eq!(refused(e.str("x")), EncodeError::Trailing);
        assert_eq!(e.finish().unwrap(), b"d1:bli18446744073709551615eleee");
    }

    #[test]
    fn finish_of_an_unfinished_value_is_an_error() {
        assert!(Encoder::new(Vec::new()).finish().is_err());
        let mut e = Encoder::new(Vec::new());
        e.begin_list().unwrap();
        assert!(e.finish().is_err());
    }
}
