use std::net::IpAddr;

use url::Url;
use ztor_portmap::igd::{Answer, Description, SoapError};
use ztor_portmap::{natpmp, pcp, ssdp};

/// Checks datagrams of PCP and NAT-PMP in both directions, and that no response answers a request of another kind.
pub fn gateway_datagrams(data: &[u8]) {
    if let Some(request) = pcp::Request::decode(data) {
        assert_eq!(pcp::Request::decode(&request.encode()), Some(request));
    }
    if let Some(response) = pcp::Response::decode(data) {
        assert_eq!(pcp::Response::decode(&response.encode()), Some(response));
        assert!(natpmp::Response::decode(data).is_none(), "a version is of one protocol");
    }
    if let Some(request) = natpmp::Request::decode(data) {
        assert_eq!(natpmp::Request::decode(&request.encode()), Some(request));
        assert!(natpmp::Response::decode(data).is_none(), "a request is no response");
    }
    if let Some(response) = natpmp::Response::decode(data) {
        assert_eq!(natpmp::Response::decode(&response.encode()), Some(response));
        if let natpmp::Response::Map { transport, internal, .. } = response {
            let other = internal.wrapping_add(1);
            let ask = |internal| natpmp::Request::Map { transport, internal, external: 0, lifetime_s: 0 };
            assert!(ask(internal).is_answered_by(&response) && !ask(other).is_answered_by(&response));
        }
    }
}

/// Checks responses to searches, descriptions and answers of UPnP gateways: URLs stay at the gateway, and everything is
/// bounded and plain.
pub fn gateway_upnp(data: &[u8]) {
    let hosts: [IpAddr; 2] =
        [[192, 168, 1, 1].into(), [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1].into()];
    for host in hosts {
        if let Some(Ok(url)) = ssdp::location(data, host) {
            assert_at(&url, host);
        }
    }
    if let Ok(found) = Description::parse(data) {
        assert!(found.services.len() <= 32);
        assert!(found.name.as_ref().is_none_or(|name| name.chars().count() <= 60));
        found.name.iter().for_each(|name| crate::assert_plain(name));
        let url = Url::parse("http://192.168.1.1:5000/rootDesc.xml").expect("it is a URL");
        for (_, control) in &found.services {
            if let Ok(joined) = ssdp::join(&url, control) {
                assert_at(&joined, hosts[0]);
            }
        }
    }
    match Answer::parse(data) {
        Ok(answer) => {
            assert!(answer.external_ip().is_none_or(|ip| !ip.is_unspecified()));
            let _ = (answer.pinhole(), answer.leads_to(hosts[0], 6881));
        }
        Err(error @ SoapError::Fault { .. }) => crate::assert_plain(&error.to_string()),
        Err(error) => crate::assert_plain(&error.to_string()),
    }
}

/// Checks that a URL is plain HTTP to a host.
fn assert_at(url: &Url, host: IpAddr) {
    let ip: IpAddr =
        url.host_str().expect("it has a host").trim_matches(['[', ']']).parse().expect("it is an IP");
    assert_eq!((url.scheme(), ip.to_canonical()), ("http", host));
    assert!(url.username().is_empty() && url.port() != Some(0));
}
