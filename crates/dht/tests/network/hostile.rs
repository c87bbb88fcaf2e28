//! Nodes that lie, flood and forge.

use super::*;
use proptest::prelude::*;
use ztor_base::Instant;
use ztor_dht::krpc::{Body, Message, Method, Query, Response, decode};
use ztor_dht::{Contact, Dht, NodeId};

fn query(method: Method) -> Vec<u8> {
    let body = Body::Query(Query { id: NodeId::new([9; 20]), want: None, method });
    Message { transaction: b"aa".to_vec(), body, external: None, read_only: true, version: None }.encode()
}

fn lone() -> Dht {
    Dht::new(Instant::ZERO, config(true, false), 1, None)
}

/// Returns the response of a node to one query.
fn answer(dht: &mut Dht, now: Instant, from: SocketAddr, data: &[u8]) -> Option<Message> {
    assert!(dht.handle(now, from, data));
    let (to, data) = dht.poll_transmit()?;
    assert_eq!(to, from);
    Some(decode(&data).unwrap())
}

fn code_of(message: Option<Message>) -> Option<i64> {
    match message?.body {
        Body::Error(fault) => Some(fault.code),
        _ => None,
    }
}

#[test]
fn announce_without_a_valid_token_is_refused() {
    let mut dht = lone();
    let (from, other) = (addr(Family::V4, 1), addr(Family::V4, 2));
    let info_hash = NodeId::from(HASH);
    let ask = query(Method::GetPeers { info_hash, no_seed: false, scrape: false });
    let message = answer(&mut dht, Instant::ZERO, from, &ask).unwrap();
    assert_eq!(message.external, Some(from));
    let Body::Response(response) = message.body else { panic!("refused") };
    let token = response.token.unwrap();
    let announce = |token: &[u8], info_hash| {
        let token = token.to_vec();
        query(Method::AnnouncePeer { info_hash, port: 1000, implied_port: false, seed: false, token })
    };
    let elsewhere = NodeId::new([3; 20]);
    assert_eq!(code_of(answer(&mut dht, Instant::ZERO, from, &announce(b"guess", info_hash))), Some(203));
    assert_eq!(code_of(answer(&mut dht, Instant::ZERO, other, &announce(&token, info_hash))), Some(203));
    assert_eq!(code_of(answer(&mut dht, Instant::ZERO, from, &announce(&token, elsewhere))), Some(203));
    let late = Instant::from_micros(601_000_000);
    assert_eq!(dht.stats(Instant::ZERO).stored_peers, 0);
    assert_eq!(code_of(answer(&mut dht, Instant::ZERO, from, &announce(&token, info_hash))), None);
    assert_eq!(dht.stats(Instant::ZERO).stored_peers, 1);
    assert_eq!(code_of(answer(&mut dht, late, from, &announce(&token, info_hash))), Some(203));
}

#[test]
fn handle_of_a_faulty_query_answers_with_its_code() {
    let mut dht = lone();
    let from = addr(Family::V4, 1);
    let mut code = |data: &[u8]| code_of(answer(&mut dht, Instant::ZERO, from, data));
    assert_eq!(code(b"d1:ad2:id20:abcdefghij0123456789e1:q4:vote2:roi1e1:t2:aa1:y1:qe"), Some(204));
    assert_eq!(code(b"d1:q4:ping1:t2:aa1:y1:qe"), Some(203));
    assert!(!dht.handle(Instant::ZERO, from, b"\x01\x00 a uTP packet"));
    assert!(dht.handle(Instant::ZERO, from, b"d1:rd2:id20:abcdefghij0123456789e1:t2:aa1:y1:re"));
    assert_eq!(dht.poll_transmit(), None);
}

#[test]
fn flood_from_one_address_is_dropped_after_50_queries() {
    let mut dht = lone();
    let ping = query(Method::Ping);
    let from = addr(Family::V4, 1);
    let answered = (0..500).filter(|_| answer(&mut dht, Instant::ZERO, from, &ping).is_some()).count();
    assert_eq!(answered, 50);
    assert!(answer(&mut dht, Instant::ZERO, addr(Family::V4, 2), &ping).is_some());
    assert_eq!(dht.stats(Instant::ZERO).queries_dropped, 450);
}

