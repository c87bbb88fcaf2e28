use ztor_base::addr::is_dialable;
use ztor_tracker::MAX_PEERS;
use ztor_tracker::udp::{MAX_SCRAPE, Request, Response};

/// Checks datagrams of BEP 15 in both directions, and in both address families.
pub fn tracker_udp(data: &[u8]) {
    if let Ok(request) = Request::decode(data) {
        assert_eq!(Request::decode(&request.encode()), Ok(request));
    }
    for ipv6 in [false, true] {
        let Ok(response) = Response::decode(data, ipv6) else { continue };
        assert_eq!(response.transaction().to_be_bytes(), data[4..8]);
        match &response {
            Response::Announce { reply, .. } => {
                assert!(reply.peers.len() <= MAX_PEERS);
                assert!(reply.peers.iter().all(|peer| is_dialable(peer.addr)));
            }
            Response::Scrape { entries, .. } => assert!(entries.len() <= MAX_SCRAPE),
            Response::Error { message, .. } => crate::assert_plain(message),
            Response::Connect { .. } => {}
        }
        let again = Response::decode(&response.encode(ipv6), ipv6).expect("what we write can be read");
        match (&again, &response) {
            // Addresses of IPv4 inside of IPv6 are IPv4, and are not sent to IPv6 clients.
            (Response::Announce { reply: again, .. }, Response::Announce { reply, .. }) => {
                let own = reply.peers.iter().filter(|peer| peer.addr.is_ipv6() == ipv6);
                assert!(again.peers.iter().eq(own));
            }
            // Text that is too long to be shown is cut, and the mark of the cut makes it too long again.
            (Response::Error { .. }, Response::Error { .. }) => {}
            _ => assert_eq!(again, response),
        }
    }
}
