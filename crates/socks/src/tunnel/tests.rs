#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::*;
use crate::error::Refusal;
use proptest::prelude::*;

fn name() -> Target {
    Target::Name("peer.example".to_owned(), 6881)
}

fn addr() -> Target {
    Target::Addr(([192, 0, 2, 7], 6881).into())
}

fn tunnel(proxy: &str, target: &Target) -> Tunnel {
    Tunnel::connect(&proxy.parse().unwrap(), target).unwrap()
}

/// Returns the last step after these answers, byte by byte, and everything that was sent.
fn talk(mut tunnel: Tunnel, answers: &[u8]) -> (Result<Step, TunnelError>, Vec<u8>) {
    let (mut step, mut sent) = (Ok(Step::More), tunnel.poll_transmit());
    for byte in answers {
        step = tunnel.handle(&[*byte]);
        sent.extend(tunnel.poll_transmit());
        if step != Ok(Step::More) {
            break;
        }
    }
    (step, sent)
}

#[test]
fn socks5_with_a_login_sends_it_and_the_name() {
    let answers = [5, 2, 1, 0, 5, 0, 0, 1, 10, 0, 0, 1, 0, 80];
    let (step, sent) = talk(tunnel("socks5://me:pw@h", &name()), &answers);
    let bound = Some(Target::Addr(([10, 0, 0, 1], 80).into()));
    assert_eq!(step, Ok(Step::Done { bound, rest: Vec::new() }));
    let expected =
        [&[5, 2, 0, 2, 1, 2][..], b"me\x02pw", &[5, 1, 0, 3, 12], b"peer.example\x1a\xe1"].concat();
    assert_eq!(sent, expected);
}

#[test]
fn socks5_without_a_login_sends_no_credentials_unless_the_proxy_chooses_them() {
    let (_, sent) = talk(tunnel("socks5://me:pw@h", &addr()), &[5, 0]);
    assert!(!sent.windows(2).any(|bytes| bytes == b"pw"));
    let (step, _) = talk(tunnel("socks5://h", &addr()), &[5, 2]);
    assert_eq!(step, Err(TunnelError::LoginRequired));
    let (step, _) = talk(tunnel("socks5://me:pw@h", &addr()), &[5, 2, 1, 1]);
    assert_eq!(step, Err(TunnelError::LoginRefused));
}

#[test]
fn socks5_refusals_tell_targets_from_proxies() {
    for (code, is_of_target) in [(1, true), (2, true), (4, true), (5, true), (7, false), (200, true)] {
        let (step, _) = talk(tunnel("socks5://h", &addr()), &[5, 0, 5, code]);
        assert_eq!(step, Err(TunnelError::Refused(Refusal::Socks5(code))));
        assert_eq!(step.unwrap_err().is_of_target(), is_of_target, "{code}");
    }
}

#[test]
fn associate_returns_the_relay_and_is_for_socks5_only() {
    let proxy: Proxy = "socks5://h".parse().unwrap();
    let (step, sent) = talk(Tunnel::associate(&proxy).unwrap(), &[5, 0, 5, 0, 0, 1, 0, 0, 0, 0, 4, 0]);
    let bound = Some(Target::Addr(([0, 0, 0, 0], 1024).into()));
    assert_eq!(step, Ok(Step::Done { bound, rest: Vec::new() }));
    assert!(sent.ends_with(&[5, 3, 0, 1, 0, 0, 0, 0, 0, 0]));
    for other in ["socks4a://h", "http://h"] {
        assert!(Tunnel::associate(&other.parse().unwrap()).is_err());
    }
}

#[test]
fn socks4a_sends_names_and_no_ipv6() {
    let granted = [0, 90, 0, 0, 0, 0, 0, 0];
    let (step, sent) = talk(tunnel("socks4a://me@h", &name()), &granted);
    assert_eq!(step, Ok(Step::Done { bound: None, rest: Vec::new() }));
    assert_eq!(sent, [&[4, 1, 0x1a, 0xe1, 0, 0, 0, 1][..], b"me\0peer.example\0"].concat());
    let (_, sent) = talk(tunnel("socks4a://h", &addr()), &[]);
    assert_eq!(sent, [4, 1, 0x1a, 0xe1, 192, 0, 2, 7, 0]);
    for target in ["[2001:db8::1]:1", "0.0.0.9:1"] {
        let target = Target::Addr(target.parse().unwrap());
        let refused = Tunnel::connect(&"socks4a://h".parse().unwrap(), &target);
        assert_eq!(refused.unwrap_err(), TunnelError::Unsupported);
    }
    let (step, _) = talk(tunnel("socks4a://h", &addr()), &[0, 91]);
    assert_eq!(step, Err(TunnelError::Refused(Refusal::Socks4(91))));
}

