//! Compressed answers.

use axum::http::HeaderMap;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::{self, Write as _};

/// Length in bytes below which an answer is not compressed.
const MIN: usize = 1024;
/// Length in bytes from which an answer is compressed on a thread that may take long.
const LONG: usize = 64 << 10;

/// Compresses an answer if its client takes that, and if it is long enough. Also returns whether it did.
///
/// # Errors
/// The runtime ends.
pub(crate) async fn compress(answer: Vec<u8>, request: &HeaderMap) -> io::Result<(Vec<u8>, bool)> {
    if answer.len() < MIN || !crate::web::takes_gzip(request) {
        return Ok((answer, false));
    }
    let packed = match answer.len() < LONG {
        true => pack(&answer)?,
        false => tokio::task::spawn_blocking(move || pack(&answer)).await.map_err(io::Error::other)??,
    };
    Ok((packed, true))
}

/// Compresses at the level of the least time. Lists of torrents shrink to a fifth.
fn pack(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use axum::http::{HeaderValue, header};
    use std::io::Read as _;

    #[test]
    fn long_answers_are_compressed_for_those_who_take_it() {
        let takes = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"))]);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for (len, request, is_packed) in [
            (MIN - 1, &takes, false),
            (MIN, &takes, true),
            (LONG, &takes, true),
            (LONG, &HeaderMap::new(), false),
        ] {
            let answer = vec![b'a'; len];
            let (sent, packed) = runtime.block_on(compress(answer.clone(), request)).unwrap();
            assert_eq!(packed, is_packed, "{len}");
            let mut read = sent.clone();
            if packed {
                read.clear();
                flate2::read::GzDecoder::new(sent.as_slice()).read_to_end(&mut read).unwrap();
            }
            assert!(read == answer, "{len}");
        }
    }
}
