use std::io::{self, Write};

/// Writes bencoding to any [`Write`], and nothing that is not bencoding.
///
/// Each call writes one token. A call that would break the rules (a key out of order, a value without its
/// key, an end too many) fails with [`io::ErrorKind::InvalidInput`] around an [`EncodeError`] and writes
/// nothing. Many small writes are made: give it a `Vec<u8>` or a [`BufWriter`](io::BufWriter).
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
    /// The outermost value was begun.
    begun: bool,
}

/// A call to an [`Encoder`] that would not have made bencoding.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The key sorts before the one in front of it, or is the same.
    #[error("a dictionary key that does not sort after the one before it")]
    KeyOrder,
    /// A value where a dictionary wants a key.
    #[error("a value in a dictionary without a key before it")]
    KeyMissing,
    /// A key outside a dictionary, or where it wants a value.
    #[error("a dictionary key where none can be")]
    KeyMisplaced,
    /// An end with nothing open, or with a key that has no value.
    #[error("an end where none can be")]
    EndMisplaced,
    /// A second outermost value.
    #[error("a value after the end of the outermost one")]
    Trailing,
    /// Finished too early.
    #[error("the end of the outermost value is missing")]
    Unfinished,
}

#[derive(Debug)]
enum Open {
    List,
    Dict {
        last_key: Option<Vec<u8>>,
        /// A key was written, its value not.
        owes_value: bool,
    },
}

impl<W: Write> Encoder<W> {
    /// An encoder of one value.
    pub fn new(inner: W) -> Self {
        Self { inner, open: Vec::new(), begun: false }
    }

    /// Writes an integer.
    ///
    /// # Errors
    /// As the type says.
    pub fn int(&mut self, value: i64) -> io::Result<&mut Self> {
        self.value()?;
        write!(self.inner, "i{value}e")?;
        Ok(self)
    }

    /// Writes an integer.
    ///
    /// # Errors
    /// As the type says.
    pub fn uint(&mut self, value: u64) -> io::Result<&mut Self> {
        self.value()?;
        write!(self.inner, "i{value}e")?;
        Ok(self)
    }

    /// Writes a string of bytes.
    ///
    /// # Errors
    /// As the type says.
    pub fn bytes(&mut self, value: &[u8]) -> io::Result<&mut Self> {
        self.value()?;
        self.string(value)?;
        Ok(self)
    }

    /// Writes a string of text.
    ///
    /// # Errors
    /// As the type says.
    pub fn str(&mut self, value: &str) -> io::Result<&mut Self> {
        self.bytes(value.as_bytes())
    }

    /// Copies a value that is encoded already, a [`Value::raw`](crate::Value::raw) for one. It is not looked
    /// at.
    ///
    /// # Errors
    /// As the type says.
    pub fn raw(&mut self, encoded: &[u8]) -> io::Result<&mut Self> {
        self.value()?;
        self.inner.write_all(encoded)?;
        Ok(self)
    }

    /// Begins a list, up to its [`Encoder::end`].
    ///
    /// # Errors
    /// As the type says.
    pub fn begin_list(&mut self) -> io::Result<&mut Self> {
        self.value()?;
        self.inner.write_all(b"l")?;
        self.open.push(Open::List);
        Ok(self)
    }

    /// Begins a dictionary, up to its [`Encoder::end`].
    ///
    /// # Errors
    /// As the type says.
    pub fn begin_dict(&mut self) -> io::Result<&mut Self> {
        self.value()?;
        self.inner.write_all(b"d")?;
        self.open.push(Open::Dict { last_key: None, owes_value: false });
        Ok(self)
    }

    /// Writes a dictionary's key; its value must follow. Keys come in the order of their bytes.
    ///
    /// # Errors
    /// As the type says.
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
    /// As the type says.
    pub fn end(&mut self) -> io::Result<&mut Self> {
        if let None | Some(Open::Dict { owes_value: true, .. }) = self.open.last() {
            return Err(invalid(EncodeError::EndMisplaced));
        }
        self.inner.write_all(b"e")?;
        self.open.pop();
        Ok(self)
    }

    /// Flushes and gives back what was written to.
    ///
    /// # Errors
    /// [`EncodeError::Unfinished`] if the outermost value has not ended, or what the flush says.
    pub fn finish(mut self) -> io::Result<W> {
        if !self.begun || !self.open.is_empty() {
            return Err(invalid(EncodeError::Unfinished));
        }
        self.inner.flush()?;
        Ok(self.inner)
    }

    /// Notes that a value comes, if one may come.
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
    fn what_would_not_be_bencoding_is_refused() {
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
    fn an_unfinished_value_is_not_handed_out() {
        assert!(Encoder::new(Vec::new()).finish().is_err());
        let mut e = Encoder::new(Vec::new());
        e.begin_list().unwrap();
        assert!(e.finish().is_err());
    }
}
