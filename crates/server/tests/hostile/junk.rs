//! Values that no client sends.
//!
//! Absolute paths are in the folder of the test, and addresses are closed ports of this machine: the daemon uses what it gets.

use crate::target::Target;
use fastrand::Rng;
use serde_json::{Map, Value, json};

/// Number of strings of a kind.
const TEXTS: usize = 26;

/// Returns a text.
pub(crate) fn text(target: &Target, rng: &mut Rng) -> String {
    let folder = target.folder.path().to_str().unwrap();
    match rng.usize(0..TEXTS) {
        0 => String::new(),
        1 => "all".into(),
        2 | 3 => target.hash.clone(),
        4 => format!("{0}|{0}||{1}|zz", target.hash, "b".repeat(40)),
        5 => folder.to_owned(),
        6 => format!("{folder}/{}", rng.u8(..4)),
        7 => format!("{folder}/../{}/x\0y", folder.rsplit('/').next().unwrap()),
        8 => "../../..".into(),
        9 => "x".repeat(rng.usize(1..100_000)),
        10 => "-1".into(),
        11 => "99999999999999999999999999999999".into(),
        12 => "NaN".into(),
        13 => "1e400".into(),
        14 => "True".into(),
        15 => "\0\u{1}\r\n\t\u{7f}\u{feff}".into(),
        16 => "\u{202e}\u{1f300}e\u{301}\u{10ffff}".into(),
        17 => "%00%ff%zz%".into(),
        18 => format!("magnet:?xt=urn:btih:{:040x}&tr=http%3A%2F%2F127.0.0.1%3A9%2F", rng.u64(..50)),
        19 => "magnet:?xt=urn:btih:".into(),
        20 => "http://127.0.0.1:9/x?a=b#c".into(),
        21 => "127.0.0.1:9|[::1]:9|127.0.0.1:99999".into(),
        22 => "{\"a\":[1,{\"b\":null}]}".into(),
        23 => "a,b,,\u{e9},c|d\ne".into(),
        24 => "9223372036854775808".into(),
        _ => "/".repeat(rng.usize(2..3)).replace("//", "a/b//c/./../"),
    }
}

/// Returns a value of any type.
pub(crate) fn value(target: &Target, rng: &mut Rng, depth: u32) -> Value {
    match rng.u8(..16) {
        0 => Value::Null,
        1 => rng.bool().into(),
        2 => rng.i64(-3..10).into(),
        3 => i64::MIN.into(),
        4 => u64::MAX.into(),
        5 => json!(1e308),
        6 => json!(-0.5),
        7 => i64::from(rng.i32(..)).into(),
        8 if depth > 0 => {
            let count = rng.usize(..6);
            Value::Array((0..count).map(|_| value(target, rng, depth - 1)).collect())
        }
        9 if depth > 0 => {
            let count = rng.usize(..4);
            let member = |rng: &mut Rng| (text(target, rng), value(target, rng, depth - 1));
            Value::Object((0..count).map(|_| member(rng)).collect::<Map<_, _>>())
        }
        10 => Value::Array(vec![json!(target.hash); rng.usize(..2000)]),
        11 => nested(rng.usize(1..100)),
        _ => text(target, rng).into(),
    }
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(Value::Null, |inner, _| Value::Array(vec![inner]))
}

/// Returns text that is hardly JSON. It has no paths.
pub(crate) fn bad_json(rng: &mut Rng) -> Vec<u8> {
    let texts: [&[u8]; 14] = [
        b"",
        b"null",
        b"[]",
        b"{\"method\":1e999999}",
        b"{\"jsonrpc\":\"2.0\",\"method\":\"session_get\",\"id\":-0}",
        b"{\"method\":\"\\ud800\"}",
        b"{\"method\":\"session-get\",\"method\":\"x\",\"tag\":99999999999999999999999}",
        b"\xff\xfe{\x00}\x00",
        b"{\"a\":\"\xc3\x28\"}",
        b"{\"arguments\":null,\"method\":\"torrent-get\"}",
        b"[{\"jsonrpc\":\"2.0\"},1,null,[[]],{\"jsonrpc\":2,\"id\":{}}]",
        b"{\"jsonrpc\":\"2.0\",\"method\":\"torrent_get\",\"params\":[1,2],\"id\":[1]}",
        b"{\"method\":\"torrent-get\",\"arguments\":{\"fields\":[\"id\",",
        b"\xef\xbb\xbf{\"method\":\"session-get\"}",
    ];
    match rng.u8(..20) {
        0 => b"[".repeat(rng.usize(1..200_000)),
        1 => b"{\"a\":".repeat(rng.usize(1..50_000)),
        2 => [b"{\"tag\":".as_slice(), &b"9".repeat(100_000), b"}"].concat(),
        3 => {
            let call = br#"{"jsonrpc":"2.0","method":"session_stats","id":1}"#;
            let calls = vec![call.as_slice(); rng.usize(1..300)];
            [b"[".as_slice(), &calls.join(b",".as_slice()), b"]"].concat()
        }
        4 => (0..rng.usize(..2000)).map(|_| rng.u8(..)).collect(),
        _ => {
            let mut text = rng.choice(texts).unwrap().to_vec();
            for _ in 0..rng.usize(..4) {
                let at = rng.usize(..=text.len());
                match rng.u8(..3) {
                    0 => text.insert(at, rng.u8(..)),
                    1 if at < text.len() => drop(text.remove(at)),
                    _ => text.truncate(at),
                }
            }
            text
        }
    }
}
