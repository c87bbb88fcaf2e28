#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use ztor_bencode::Tree;

const RSA: &[u8] = include_bytes!("testdata/rsa.der");
const EC: &[u8] = include_bytes!("testdata/ec.der");
const ED: &[u8] = include_bytes!("testdata/ed.der");
const EXTRA: &[u8] = b"d10:update-url21:https://feed.example/e";

/// Returns the info dictionary that the test data signs.
fn info() -> Vec<u8> {
    format!("d6:lengthi5e4:name4:file12:piece lengthi16384e6:pieces20:{}e", "h".repeat(20)).into_bytes()
}

/// Returns a torrent file with these signatures, bencoded.
fn torrent(signatures: &[u8]) -> Metainfo {
    let bytes = [b"d4:info", &info()[..], b"10:signatures", signatures, b"e"].concat();
    Metainfo::from_bytes(&bytes).unwrap()
}

fn signature(certificate: Option<&[u8]>, extra: Option<&[u8]>, signature: &[u8]) -> Vec<u8> {
    let bytes = |bytes: &[u8]| [format!("{}:", bytes.len()).as_bytes(), bytes].concat();
    let mut entry = b"d".to_vec();
    if let Some(certificate) = certificate {
        entry.extend([&b"11:certificate"[..], &bytes(certificate)].concat());
    }
    if let Some(extra) = extra {
        entry.extend([b"4:info", extra].concat());
    }
    entry.extend([&b"9:signature"[..], &bytes(signature), b"e"].concat());
    entry
}

fn named(name: &str, entry: &[u8]) -> Vec<u8> {
    [b"d", format!("{}:{name}", name.len()).as_bytes(), entry, b"e"].concat()
}

fn states(meta: &Metainfo) -> Vec<SignatureState> {
    let bulk = meta.bulk().unwrap();
    let feed = meta.feed(&bulk);
    meta.signatures().iter().map(|signature| signature.check(&bulk, &feed)).collect()
}

#[test]
fn signatures_of_openssl_with_several_keys_are_valid() {
    type Case = (&'static [u8], Option<&'static [u8]>, &'static [u8], &'static str);
    let cases: [Case; 4] = [
        (RSA, None, include_bytes!("testdata/rsa_sha1.sig"), "com.example"),
        (RSA, Some(EXTRA), include_bytes!("testdata/rsa_extra.sig"), "com.example"),
        (EC, None, include_bytes!("testdata/ec.sig"), "ec.example"),
        (ED, None, include_bytes!("testdata/ed.sig"), "ed.example"),
    ];
    for (certificate, extra, signed, name) in cases {
        let meta = torrent(&named("com.example", &signature(Some(certificate), extra, signed)));
        assert_eq!(states(&meta), [SignatureState::Valid], "{name}");
        assert_eq!(Certificate::from_der(certificate).unwrap().common_name.as_deref(), Some(name));
        assert!(meta.is_signed_by(&meta.bulk().unwrap(), certificate));
        assert!(!meta.is_signed_by(&meta.bulk().unwrap(), if name == "ec.example" { ED } else { EC }));
        // They stay in the torrent file.
        let again = Metainfo::from_bytes(&meta.to_bytes().unwrap()).unwrap();
        assert_eq!(again.signatures(), meta.signatures());
        // Of another torrent, they are invalid.
        let other = String::from_utf8_lossy(&info()).replace("i5e", "i6e").into_bytes();
        let entry = named("x", &signature(Some(certificate), extra, signed));
        let bytes = [b"d4:info", &other[..], b"10:signatures", &entry, b"e"].concat();
        assert_eq!(states(&Metainfo::from_bytes(&bytes).unwrap()), [SignatureState::Invalid]);
    }
}

#[test]
fn signature_without_a_usable_certificate_says_so() {
    let signed = include_bytes!("testdata/ec.sig");
    assert_eq!(
        states(&torrent(&named("x", &signature(None, None, signed)))),
        [SignatureState::NoCertificate]
    );
    let bad = named("x", &signature(Some(&EC[..EC.len() - 80]), None, signed));
    assert_eq!(states(&torrent(&bad)), [SignatureState::BadCertificate]);
    // The dictionary of the signer is signed, too.
    let extra = signature(Some(RSA), Some(EXTRA), include_bytes!("testdata/rsa_sha1.sig"));
    assert_eq!(states(&torrent(&named("x", &extra))), [SignatureState::Invalid]);
}

#[test]
fn unsound_signatures_are_left_out_and_their_number_is_bounded() {
    let sound = signature(None, None, b"s");
    let many: Vec<u8> = (0..100).flat_map(|n| [format!("3:{n:03}").as_bytes(), &sound].concat()).collect();
    assert_eq!(torrent(&[b"d", &many[..], b"e"].concat()).signatures().len(), MAX_SIGNATURES);
    for bad in [&b"i1e"[..], b"de", b"d9:signaturei1ee", &signature(None, None, &[0; 5000])] {
        assert!(torrent(&named("x", bad)).signatures().is_empty());
    }
    assert!(torrent(b"i5e").signatures().is_empty());
    let meta = torrent(&named("a\u{7}b", &sound));
    assert_eq!(meta.signatures()[0].name, "ab");
}

#[test]
fn feed_is_that_of_the_originator_if_it_has_signed_one() {
    let feed = |originator: Option<&[u8]>, url: &str| {
        let mut info =
            vec![("length", Tree::Int(5)), ("name", "file".into()), ("piece length", 16384u32.into())];
        info.push(("pieces", Tree::Bytes(vec![b'h'; 20])));
        info.extend(originator.map(|der| ("originator", Tree::Bytes(der.to_vec()))));
        info.push(("update-url", url.into()));
        Metainfo::from_info(&Tree::dict(info).to_vec()).unwrap()
    };
    let meta = feed(Some(EC), "http://plain.example/");
    let bulk = meta.bulk().unwrap();
    assert_eq!(meta.feed(&bulk).originator.as_deref(), Some(EC));
    assert_eq!(meta.update_url(&bulk).as_deref(), Some("http://plain.example/"));
    let meta = feed(None, "ftp://plain.example/");
    assert_eq!(meta.feed(&meta.bulk().unwrap()), Feed::default());
}

#[test]
fn from_der_of_any_prefix_or_change_does_not_panic() {
    for der in [RSA, EC, ED] {
        for len in 0..der.len() {
            assert_eq!(Certificate::from_der(&der[..len]), None);
            let mut changed = der.to_vec();
            changed[len] ^= 0x55;
            let _ = Certificate::from_der(&changed).map(|certificate| certificate.verify(b"m", b"s"));
        }
    }
}
