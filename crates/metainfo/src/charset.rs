//! Text encodings other than UTF-8, as in old torrents.

use std::borrow::Cow;

use encoding_rs::Encoding;
use ztor_bencode::Value;

/// Encoding of names and texts that are not UTF-8, from the torrent's `encoding` field.
///
/// Valid UTF-8 is always read as UTF-8: many programs write the field without need, and text in another encoding is
/// hardly ever valid UTF-8.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Charset(Option<&'static Encoding>);

impl Charset {
    /// Reads the `encoding` field of a torrent file. Ignores unknown encodings, and those that are not compatible with
    /// ASCII, because file names cannot use them.
    pub(crate) fn of(torrent: Value<'_>) -> Self {
        let label = torrent.get(b"encoding").and_then(|value| value.as_bytes());
        let encoding = label.and_then(Encoding::for_label_no_replacement);
        Self(encoding.filter(|encoding| encoding.is_ascii_compatible() && *encoding != encoding_rs::UTF_8))
    }

    /// Returns the name of the encoding; `None` if it is UTF-8 or unsupported.
    pub(crate) fn name(self) -> Option<&'static str> {
        self.0.map(Encoding::name)
    }

    /// Decodes text. Invalid sequences become `U+FFFD`.
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
