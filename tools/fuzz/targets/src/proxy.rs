use ztor_socks::{MAX_ANSWER, Proxy, ProxyKind, Step, Target, Tunnel, udp};

/// Checks URLs of proxies: the password shows nowhere, and what is written can be read.
pub fn proxy_url(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match text.parse::<Proxy>() {
        Ok(proxy) => {
            assert_eq!(proxy.secret_url().parse::<Proxy>().as_ref(), Ok(&proxy));
            crate::assert_plain(&proxy.to_string());
            if let Some(credentials) = proxy.credentials() {
                assert!(credentials.user().len() <= 255 && credentials.password().len() <= 255);
                assert!(
                    !format!("{proxy:?}").contains(&format!(":{}@", credentials.password()))
                        || credentials.password() == "***"
                        || credentials.password().is_empty()
                );
            }
        }
        Err(error) => crate::assert_plain(&error.to_string()),
    }
}

/// Checks negotiations with proxies of every kind, in any cuts, and datagrams of a relay. The first byte selects the
/// kind of the proxy and of the target, the second one the length of the cuts.
pub fn socks(data: &[u8]) {
    if let Some((source, payload)) = udp::decode(data) {
        assert!(data.ends_with(payload));
        let mut again = Vec::new();
        udp::encode_header(&source, &mut again);
        let decoded = udp::decode(&again).expect("what we write can be read");
        // Names that are not UTF-8 have become longer, and IPv4 in IPv6 becomes IPv4.
        assert!(
            decoded.1.is_empty() && decoded.0.port() == source.port() || again.len() > udp::MAX_HEADER - 2
        );
    }
    let [choice, cut, answers @ ..] = data else { return };
    let url = ["socks5://me:pw@h", "socks5://h", "socks4a://me@h", "http://me:pw@h"][usize::from(choice % 4)];
    let proxy: Proxy = url.parse().expect("a proxy");
    let target = match choice / 4 % 2 {
        0 => Target::Addr(([192, 0, 2, 1], 6881).into()),
        _ => Target::Name("peer.example".to_owned(), 6881),
    };
    let is_association = choice / 8 % 2 == 1 && proxy.kind() == ProxyKind::Socks5;
    let started = if is_association { Tunnel::associate(&proxy) } else { Tunnel::connect(&proxy, &target) };
    let mut tunnel = started.expect("the target is sendable");
    assert!(!tunnel.poll_transmit().is_empty());
    let mut taken = 0;
    for bytes in answers.chunks(usize::from(*cut).max(1)) {
        taken += bytes.len();
        match tunnel.handle(bytes) {
            Ok(Step::More) => assert!(taken < 2 * MAX_ANSWER, "no answer is that long"),
            Ok(Step::Done { rest, .. }) => {
                assert!(bytes.ends_with(&rest), "the rest has arrived last");
                assert_eq!(tunnel.handle(b"x"), Ok(Step::Done { bound: None, rest: b"x".to_vec() }));
                return;
            }
            Err(error) => return crate::assert_plain(&error.to_string()),
        }
        assert!(tunnel.poll_transmit().len() <= 600);
    }
}
