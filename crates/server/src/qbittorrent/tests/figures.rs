//! Figures at many torrents.

use super::*;

const COUNT: usize = 10_000;

/// Prints times of requests. In a release build, a full update takes 50 ms at most, one without changes 2 ms, and a part of a
/// sorted list 10 ms.
#[test]
#[ignore = "measures; run it alone in a release build"]
fn requests_with_10000_torrents_are_measured() {
    let server = Server::start(&[], None);
    server.daemon.add_still(COUNT as u64);
    let client = server.client();
    let measure = |name: &str, ask: &dyn Fn() -> Answer| {
        let mut times: Vec<(Duration, usize)> = (0..15)
            .map(|_| {
                let began = Instant::now();
                let answer = ask();
                assert_eq!(answer.status, 200);
                (began.elapsed(), answer.body.len())
            })
            .collect();
        times.sort();
        println!("{name}: {:?}, {} bytes, slowest {:?}", times[7].0, times[7].1, times[14].0);
    };
    measure("full maindata", &|| client.get("sync/maindata"));
    let first = client.get("sync/maindata").json();
    assert_eq!(first["torrents"].as_object().unwrap().len(), COUNT);
    let rid = std::cell::Cell::new(first["rid"].as_u64().unwrap());
    measure("maindata without changes", &|| {
        let answer = client.get(&format!("sync/maindata?rid={}", rid.get()));
        rid.set(answer.json()["rid"].as_u64().unwrap());
        answer
    });
    measure("all of torrents/info", &|| client.get("torrents/info"));
    measure("info?limit=100, sorted by name", &|| client.get("torrents/info?sort=name&limit=100"));
    measure("info?limit=100, sorted by size", &|| {
        client.get("torrents/info?sort=size&reverse=true&limit=100")
    });
    measure("full maindata, compressed", &|| {
        client.send("GET", "sync/maindata", &[("accept-encoding", "gzip")], b"")
    });
    server.end();
}
