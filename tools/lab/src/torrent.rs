//! Creation of torrents with several programs, and the info-hashes of the result.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::process::Invocation;
use super::tools::Tools;

/// Format of a torrent: one of the two, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    V1,
    V2,
    Hybrid,
}

impl Format {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
            Self::Hybrid => "hybrid",
        }
    }
}

/// A program that makes torrents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Maker {
    /// Makes v1 torrents only.
    Mktorrent,
    Libtorrent,
    Ztor,
}

impl Maker {
    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::Mktorrent => "mktorrent",
            Self::Libtorrent => "libtorrent",
            Self::Ztor => "ztor",
        }
    }

    /// Makes the requested torrent at `output`.
    pub(crate) fn make(self, what: &Request<'_>, output: &Path, home: &Path, tools: &Tools) -> Result<()> {
        let piece_len = what.piece_kib * 1024;
        let invocation = match self {
            Self::Mktorrent => {
                let exponent = piece_len.ilog2().to_string();
                let invocation = Invocation::new(tools.program("mktorrent")?);
                invocation.args(["-t", "1", "-l", &exponent, "-a", what.announce_url, "-o"]).arg(output)
            }
            Self::Libtorrent => {
                let options = ["--format", what.format.name(), "--tracker", what.announce_url];
                let invocation = tools.libtorrent()?.arg("make").args(options);
                invocation.args(["--piece-length", &piece_len.to_string(), "--output"]).arg(output)
            }
            Self::Ztor => {
                let piece_len = format!("{}KiB", what.piece_kib);
                let invocation = Invocation::new(tools.program("ztor")?).arg("create");
                let options = ["--format", what.format.name(), "--tracker", what.announce_url];
                invocation.args(options).args(["--piece-length", &piece_len, "--output"]).arg(output)
            }
        };
        invocation.arg(what.data).output(None, home).map(drop)
    }
}

/// Properties of a torrent to make.
pub(crate) struct Request<'a> {
    pub(crate) data: &'a Path,
    pub(crate) format: Format,
    pub(crate) piece_kib: u32,
    pub(crate) announce_url: &'a str,
}

/// An info-hash in the form for trackers: a v2 hash is cut to 20 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InfoHash(pub(crate) [u8; 20]);

impl InfoHash {
    pub(crate) fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Returns the info-hashes of a torrent file: one, or two for a hybrid torrent, v1 first.
///
/// Computed here and not by ztor, so that the tested program does not vouch for itself.
pub(crate) fn info_hashes(torrent: &Path, format: Format) -> Result<Vec<InfoHash>> {
    let bytes = fs::read(torrent)?;
    let info = info_span(&bytes).with_context(|| format!("{} has no info dictionary", torrent.display()))?;
    let v1 = InfoHash(Sha1::digest(info).into());
    let mut cut = [0; 20];
    cut.copy_from_slice(&Sha256::digest(info)[..20]);
    Ok(match format {
        Format::V1 => vec![v1],
        Format::V2 => vec![InfoHash(cut)],
        Format::Hybrid => vec![v1, InfoHash(cut)],
    })
}

/// Returns a bencoded dictionary with one more entry, whose value is bencoded, in its place by the order of keys.
pub(crate) fn with_entry(dict: &[u8], key: &str, value: &[u8]) -> Result<Vec<u8>> {
    let mut at = 1;
    while *dict.get(at).context("cut off")? != b'e' {
        let end = skip(dict, at)?;
        let colon = dict[at..end].iter().position(|&byte| byte == b':').context("a key that is no string")?;
        if &dict[at + colon + 1..end] > key.as_bytes() {
            break;
        }
        at = skip(dict, end)?;
    }
    Ok([&dict[..at], &bencoded(key.as_bytes()), value, &dict[at..]].concat())
}

/// Returns a bencoded string.
pub(crate) fn bencoded(text: &[u8]) -> Vec<u8> {
    [format!("{}:", text.len()).as_bytes(), text].concat()
}

/// Returns the bytes of the value of `info`.
pub(crate) fn info_span(torrent: &[u8]) -> Result<&[u8]> {
    let mut at = 1;
    while torrent.get(at).is_some_and(|&byte| byte != b'e') {
        let value = skip(torrent, at)?;
        let end = skip(torrent, value)?;
        if torrent.get(at..value) == Some(b"4:info") {
            return torrent.get(value..end).context("cut off");
        }
        at = end;
    }
    bail!("no such key")
}

/// Returns the index behind the bencoded value at `at`.
fn skip(bytes: &[u8], at: usize) -> Result<usize> {
    let find = |byte: u8| {
        let found = bytes.iter().skip(at).position(|&other| other == byte);
        found.map(|offset| at + offset).context("cut off")
    };
    match bytes.get(at).context("cut off")? {
        b'i' => Ok(find(b'e')? + 1),
        b'l' | b'd' => {
            let mut next = at + 1;
            while *bytes.get(next).context("cut off")? != b'e' {
                next = skip(bytes, next)?;
            }
            Ok(next + 1)
        }
        _ => {
            let colon = find(b':')?;
            let len: usize = std::str::from_utf8(&bytes[at..colon])?.parse()?;
            Ok(colon + 1 + len)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "that is how a test fails")]

    use super::*;

    #[test]
    fn info_span_of_a_torrent_with_decoys_is_the_top_level_value() {
        let torrent = b"d8:announce5:x:e:d4:infod4:name1:a6:lengthi5ee4:listl1:ai1eee";
        assert_eq!(info_span(torrent).unwrap(), b"d4:name1:a6:lengthi5ee");
        for cut in 0..torrent.len() - 20 {
            assert!(info_span(&torrent[..cut]).is_err());
        }
        assert!(info_span(b"d4:listl4:infoee").is_err());
    }

    #[test]
    fn with_entry_puts_the_entry_into_its_place() {
        let dict = b"d1:bi5e1:dlee";
        for (key, expected) in
            [("a", &b"d1:a1:x1:bi5e1:dlee"[..]), ("c", b"d1:bi5e1:c1:x1:dlee"), ("e", b"d1:bi5e1:dle1:e1:xe")]
        {
            assert_eq!(with_entry(dict, key, &bencoded(b"x")).unwrap(), expected);
        }
        assert!(with_entry(b"d1:b", "c", b"le").is_err() && with_entry(b"di5e", "a", b"le").is_err());
    }
}
