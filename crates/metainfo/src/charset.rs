//! Text in old torrents, which is not UTF-8.

use std::borrow::Cow;

use encoding_rs::Encoding;
use ztor_bencode::Value;

/// The encoding of names and texts: what `encoding` says where they are not UTF-8.
///
/// Text that is valid UTF-8 is read as UTF-8 whatever the torrent says: many programs write the field by habit, and
/// text of another encoding is hardly ever valid UTF-8 by chance.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Charset(Option<&'static Encoding>);

impl Charset {
    /// Reads `encoding` of a torrent file. A name that is unknown, or that of an encoding in which names of files
    /// cannot have been written, is as good as none.
    pub(crate) fn of(torrent: Value<'_>) -> Self {
        let label = torrent.get(b"encoding").and_then(|value| value.as_bytes());
        let encoding = label.and_then(Encoding::for_label_no_replacement);
        Self(encoding.filter(|encoding| encoding.is_ascii_compatible() && *encoding != encoding_rs::UTF_8))
    }

    /// The name of the encoding, if it is not UTF-8.
    pub(crate) fn name(self) -> Option<&'static str> {
        self.0.map(Encoding::name)
    }

    /// The text; what cannot be read becomes `U+FFFD`.
    pub(crate) fn decode(self, raw: &[u8]) -> Cow<'_, str> {
        match (std::str::from_utf8(raw), self.0) {
            (Ok(text), _) => Cow::Borrowed(text),
            (Err(_), Some(encoding)) => encoding.decode_without_bom_handling(raw).0,
            (Err(_), None) => String::from_utf8_lossy(raw),
        }
    }

    /// Returns true if the text would be the same without the field.
    pub(crate) fn is_needless_for(self, raw: &[u8]) -> bool {
        self.0.is_none() || std::str::from_utf8(raw).is_ok()
    }
}