/// A flood of forged queries whose responses fill a datagram.
#[test]
fn a_forged_flood_does_not_silence_a_node() {
    let mut net = Net::settled(44, 20, config(true, false));
    for n in 0..100 {
        let from = addr(Family::V4, 2000 + n);
        let ask = query(Method::GetPeers { info_hash: NodeId::from(HASH), no_seed: false, scrape: false });
        let Some(message) = answer(&mut net.dhts[0], net.now, from, &ask) else { panic!("no answer") };
        let Body::Response(response) = message.body else { panic!("refused") };
        let token = response.token.unwrap();
        let info_hash = NodeId::from(HASH);
        let announce =
            Method::AnnouncePeer { info_hash, port: 1000, implied_port: false, seed: false, token };
        answer(&mut net.dhts[0], net.now, from, &query(announce)).unwrap();
        net.now += Duration::from_millis(100);
    }
    let info_hash = NodeId::from(HASH);
    let ask = query(Method::GetPeers { info_hash, no_seed: false, scrape: true });
    let known = net.dhts[0].save().nodes[0];
    let body = Body::Query(Query { id: known.id, want: None, method: Method::Ping });
    let ping = Message { transaction: b"aa".to_vec(), body, external: None, read_only: true, version: None }
        .encode();
    let stranger = addr(Family::V4, 3000);
    let (mut node, mut quiet, mut forged, mut bytes) = (0, 0, 0, 0);
    for n in 0..130 * 60 {
        net.now += Duration::from_micros(1_000_000 / 130);
        assert!(net.dhts[0].handle(net.now, addr(Family::V4, 4000 + n % 28), &ask));
        while let Some((_, data)) = net.dhts[0].poll_transmit() {
            forged += 1;
            bytes += data.len();
        }
        if n % 260 == 0 {
            node += usize::from(answer(&mut net.dhts[0], net.now, known.addr, &ping).is_some());
            quiet += usize::from(answer(&mut net.dhts[0], net.now, stranger, &ask).is_some());
        }
    }
    assert_eq!((node, quiet), (30, 30), "{forged} answered, {bytes} bytes");
    // The flood exceeded the budget, and its responses were bounded.
    assert!(forged > 1000 && forged < 130 * 55 && bytes < 60 * 100 * 1024, "{forged}, {bytes} bytes");
}

#[test]
fn queries_from_forged_senders_cause_few_checks() {
    let mut dht = lone();
    let body = Body::Query(Query { id: NodeId::new([9; 20]), want: None, method: Method::Ping });
    let message =
        Message { transaction: b"aa".to_vec(), body, external: None, read_only: false, version: None };
    let mut asked = 0;
    for n in 0..5000 {
        dht.handle(Instant::ZERO, addr(Family::V4, n), &message.encode());
        while let Some((_, data)) = dht.poll_transmit() {
            asked += usize::from(matches!(decode(&data).unwrap().body, Body::Query(_)));
        }
    }
    assert_eq!(asked, 8);
}

#[test]
fn add_node_in_a_flood_leaves_queries_to_lookups() {
    let mut net = Net::settled(43, 30, config(true, false));
    let before = net.dhts[5].stats(net.now).queries_out;
    let host = addr(Family::V4, 900).ip();
    for port in 1..=u16::MAX {
        net.dhts[5].add_node(net.now, SocketAddr::new(host, port));
    }
    assert!(net.dhts[5].stats(net.now).queries_out <= before + 1);
    for n in 1000..4000 {
        net.dhts[5].add_node(net.now, addr(Family::V4, n));
    }
    assert!(net.dhts[5].stats(net.now).queries_out <= before + 16);
    let lookup = net.dhts[5].get_peers(net.now, HASH, announce(1000));
    let summary = done(&mut net, 5, lookup);
    assert!(summary.announced >= 8, "{summary:?}");
}

#[test]
fn get_peers_with_local_addresses_in_responses_ignores_them() {
    let mut net = Net::settled(41, 20, config(true, false));
    let bait: Vec<SocketAddr> = ["192.168.0.1:80", "127.0.0.1:53", "0.0.0.0:1", "224.0.0.1:9", "9.9.9.9:0"]
        .iter()
        .map(|addr| addr.parse().unwrap())
        .collect();
    let liars: BTreeSet<_> = (0..20).map(|n| addr(Family::V4, 500 + n)).collect();
    let named = bait.clone();
    net.liar = Some((
        liars.clone(),
        Box::new(move |_, to, data| {
            let message = decode(data).ok()?;
            let Body::Query(_) = message.body else { return None };
            let mut response = Response::new(NodeId::new([to.port() as u8; 20]));
            response.values = named.clone();
            response.nodes4 =
                Some(named.iter().map(|addr| Contact { id: NodeId::from(HASH), addr: *addr }).collect());
            Some(Message { body: Body::Response(Box::new(response)), ..message }.encode())
        }),
    ));
    let index = net.add(config(true, false), None);
    net.dhts[index].bootstrap(net.now, &liars.iter().copied().collect::<Vec<_>>());
    net.run(Duration::from_secs(30));
    let lookup = net.dhts[index].get_peers(net.now, HASH, None);
    done(&mut net, index, lookup);
    assert_eq!(peers(&net, index, lookup), BTreeSet::new());
    assert!(bait.iter().all(|addr| net.dhts[index].save().nodes.iter().all(|node| node.addr != *addr)));
}

