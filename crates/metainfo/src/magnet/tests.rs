#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]
use proptest::prelude::*;

use super::*;

const HEX: &str = "0123456789abcdef0123456789ABCDEF01234567";

fn parse(link: &str) -> Result<Magnet, MagnetError> {
    link.parse()
}

#[test]
fn parse_of_a_full_link_reads_every_parameter() {
    let link = format!(
        "magnet:?xt=urn:btih:{HEX}&amp;xt=urn:btmh:1220{}&dn=A+name%20with%2Fslash&tr=udp%3A%2F%2Ft.example%3A80\
         &tr.1=https://t.example/announce&tr=dht://no&tr=udp://t.example:80&x.pe=10.0.0.1:6881&x.pe=[::1]:1\
         &x.pe=host.example:70000&so=0,2,4,6-8&ws=http://w.example/&xl=100&unknown",
        "ab".repeat(32)
    );
    let magnet = parse(&link).unwrap();
    assert_eq!(magnet.info_hashes.v1().unwrap().to_string(), HEX.to_lowercase());
    assert_eq!(magnet.info_hashes.v2(), Some(InfoHashV2::new([0xab; 32])));
    assert_eq!(magnet.name.as_deref(), Some("A name with_slash"));
    assert_eq!(magnet.trackers, ["udp://t.example:80", "https://t.example/announce"]);
    assert_eq!(magnet.peers, ["10.0.0.1:6881", "[::1]:1"]);
    assert_eq!(magnet.select, [0..=0, 2..=2, 4..=4, 6..=8]);
    assert_eq!(magnet.web_seeds, ["http://w.example/"]);
    let wanted: Vec<usize> = (0..12).filter(|&file| magnet.selects(file)).collect();
    assert_eq!(wanted, [0, 2, 4, 6, 7, 8]);
    assert_eq!(parse(&magnet.to_string()).unwrap(), magnet);
}

#[test]
fn parse_of_a_base32_hash_gives_its_bytes() {
    let base32 = BASE32_NOPAD.encode(&[7; 20]);
    for digits in [base32.to_lowercase(), base32] {
        let magnet = parse(&format!("MAGNET:?XT=URN:BTIH:{digits}")).unwrap();
        assert_eq!(magnet, Magnet::new(InfoHashes::V1(InfoHashV1::new([7; 20]))));
        assert!(magnet.selects(usize::MAX));
    }
}

#[test]
fn parse_leaves_out_invalid_parts() {
    let hash = InfoHashes::V1(v1_hash(HEX).unwrap());
    let two = format!("magnet:?xt=urn:btih:12&xt=urn:btih:{HEX}&xt=urn:btih:{}", "0".repeat(40));
    assert_eq!(parse(&two).unwrap().info_hashes, hash);
    let link = format!("magnet:?xt=urn:btih:{HEX}&so=x,3-1,4,1-,-1,99999999999,6-7");
    assert_eq!(parse(&link).unwrap().select, [4..=4, 6..=7]);
    // A link can name a file a hundred thousand times, and `selects` is called for each file.
    let link = format!("magnet:?xt=urn:btih:{HEX}&so=7,7,3-5,{}4-8,10&so=2", "9,".repeat(100_000));
    let magnet = parse(&link).unwrap();
    assert_eq!(magnet.select, [2..=10]);
    assert!(magnet.selects(2) && magnet.selects(10) && !magnet.selects(1) && !magnet.selects(11));
    let escaped = format!(" magnet%3A%3Fxt%3Durn%3Abtih%3A{HEX}%26dn%3Da%2520b\n");
    assert_eq!(parse(&escaped).unwrap().name.as_deref(), Some("a b"));
    let half = format!("magnet:%3Fxt=urn:btih:{HEX}");
    assert_eq!(parse(&half).unwrap().info_hashes, hash);
}

