//! Many logins at a time.

use crate::target::{Target, exchange};
use std::collections::BTreeMap;
use std::sync::Barrier;

/// Logins at a time. The server computes two hashes, lets as many wait as a person waits for, and refuses more.
const LOGINS: usize = 120;
/// Most repetitions, until a login is refused. So many failures lead to no ban.
const WAVES: usize = 8;

pub(crate) fn run(target: &Target) {
    let mut total = BTreeMap::new();
    for wave in 0..WAVES {
        for status in statuses(target, wave) {
            *total.entry(status).or_insert(0) += 1;
        }
        if total.contains_key(&Some(429)) {
            break;
        }
    }
    let known: Vec<_> = total.keys().copied().collect();
    assert_eq!(known, [Some(200), Some(429)], "{total:?}");
}

fn statuses(target: &Target, wave: usize) -> Vec<Option<u16>> {
    let (start, addr) = (Barrier::new(LOGINS), target.qbittorrent());
    let log_in = |number: usize| {
        let body = format!("username=ztor&password=wrong-{wave}-{number}");
        let request = format!(
            "POST /api/v2/auth/login HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        start.wait();
        exchange(addr, request.as_bytes()).status()
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..LOGINS)
            .map(|number| {
                scope.spawn({
                    let log_in = &log_in;
                    move || log_in(number)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}
