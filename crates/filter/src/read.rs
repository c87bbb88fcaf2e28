//! Whole lists, plain or compressed.

use crate::error::ListError;
use crate::parser::{Parsed, Parser};
use flate2::read::{DeflateDecoder, MultiGzDecoder};
use std::io::Read;

/// Length of the parts in which compressed lists are read.
const PART: usize = 64 << 10;
/// Length of the header of a file in a zip archive, without its name and extra field.
const ZIP_HEADER_LEN: usize = 30;
/// Compression methods of zip archives.
const ZIP_STORED: u16 = 0;
const ZIP_DEFLATED: u16 = 8;

/// Reads a list in any format, plain or compressed with gzip or zip. Of an archive, the first file is read.
///
/// # Errors
/// The list is too long, damaged, or none.
pub fn read(bytes: &[u8]) -> Result<Parsed, ListError> {
    let mut parser = Parser::default();
    match bytes {
        [0x1f, 0x8b, ..] => feed_all(&mut parser, MultiGzDecoder::new(bytes))?,
        [b'P', b'K', 3, 4, ..] => feed_zip(&mut parser, bytes)?,
        [b'7', b'z', 0xbc, 0xaf, ..] => return Err(ListError::NotSupported("7z")),
        [b'R', b'a', b'r', b'!', ..] => return Err(ListError::NotSupported("RAR")),
        [b'B', b'Z', b'h', ..] => return Err(ListError::NotSupported("bzip2")),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => return Err(ListError::NotSupported("xz")),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => return Err(ListError::NotSupported("zstd")),
        _ => parser.feed(bytes)?,
    }
    parser.finish()
}

fn feed_all(parser: &mut Parser, mut from: impl Read) -> Result<(), ListError> {
    let mut part = vec![0; PART];
    loop {
        match from.read(&mut part) {
            Ok(0) => return Ok(()),
            Ok(len) => parser.feed(part.get(..len).unwrap_or_default())?,
            Err(error) => return Err(ListError::Compression(error.to_string())),
        }
    }
}

/// Reads the first file of a zip archive.
fn feed_zip(parser: &mut Parser, mut archive: &[u8]) -> Result<(), ListError> {
    let cut = || ListError::Compression("the archive is incomplete".to_owned());
    loop {
        let header: &[u8; ZIP_HEADER_LEN] = archive.first_chunk().ok_or_else(cut)?;
        let [_, _, _, _, _, _, flags, _, method, more_method, ..] = *header;
        let [.., s0, s1, s2, s3, _, _, _, _, name0, name1, extra0, extra1] = *header;
        if !header.starts_with(b"PK\x03\x04") {
            return Err(ListError::Empty);
        }
        if flags & 1 != 0 {
            return Err(ListError::NotSupported("an encrypted archive"));
        }
        let stored_len = u32::from_le_bytes([s0, s1, s2, s3]) as usize;
        let (name_len, extra_len) =
            (u16::from_le_bytes([name0, name1]), u16::from_le_bytes([extra0, extra1]));
        let data_at = ZIP_HEADER_LEN + usize::from(name_len) + usize::from(extra_len);
        let name = archive.get(ZIP_HEADER_LEN..ZIP_HEADER_LEN + usize::from(name_len)).ok_or_else(cut)?;
        let data = archive.get(data_at..).ok_or_else(cut)?;
        if name.ends_with(b"/") {
            archive = data.get(stored_len..).ok_or_else(cut)?;
            continue;
        }
        return match u16::from_le_bytes([method, more_method]) {
            ZIP_STORED => parser.feed(data.get(..stored_len).ok_or_else(cut)?),
            ZIP_DEFLATED => feed_all(parser, DeflateDecoder::new(data)),
            _ => Err(ListError::NotSupported("this compression method of zip")),
        };
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder};
    use std::io::Write;

    const LIST: &[u8] = b"name:1.2.3.0-1.2.3.255\n";

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zip(method: u16, name: &str, data: &[u8]) -> Vec<u8> {
        let mut file = b"PK\x03\x04\x14\0\0\0".to_vec();
        file.extend(method.to_le_bytes());
        file.extend([0; 8]);
        file.extend((data.len() as u32).to_le_bytes());
        file.extend([0; 4]);
        file.extend((name.len() as u16).to_le_bytes());
        file.extend([0; 2]);
        file.extend(name.as_bytes());
        file.extend(data);
        file
    }

    #[test]
    fn list_in_every_wrapping_is_read() {
        let mut deflated = DeflateEncoder::new(Vec::new(), Compression::default());
        deflated.write_all(LIST).unwrap();
        let deflated = deflated.finish().unwrap();
        let nested = [zip(0, "lists/", b""), zip(8, "lists/a.p2p", &deflated)].concat();
        for list in [LIST.to_vec(), gzip(LIST), zip(0, "a.dat", LIST), nested] {
            let parsed = read(&list).unwrap();
            assert!(parsed.table.has("1.2.3.4".parse().unwrap()) && parsed.report.entries == 1);
        }
    }

    #[test]
    fn damaged_and_unknown_archives_are_errors() {
        let whole = gzip(&LIST.repeat(100));
        assert!(matches!(read(&whole[..whole.len() - 9]), Err(ListError::Compression(_))));
        for archive in [&b"7z\xbc\xaf\x27\x1c"[..], b"Rar!\x1a\x07", b"\xfd7zXZ\0"] {
            assert!(matches!(read(archive), Err(ListError::NotSupported(_))), "{archive:?}");
        }
        let mut encrypted = zip(8, "a", b"");
        encrypted[6] = 1;
        assert!(matches!(read(&encrypted), Err(ListError::NotSupported(_))));
        for len in 4..ZIP_HEADER_LEN + 5 {
            assert!(read(&zip(0, "a.dat", LIST)[..len]).is_err(), "{len}");
        }
    }

    #[test]
    fn list_that_unpacks_beyond_the_bound_is_an_error() {
        let bomb = gzip(&vec![b'\n'; crate::MAX_LEN + 1]);
        assert!(bomb.len() < 100_000);
        assert_eq!(read(&bomb).unwrap_err(), ListError::TooLong);
    }
}
