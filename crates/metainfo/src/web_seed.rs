//! URLs of web seeds.

use crate::Metainfo;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode, utf8_percent_encode};
use std::ops::Range;

/// Bytes that are escaped in a path: all but the unreserved ones (RFC 3986 §2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl Metainfo {
    /// Returns the URL of a file on the web seed `base` (BEP 19 §"Metadata Extension"): for a single file `base` itself, or
    /// with the name if it ends with a slash; otherwise with name and path. A query of `base` stays at the end. Names are
    /// those of this metainfo: [`Naming::Exact`](crate::paths::Naming::Exact) suits servers best.
    pub fn web_seed_url(&self, base: &str, file: usize) -> String {
        let end = base.find(['?', '#']).unwrap_or(base.len());
        let (path, query) = base.split_at(end);
        let mut url = path.to_owned();
        if self.is_single_file() && !url.ends_with('/') {
            return base.to_owned();
        }
        if !url.ends_with('/') {
            url.push('/');
        }
        url.extend(utf8_percent_encode(&self.name, ESCAPED));
        if !self.is_single_file()
            && let Some(file) = self.layout.files().get(file)
        {
            for element in file.elements() {
                url.push('/');
                url.extend(utf8_percent_encode(element, ESCAPED));
            }
        }
        url + query
    }

    /// Returns the URL of a range of a piece, in bytes, on the script at `base` (BEP 17 §"Protocol").
    pub fn http_seed_url(&self, base: &str, piece: u32, range: Range<u32>) -> String {
        let swarm = self.info_hashes.swarm_id();
        let hash = percent_encode(swarm.as_ref(), NON_ALPHANUMERIC);
        let base = base.split('#').next().unwrap_or(base);
        let separator = if base.contains('?') { '&' } else { '?' };
        let mut url = format!("{base}{separator}info_hash={hash}&piece={piece}");
        if range != (0..self.layout.piece_len(piece)) {
            // The end is inclusive.
            url.push_str(&format!("&ranges={}-{}", range.start, range.end.saturating_sub(1)));
        }
        url
    }
}
