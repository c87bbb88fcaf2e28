//! Requests over UDP: PCP and NAT-PMP.

use super::net::{Net, scoped};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::UdpSocket;
use ztor_portmap::natpmp::{self, Code};
use ztor_portmap::pcp::{self, Body};
use ztor_portmap::{Done, Failure, Lease, Map, Mapped, Place, Refusal, Task};

/// Time for which each copy of a request waits for its response.
const WAITS: [Duration; 4] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_millis(1000),
    Duration::from_millis(1500),
];
/// Lifetime of a mapping where none is wanted, in seconds.
const USUAL_LIFETIME_S: u32 = 3600;
/// Maximum number of foreign datagrams that are read while a response is expected.
const MAX_FOREIGN: usize = 64;

/// Carries out a task by PCP.
pub(super) async fn pcp(net: &Net, task: &Task) -> Result<Done, Failure> {
    match task {
        Task::Map(map) => map_pcp(net, map).await,
        Task::Unmap(lease) => {
            let body = Body::Map(pcp_map(lease, 0));
            ask_pcp(net, &lease.place, 0, body).await.map(|_| Done::Unmapped)
        }
        Task::Check(leases) => {
            let Some(lease) = leases.first() else { return Err(nothing_to_check()) };
            let response = ask_pcp(net, &lease.place, 0, Body::Announce).await?;
            Ok(Done::Checked { epoch_s: Some(response.epoch_s), external_ip: None, missing: Vec::new() })
        }
    }
}

async fn map_pcp(net: &Net, map: &Map) -> Result<Done, Failure> {
    let Map { protocol, place, transport, internal, external, nonce, pinhole, .. } = *map;
    let lease = Lease { protocol, place, transport, internal, external, nonce, pinhole };
    let lifetime_s = map.lifetime_s.unwrap_or(USUAL_LIFETIME_S);
    let response = ask_pcp(net, &place, lifetime_s, Body::Map(pcp_map(&lease, external))).await?;
    let Body::Map(mapped) = response.body else {
        return Err(Failure::Unusable("it is of another request".to_owned()));
    };
    Ok(Done::Mapped(Mapped {
        external: mapped.external,
        lifetime_s: Some(response.lifetime_s),
        external_ip: Some(mapped.ip).filter(|ip| !ip.is_unspecified()),
        epoch_s: Some(response.epoch_s),
        ..Mapped::default()
    }))
}

fn pcp_map(lease: &Lease, external: u16) -> pcp::Map {
    let ip = if lease.place.local.is_ipv4() {
        std::net::Ipv4Addr::UNSPECIFIED.into()
    } else {
        std::net::Ipv6Addr::UNSPECIFIED.into()
    };
    let Lease { nonce, transport, internal, .. } = *lease;
    pcp::Map { nonce, transport, internal, external, ip }
}

async fn ask_pcp(net: &Net, place: &Place, lifetime_s: u32, body: Body) -> Result<pcp::Response, Failure> {
    let request = pcp::Request { lifetime_s, client: place.local, body };
    let response = ask(net, place, &request.encode(), |bytes| {
        if let Some(response) = pcp::Response::decode(bytes) {
            // A version that is not supported may come without the rest of the request.
            let is_version = response.code == pcp::Code::UNSUPPORTED_VERSION;
            return (is_version || request.is_answered_by(&response)).then_some(Ok(response));
        }
        match natpmp::Response::decode(bytes)? {
            natpmp::Response::Refused { code: Code::UNSUPPORTED_VERSION, .. } => {
                Some(Err(Failure::Unsupported("it speaks NAT-PMP only".to_owned())))
            }
            _ => None,
        }
    })
    .await??;
    let reason = response.code.meaning().to_owned();
    match response.code {
        pcp::Code::SUCCESS => Ok(response),
        pcp::Code(1 | 4 | 9) => Err(Failure::Unsupported(reason)),
        pcp::Code::CANNOT_PROVIDE_EXTERNAL => Err(Failure::Refused { kind: Refusal::Conflict, reason }),
        _ => Err(Failure::Refused { kind: Refusal::Other, reason }),
    }
}

