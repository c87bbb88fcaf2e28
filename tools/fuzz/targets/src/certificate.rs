use ztor_metainfo::{Certificate, MAX_CERTIFICATE_LEN, MAX_SIGNATURES, Metainfo, SignatureState};

/// Checks a certificate: what is shown of it is plain, and its key accepts no signature at random.
pub fn certificate(data: &[u8]) {
    let Some(certificate) = Certificate::from_der(data) else { return };
    assert!(data.len() <= MAX_CERTIFICATE_LEN);
    if let Some(name) = &certificate.common_name {
        crate::assert_plain(name);
    }
    assert_ne!(certificate.verify(b"message", b"signature"), ztor_metainfo::Verdict::Valid);
}

/// Checks the signatures of a torrent file.
pub(crate) fn signatures(meta: &Metainfo) {
    let Ok(bulk) = meta.bulk() else { return };
    let feed = meta.feed(&bulk);
    let signatures = meta.signatures();
    assert!(signatures.len() <= MAX_SIGNATURES);
    for signature in signatures {
        crate::assert_plain(&signature.name);
        let has_certificate = signature.signer(&feed).is_some();
        let state = signature.check(&bulk, &feed);
        assert_eq!(state == SignatureState::NoCertificate, !has_certificate);
    }
    let _ = meta.update_url(&bulk);
}