#[test]
fn of_hash_takes_every_form_of_a_bare_hash() {
    let v1 = Magnet::new(InfoHashes::V1(InfoHashV1::new([7; 20])));
    assert_eq!(Magnet::of_hash(&format!(" {}\n", "07".repeat(20))), Some(v1.clone()));
    assert_eq!(Magnet::of_hash(&BASE32_NOPAD.encode(&[7; 20]).to_lowercase()), Some(v1));
    let v2 = Magnet::new(InfoHashes::V2(InfoHashV2::new([7; 32])));
    assert_eq!(Magnet::of_hash(&"07".repeat(32)), Some(v2.clone()));
    assert_eq!(Magnet::of_hash(&format!("1220{}", "07".repeat(32))), Some(v2));
    for no in ["", "07", "magnet:?", &"g".repeat(40), &"07".repeat(33)] {
        assert_eq!(Magnet::of_hash(no), None, "{no}");
    }
}

#[test]
fn parse_of_a_link_without_a_torrent_is_an_error() {
    assert_eq!(parse("http://example.org"), Err(MagnetError::Scheme));
    assert_eq!(parse("magnet"), Err(MagnetError::Scheme));
    assert_eq!(parse("magnet:?dn=x"), Err(MagnetError::NoTorrent));
    assert_eq!(parse("magnet:?xt=urn:ed2k:31D6CFE0D16AE931B73C59D7E0C089C0"), Err(MagnetError::NoTorrent));
    assert!(matches!(parse("magnet:?xt=urn:btih:12"), Err(MagnetError::Hash { .. })));
    assert!(matches!(
        parse(&format!("magnet:?xt=urn:btih:{}", "g".repeat(40))),
        Err(MagnetError::Hash { .. })
    ));
    assert!(matches!(
        parse(&format!("magnet:?xt=urn:btmh:1114{}", "a".repeat(40))),
        Err(MagnetError::Hash { .. })
    ));
    assert!(matches!(
        parse(&format!("magnet:?{}", "a".repeat(MAX_MAGNET_LEN))),
        Err(MagnetError::TooLong(_))
    ));
}

prop_compose! {
    fn magnet()(
        v1 in prop::option::of(any::<[u8; 20]>()),
        v2 in any::<[u8; 32]>(),
        has_v2 in any::<bool>(),
        name in prop::option::of(any::<String>()),
        hosts in prop::collection::btree_set("[a-z0-9.-]{1,20}", 0..4),
        path in "[ -~]{0,20}",
        select in prop::collection::vec((any::<u32>(), 0_u32..10), 0..4),
    ) -> Magnet {
        let path = path.replace(' ', "");
        Magnet {
            info_hashes: match v1.map(InfoHashV1::new) {
                None => InfoHashes::V2(InfoHashV2::new(v2)),
                Some(v1) if has_v2 => InfoHashes::Hybrid(v1, InfoHashV2::new(v2)),
                Some(v1) => InfoHashes::V1(v1),
            },
            name: name.map(|name| safe_element(name.as_bytes(), Naming::Portable)),
            trackers: hosts.iter().map(|host| format!("udp://{host}/{path}")).collect(),
            peers: hosts.iter().map(|host| format!("{host}:6881")).collect(),
            select: merged(
                select.into_iter().map(|(first, more)| first..=first.saturating_add(more)).collect(),
            ),
            web_seeds: hosts.iter().map(|host| format!("https://{host}/{path}")).collect(),
        }
    }
}

proptest! {
    #[test]
    fn written_link_parses_to_the_same_link(magnet in magnet()) {
        prop_assert_eq!(parse(&magnet.to_string()), Ok(magnet));
    }

    #[test]
    fn any_text_ends_in_a_link_or_an_error(text in any::<String>(), key in "xt|dn|tr|x\\.pe|so|ws") {
        let _ = parse(&text);
        if let Ok(magnet) = parse(&format!("magnet:?xt=urn:btih:{HEX}&{key}={text}")) {
            prop_assert_eq!(parse(&magnet.to_string()), Ok(magnet));
        }
    }
}