/// Many nodes nearer to a torrent than any honest one vouch for each other and name no peers.
#[test]
fn get_peers_among_sybils_finds_the_peers() {
    let mut net = Net::settled(42, 50, config(true, false));
    let lookup = net.dhts[3].get_peers(net.now, HASH, announce(1000));
    done(&mut net, 3, lookup);
    let sybils: Vec<Contact> = (0..100u8)
        .map(|n| {
            let mut id = *HASH.as_bytes();
            id[19] = n;
            Contact { id: NodeId::new(id), addr: addr(Family::V4, 500 + usize::from(n)) }
        })
        .collect();
    let known = sybils.clone();
    net.liar = Some((
        sybils.iter().map(|sybil| sybil.addr).collect(),
        Box::new(move |_, to, data| {
            let message = decode(data).ok()?;
            let Body::Query(_) = message.body else { return None };
            let mut response = Response::new(known.iter().find(|sybil| sybil.addr == to)?.id);
            response.nodes4 = Some(known.clone());
            response.token = Some(b"lie".to_vec());
            Some(Message { body: Body::Response(Box::new(response)), ..message }.encode())
        }),
    ));
    for index in 10..40 {
        sybils.iter().for_each(|sybil| net.dhts[index].add_node(net.now, sybil.addr));
    }
    net.run(Duration::from_secs(120));
    let expected = SocketAddr::new(addr(Family::V4, 3).ip(), 1000);
    for index in [11, 20, 30, 45] {
        let lookup = net.dhts[index].get_peers(net.now, HASH, announce(2000));
        let summary = done(&mut net, index, lookup);
        assert!(peers(&net, index, lookup).contains(&expected), "{index}: {summary:?}");
        assert!(summary.nodes_asked <= 200, "{summary:?}");
    }
    // Announces made among the sybils are found by other nodes.
    net.liar = None;
    let lookup = net.dhts[48].get_peers(net.now, HASH, None);
    done(&mut net, 48, lookup);
    assert!(peers(&net, 48, lookup).contains(&SocketAddr::new(addr(Family::V4, 20).ip(), 2000)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Responses to real queries, with any content.
    #[test]
    fn handle_of_any_responses_does_not_panic(
        chunks in proptest::collection::vec((any::<Vec<u8>>(), 0u8..6, any::<[u8; 20]>(), any::<u64>()), 1..60),
    ) {
        let mut now = Instant::ZERO;
        let mut dht = Dht::new(now, config(true, true), 7, None);
        dht.bootstrap(now, &[addr(Family::V4, 0), addr(Family::V6, 0)]);
        for (bytes, what, id, time) in chunks {
            now += Duration::from_micros(time % 20_000_000);
            let from = addr(Family::V4, usize::from(what));
            dht.handle(now, from, &bytes);
            match what {
                0 => drop(dht.get_peers(now, id.into(), Some(Announce { port: PerFamily::both(1), implied_port: true, is_seed: true }))),
                1 => drop(dht.scrape(now, id.into())),
                2 => drop(dht.get(now, id.into(), b"")),
                3 => drop(dht.put_immutable(now, b"i1e".to_vec())),
                _ => dht.handle_timeout(now),
            }
            while let Some((to, data)) = dht.poll_transmit() {
                let mut message = decode(&data).unwrap();
                if !matches!(message.body, Body::Query(_)) {
                    continue;
                }
                let mut response = Response::new(NodeId::new(id));
                response.nodes4 = Some(vec![Contact { id: NodeId::new(id), addr: from }; 40]);
                response.token = Some(bytes.clone());
                response.value = Some(b"le".to_vec());
                response.seq = Some(time as i64);
                response.values = vec![to, from];
                message.body = Body::Response(Box::new(response));
                let mut data = message.encode();
                if let Some(byte) = data.get_mut(time as usize % 300) {
                    *byte = id[0];
                }
                dht.handle(now, to, &data);
                if now > Instant::from_micros(100_000_000) {
                    break;
                }
            }
            while dht.poll_event().is_some() {}
        }
    }
}