/// Carries out a task by NAT-PMP.
pub(super) async fn nat_pmp(net: &Net, task: &Task) -> Result<Done, Failure> {
    match task {
        Task::Map(map) => {
            let (_, ip) = address(net, &map.place).await?;
            let request = natpmp::Request::Map {
                transport: map.transport,
                internal: map.internal,
                external: map.external,
                lifetime_s: map.lifetime_s.unwrap_or(USUAL_LIFETIME_S),
            };
            let natpmp::Response::Map { epoch_s, external, lifetime_s, .. } =
                ask_nat_pmp(net, &map.place, request).await?
            else {
                return Err(Failure::Unusable("it is of another request".to_owned()));
            };
            Ok(Done::Mapped(Mapped {
                external,
                lifetime_s: Some(lifetime_s),
                external_ip: Some(ip).filter(|ip| !ip.is_unspecified()),
                epoch_s: Some(epoch_s),
                ..Mapped::default()
            }))
        }
        Task::Unmap(lease) => {
            let Lease { transport, internal, .. } = *lease;
            let request = natpmp::Request::Map { transport, internal, external: 0, lifetime_s: 0 };
            ask_nat_pmp(net, &lease.place, request).await.map(|_| Done::Unmapped)
        }
        Task::Check(leases) => {
            let Some(lease) = leases.first() else { return Err(nothing_to_check()) };
            let (epoch_s, ip) = address(net, &lease.place).await?;
            Ok(Done::Checked { epoch_s: Some(epoch_s), external_ip: Some(ip), missing: Vec::new() })
        }
    }
}

async fn address(net: &Net, place: &Place) -> Result<(u32, std::net::IpAddr), Failure> {
    match ask_nat_pmp(net, place, natpmp::Request::Address).await? {
        natpmp::Response::Address { epoch_s, ip } => Ok((epoch_s, ip.into())),
        _ => Err(Failure::Unusable("it is of another request".to_owned())),
    }
}

async fn ask_nat_pmp(
    net: &Net,
    place: &Place,
    request: natpmp::Request,
) -> Result<natpmp::Response, Failure> {
    let response = ask(net, place, &request.encode(), |bytes| {
        natpmp::Response::decode(bytes).filter(|response| request.is_answered_by(response))
    })
    .await?;
    match response {
        natpmp::Response::Refused { code, .. } => {
            let reason = code.meaning().to_owned();
            Err(match code.0 {
                1 | 5 => Failure::Unsupported(reason),
                _ => Failure::Refused { kind: Refusal::Other, reason },
            })
        }
        response => Ok(response),
    }
}

fn nothing_to_check() -> Failure {
    Failure::Local("there is no mapping to check".to_owned())
}

/// Sends a request to the gateway, several times if need be, and returns what `take` makes of the first response that it
/// takes. Datagrams of other hosts are dropped by the system, as the socket is connected.
async fn ask<T>(
    net: &Net,
    place: &Place,
    request: &[u8],
    mut take: impl FnMut(&[u8]) -> Option<T>,
) -> Result<T, Failure> {
    let local = |error: std::io::Error| Failure::Local(error.to_string());
    let gateway = place.gateway.ok_or_else(|| Failure::Local("the gateway is not known".to_owned()))?;
    let socket = net.udp(place)?;
    socket.connect(scoped(SocketAddr::new(gateway, net.gateway_port), place.index)).await.map_err(local)?;
    let mut foreign = 0;
    for wait in WAITS {
        match socket.send(request).await {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => return Err(closed()),
            Err(error) => return Err(local(error)),
        }
        match tokio::time::timeout(wait, receive(&socket, &mut foreign, &mut take)).await {
            Ok(result) => return result,
            Err(_) => continue,
        }
    }
    if foreign > 0 {
        Err(Failure::Unusable("it is of no use to this request".to_owned()))
    } else {
        Err(Failure::Silent)
    }
}

async fn receive<T>(
    socket: &UdpSocket,
    foreign: &mut usize,
    take: &mut impl FnMut(&[u8]) -> Option<T>,
) -> Result<T, Failure> {
    let mut buf = [0; pcp::MAX_LEN + 1];
    loop {
        match socket.recv(&mut buf).await {
            Ok(len) => {
                if let Some(taken) = take(&buf[..len]) {
                    return Ok(taken);
                }
                *foreign += 1;
                if *foreign > MAX_FOREIGN {
                    return Err(Failure::Unusable("it is of no use to this request".to_owned()));
                }
            }
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => return Err(closed()),
            Err(error) => return Err(Failure::Local(error.to_string())),
        }
    }
}

fn closed() -> Failure {
    Failure::Unsupported("nothing listens at the gateway".to_owned())
}
