//! Signatures of torrents (BEP 35), and their feed of new versions (BEP 39).

use ztor_bencode::{Kind, Value};

use crate::certificate::{Certificate, MAX_CERTIFICATE_LEN, Verdict};
use crate::outside_info::UrlList;
use crate::{Bulk, Metainfo};

/// Maximum number of signatures read from a torrent.
pub const MAX_SIGNATURES: usize = 16;
/// Maximum length of the name of a signer, in bytes.
const MAX_NAME_LEN: usize = 255;
/// Maximum length of a signature, in bytes: that of an RSA key of 8192 bits.
const MAX_SIGNATURE_LEN: usize = 1024;
/// Maximum length of the dictionary that a signer adds, in bytes.
const MAX_EXTRA_LEN: usize = 64 * 1024;

/// A signature of a torrent (BEP 35).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TorrentSignature {
    /// Name of the signer, as the torrent claims.
    pub name: String,
    /// Certificate of the signer in DER, at most [`MAX_CERTIFICATE_LEN`] bytes; `None` if the torrent leaves it out.
    pub certificate: Option<Vec<u8>>,
    /// Dictionary that the signer adds, bencoded; `None` for none. The signature covers it too.
    pub extra: Option<Vec<u8>>,
    /// The signature.
    pub signature: Vec<u8>,
}

/// State of a signature.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SignatureState {
    /// The owner of the certificate has signed the torrent.
    Valid,
    /// The signature does not match the torrent and the certificate.
    Invalid,
    /// There is no certificate to check it with.
    NoCertificate,
    /// The certificate cannot be read.
    BadCertificate,
    /// The key of the certificate is of an unsupported kind.
    Unsupported,
}

/// Feed of new versions of a torrent (BEP 39), as its info dictionary names it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Feed {
    /// `update-url`: HTTP(S) only; `None` without a feed.
    pub update_url: Option<String>,
    /// `originator`: certificate in DER of those who may sign new versions; `None` if none is named.
    pub originator: Option<Vec<u8>>,
}

impl Metainfo {
    /// Returns the signatures of the torrent file, sound ones only, at most [`MAX_SIGNATURES`].
    pub fn signatures(&self) -> Vec<TorrentSignature> {
        let Some(raw) = self.kept_field("signatures") else { return Vec::new() };
        let Ok(document) = ztor_bencode::decode(raw) else { return Vec::new() };
        let entries = document.root().entries().filter_map(|(name, entry)| read(name, entry));
        entries.take(MAX_SIGNATURES).collect()
    }

    /// Returns the feed of new versions.
    pub fn feed(&self, bulk: &Bulk) -> Feed {
        let Ok(document) = ztor_bencode::decode(bulk.info()) else { return Feed::default() };
        let info = document.root();
        Feed { update_url: update_url(info), originator: certificate(info.get(b"originator")) }
    }

    /// Returns the address of the feed: the one that the originator has signed, or else that of the info dictionary.
    pub fn update_url(&self, bulk: &Bulk) -> Option<String> {
        let feed = self.feed(bulk);
        let signed = self.signatures().into_iter().filter_map(|signature| {
            let extra = signature.extra.as_ref()?;
            let is_originator = feed.originator.is_some() && signature.signer(&feed) == feed.originator;
            let is_valid = is_originator && signature.check(bulk, &feed) == SignatureState::Valid;
            let document = ztor_bencode::decode(extra).ok().filter(|_| is_valid)?;
            update_url(document.root())
        });
        signed.into_iter().next().or(feed.update_url)
    }

    /// Returns true if the owner of a certificate has signed the torrent.
    pub fn is_signed_by(&self, bulk: &Bulk, certificate: &[u8]) -> bool {
        let feed = Feed { update_url: None, originator: Some(certificate.to_vec()) };
        let is_his = |signature: &TorrentSignature| {
            signature.signer(&feed).as_deref() == Some(certificate)
                && signature.check(bulk, &feed) == SignatureState::Valid
        };
        self.signatures().iter().any(is_his)
    }
}

impl TorrentSignature {
    /// Returns the certificate to check it with: its own, or that of the originator of the torrent (BEP 39).
    pub fn signer(&self, feed: &Feed) -> Option<Vec<u8>> {
        self.certificate.clone().or_else(|| feed.originator.clone())
    }

    /// Checks the signature of a torrent with this info dictionary.
    pub fn check(&self, bulk: &Bulk, feed: &Feed) -> SignatureState {
        let Some(certificate) = self.signer(feed) else { return SignatureState::NoCertificate };
        let Some(certificate) = Certificate::from_der(&certificate) else {
            return SignatureState::BadCertificate;
        };
        let message = [bulk.info(), self.extra.as_deref().unwrap_or_default()].concat();
        match certificate.verify(&message, &self.signature) {
            Verdict::Valid => SignatureState::Valid,
            Verdict::Invalid => SignatureState::Invalid,
            Verdict::Unsupported => SignatureState::Unsupported,
        }
    }
}

fn read(name: &[u8], entry: Value<'_>) -> Option<TorrentSignature> {
    let name = String::from_utf8_lossy(name.get(..name.len().min(MAX_NAME_LEN))?);
    let name: String = name.chars().filter(|c| !c.is_control()).collect();
    let signature = entry.get(b"signature")?.as_bytes().filter(|bytes| bytes.len() <= MAX_SIGNATURE_LEN)?;
    let extra = entry.get(b"info").filter(|info| info.kind() == Kind::Dict).map(|info| info.raw());
    if extra.is_some_and(|extra| extra.len() > MAX_EXTRA_LEN) {
        return None;
    }
    Some(TorrentSignature {
        name,
        certificate: certificate(entry.get(b"certificate")),
        extra: extra.map(<[u8]>::to_vec),
        signature: signature.to_vec(),
    })
}

fn certificate(value: Option<Value<'_>>) -> Option<Vec<u8>> {
    let bytes = value?.as_bytes().filter(|bytes| !bytes.is_empty() && bytes.len() <= MAX_CERTIFICATE_LEN)?;
    Some(bytes.to_vec())
}

fn update_url(dict: Value<'_>) -> Option<String> {
    UrlList::of_web_seeds().take_str(dict.get(b"update-url")?.as_str()?)
}

#[cfg(test)]
mod tests;