#[test]
fn http_connect_sends_the_login_and_keeps_bytes_of_the_target() {
    let mut tunnel = tunnel("http://me:pw@h", &Target::Addr("[2001:db8::1]:80".parse().unwrap()));
    let sent = String::from_utf8(tunnel.poll_transmit()).unwrap();
    let expected = "CONNECT [2001:db8::1]:80 HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\
                    Proxy-Authorization: Basic bWU6cHc=\r\n\r\n";
    assert_eq!(sent, expected);
    let answer = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 Connection established\r\nVia: x\r\n\r\nhello";
    assert_eq!(tunnel.handle(answer), Ok(Step::Done { bound: None, rest: b"hello".to_vec() }));
    assert_eq!(tunnel.handle(b"again"), Ok(Step::Done { bound: None, rest: b"again".to_vec() }));
}

#[test]
fn http_answers_of_other_kinds_are_errors() {
    let http = |answer: &[u8]| talk(tunnel("http://h", &name()), answer).0;
    let refused = |status| Err(TunnelError::Refused(Refusal::Http(status)));
    assert_eq!(http(b"HTTP/1.1 407 Login\r\n"), Err(TunnelError::LoginRequired));
    assert_eq!(http(b"HTTP/1.1 503 \r\n"), refused(503));
    assert!(refused(503).is_err_and(|error: TunnelError| error.is_of_target()));
    assert!(!http(b"HTTP/1.1 405 x").unwrap_err().is_of_target());
    for garbage in
        [&b"SSH-2.0-x"[..], b"HTTP/2.0 200 ", b"HTTP/1.1 2000 ", b"HTTP/1.1 099 ", b"HTTP/1.1 101 x\r\n\r\n"]
    {
        assert_eq!(http(garbage), Err(TunnelError::NotProxy), "{}", String::from_utf8_lossy(garbage));
    }
    let huge = [&b"HTTP/1.1 200 OK\r\n"[..], &b"X: y\r\n".repeat(5000)].concat();
    assert_eq!(http(&huge), Err(TunnelError::TooLong));
    assert_eq!(tunnel("http://h", &name()).handle(&huge), Err(TunnelError::TooLong));
}

#[test]
fn connect_to_a_name_that_could_end_a_line_is_refused() {
    let name = Target::Name("a\r\nX-Y: z".to_owned(), 1);
    for proxy in ["socks5://h", "socks4a://h", "http://h"] {
        let refused = Tunnel::connect(&proxy.parse().unwrap(), &name);
        assert_eq!(refused.unwrap_err(), TunnelError::Unsupported);
    }
}

proptest! {
    #[test]
    fn handle_of_any_bytes_in_any_cut_gives_the_same_result(
        kind in 0..4_usize, bytes in any::<Vec<u8>>(), cut in any::<prop::sample::Index>(),
    ) {
        let start = || {
            let proxy: Proxy = ["socks5://me:pw@h", "socks4a://h", "http://h", "socks5://h"][kind].parse().unwrap();
            if kind == 3 { Tunnel::associate(&proxy).unwrap() } else { Tunnel::connect(&proxy, &name()).unwrap() }
        };
        let whole = start().handle(&bytes);
        let mut tunnel = start();
        let (a, b) = bytes.split_at(cut.index(bytes.len() + 1));
        let parts = match tunnel.handle(a) {
            Ok(Step::More) => tunnel.handle(b),
            Ok(Step::Done { bound, mut rest }) => {
                rest.extend_from_slice(b);
                Ok(Step::Done { bound, rest })
            }
            Err(error) => Err(error),
        };
        prop_assert_eq!(whole, parts);
    }
}
