//! Requests to UPnP gateways: search, description, and SOAP over HTTP.

use super::net::{Net, scoped};
use reqwest::Client;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use std::net::{IpAddr, SocketAddr};
use std::sync::PoisonError;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::Instant;
use url::Url;
use ztor_base::addr::is_local;
use ztor_portmap::igd::{Action, Answer, Description, Service, SoapError, fault};
use ztor_portmap::{
    Done, Failure, Family, Lease, MAX_XML, Map, Mapped, Place, Refusal, Task, Transport, ssdp,
};

/// Time for the responses to each copy of a search. Gateways wait for up to a second.
const SEARCHES: [Duration; 2] = [Duration::from_millis(700), Duration::from_millis(1800)];
const MAX_WAIT_S: u8 = 1;
/// Time limit of an HTTP request.
const HTTP_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum number of descriptions that are read in a search.
const MAX_CANDIDATES: usize = 8;
/// Maximum number of different descriptions that are heard of in a search.
const MAX_RESPONSES: usize = 64;
/// Longest lifetime of a pinhole, in seconds (WANIPv6FirewallControl §2.4.1).
const MAX_PINHOLE_LIFETIME_S: u32 = 86_400;
/// Lifetime of a pinhole that is renewed by a check, in seconds.
const PINHOLE_LIFETIME_S: u32 = 3600;

/// A gateway that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Igd {
    place: Place,
    name: Option<String>,
    service: Service,
    control: Url,
    external_ip: Option<IpAddr>,
}

#[cfg(test)]
impl Igd {
    /// Changes the port of the control URL.
    pub(super) fn move_to(&mut self, addr: SocketAddr) {
        let _ = self.control.set_port(Some(addr.port()));
    }
}

/// Carries out a task by UPnP. A gateway that is known from before may have restarted at another port; then it is searched
/// for again.
pub(super) async fn carry_out(net: &Net, task: &Task) -> Result<Done, Failure> {
    let place = match task {
        Task::Map(map) => map.place,
        Task::Unmap(lease) => lease.place,
        Task::Check(leases) => match leases.first() {
            Some(lease) => lease.place,
            None => return Err(Failure::Local("there is no mapping to check".to_owned())),
        },
    };
    let client = net.http(&place)?;
    let slot = usize::from(place.local.is_ipv6());
    let known = net.igds.lock().unwrap_or_else(PoisonError::into_inner)[slot].clone();
    if let Some(igd) = known.filter(|igd| igd.place == place) {
        match attempt(&client, &igd, task).await {
            Err(Failure::Silent | Failure::Unusable(_) | Failure::Unsupported(_)) => {}
            result => return result,
        }
        net.igds.lock().unwrap_or_else(PoisonError::into_inner)[slot] = None;
    }
    let igd = find(net, &client, &place).await?;
    net.igds.lock().unwrap_or_else(PoisonError::into_inner)[slot] = Some(igd.clone());
    attempt(&client, &igd, task).await
}

async fn attempt(client: &Client, igd: &Igd, task: &Task) -> Result<Done, Failure> {
    match task {
        Task::Map(map) if igd.service.maps_ports() => map_port(client, igd, map).await,
        Task::Map(map) => map_pinhole(client, igd, map).await,
        Task::Unmap(lease) => {
            let action = match lease.pinhole {
                Some(pinhole) => Action::RemovePinhole { pinhole },
                None if igd.service.maps_ports() => {
                    Action::RemovePort { transport: lease.transport, external: lease.external }
                }
                None => return Ok(Done::Unmapped),
            };
            ask(client, igd, &action).await.map(|_| Done::Unmapped)
        }
        Task::Check(leases) => check(client, igd, leases).await,
    }
}

async fn map_port(client: &Client, igd: &Igd, map: &Map) -> Result<Done, Failure> {
    let Map { transport, internal, external, place, .. } = *map;
    // Some gateways give a port that another machine has to the last one that asks.
    if let Ok(entry) = ask(client, igd, &Action::FindPort { transport, external }).await
        && !entry.leads_to(place.local, internal)
    {
        let reason = "another machine has this external port".to_owned();
        return Err(Failure::Refused { kind: Refusal::Conflict, reason });
    }
    let lifetime_s = map.lifetime_s.unwrap_or(0);
    let action = Action::AddPort { transport, external, internal, client: place.local, lifetime_s };
    ask(client, igd, &action).await?;
    Ok(Done::Mapped(Mapped {
        external,
        lifetime_s: map.lifetime_s,
        external_ip: igd.external_ip,
        gateway_name: igd.name.clone(),
        ..Mapped::default()
    }))
}

async fn map_pinhole(client: &Client, igd: &Igd, map: &Map) -> Result<Done, Failure> {
    let Map { transport, internal, place, .. } = *map;
    let lifetime_s = map.lifetime_s.unwrap_or(PINHOLE_LIFETIME_S).clamp(1, MAX_PINHOLE_LIFETIME_S);
    let pinhole = match map.pinhole {
        Some(pinhole) => {
            ask(client, igd, &Action::RenewPinhole { pinhole, lifetime_s }).await?;
            Some(pinhole)
        }
        None => {
            let action = Action::AddPinhole { transport, internal, client: place.local, lifetime_s };
            ask(client, igd, &action).await?.pinhole()
        }
    };
    if pinhole.is_none() {
        return Err(Failure::Unusable("the pinhole has no number".to_owned()));
    }
    Ok(Done::Mapped(Mapped {
        external: internal,
        lifetime_s: Some(lifetime_s),
        external_ip: Some(place.local),
        gateway_name: igd.name.clone(),
        pinhole,
        ..Mapped::default()
    }))
}

async fn check(client: &Client, igd: &Igd, leases: &[Lease]) -> Result<Done, Failure> {
    let mut missing: Vec<Transport> = Vec::new();
    let mut external_ip = None;
    if igd.service.maps_ports() {
        external_ip = ask(client, igd, &Action::ExternalAddress).await?.external_ip();
        for lease in leases {
            let Lease { transport, external, internal, place, .. } = *lease;
            let is_there = match ask(client, igd, &Action::FindPort { transport, external }).await {
                Ok(entry) => entry.leads_to(place.local, internal),
                Err(Failure::Refused { kind: Refusal::NoMapping, .. }) => false,
                // It does not say.
                Err(Failure::Refused { .. } | Failure::Unsupported(_)) => true,
                Err(failure) => return Err(failure),
            };
            if !is_there {
                missing.push(transport);
            }
        }
    } else {
        // Gateways need not say which pinholes they have, but renew them.
        for lease in leases {
            let Some(pinhole) = lease.pinhole else { continue };
            let lifetime_s = PINHOLE_LIFETIME_S;
            match ask(client, igd, &Action::RenewPinhole { pinhole, lifetime_s }).await {
                Ok(_) => {}
                Err(Failure::Refused { .. }) => missing.push(lease.transport),
                Err(failure) => return Err(failure),
            }
        }
    }
    Ok(Done::Checked { epoch_s: None, external_ip, missing })
}

/// Sends a SOAP request.
async fn ask(client: &Client, igd: &Igd, action: &Action) -> Result<Answer, Failure> {
    let header = HeaderValue::from_str(&action.header(igd.service))
        .map_err(|error| Failure::Local(error.to_string()))?;
    let request = client
        .post(igd.control.clone())
        .header(CONTENT_TYPE, "text/xml; charset=\"utf-8\"")
        .header("SOAPAction", header)
        .body(action.body(igd.service));
    let (status, body) = fetch(request).await?;
    match Answer::parse(&body) {
        Ok(answer) if status == 200 => Ok(answer),
        Ok(_) => Err(Failure::Unusable(format!("it has the HTTP status {status}"))),
        Err(error @ SoapError::Fault { code, .. }) => {
            let reason = error.to_string();
            Err(match code {
                fault::INVALID_ACTION | fault::NOT_IMPLEMENTED => Failure::Unsupported(reason),
                code => Failure::Refused { kind: refusal(code), reason },
            })
        }
        Err(_) if status != 200 => Err(Failure::Unusable(format!("it has the HTTP status {status}"))),
        Err(error) => Err(Failure::Unusable(error.to_string())),
    }
}

fn refusal(code: u16) -> Refusal {
    match code {
        fault::CONFLICT | fault::CONFLICT_WITH_OTHER => Refusal::Conflict,
        fault::ONLY_PERMANENT => Refusal::OnlyPermanent,
        fault::SAME_PORTS_REQUIRED => Refusal::SamePorts,
        fault::NO_SUCH_ENTRY | fault::NO_SUCH_PINHOLE => Refusal::NoMapping,
        _ => Refusal::Other,
    }
}

/// Sends an HTTP request, and returns the status and the body within bounds.
async fn fetch(request: reqwest::RequestBuilder) -> Result<(u16, Vec<u8>), Failure> {
    let plain = |error: reqwest::Error| match error.is_timeout() || error.is_connect() {
        true => Failure::Silent,
        false => Failure::Unusable("it is not HTTP".to_owned()),
    };
    let whole = async {
        let mut response = request.send().await.map_err(plain)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(plain)? {
            if body.len() + chunk.len() > MAX_XML {
                return Err(Failure::Unusable(format!("it is longer than {MAX_XML} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((response.status().as_u16(), body))
    };
    tokio::time::timeout(HTTP_TIMEOUT, whole).await.unwrap_or(Err(Failure::Silent))
}

/// Searches for a gateway with a service for the family.
async fn find(net: &Net, client: &Client, place: &Place) -> Result<Igd, Failure> {
    let socket = net.udp(place)?;
    let family = if place.local.is_ipv6() { Family::V6 } else { Family::V4 };
    let group = scoped(net.groups[usize::from(family == Family::V6)], place.index);
    let (mut seen, mut others) = (Vec::new(), Vec::new());
    // That of a gateway that was found says more than silence.
    let mut failure = None;
    let mut buf = [0; ssdp::MAX_RESPONSE];
    for span in SEARCHES {
        search(&socket, group).await?;
        let until = Instant::now() + span;
        while seen.len() < MAX_RESPONSES
            && let Ok(received) = tokio::time::timeout_at(until, socket.recv_from(&mut buf)).await
        {
            // An error is that of an earlier datagram.
            let Ok((len, from)) = received else { continue };
            let url = match response(&buf[..len], from, place) {
                Some(Ok(url)) => url,
                Some(Err(refused)) => {
                    failure = Some(refused);
                    continue;
                }
                None => continue,
            };
            if seen.contains(&url) {
                continue;
            }
            seen.push(url.clone());
            // The gateway of the default route is the right one; others are asked in the end.
            if Some(from.ip().to_canonical()) != place.gateway {
                others.push(url);
                continue;
            }
            match inspect(client, place, &url).await {
                Ok(igd) => return Ok(igd),
                Err(refused) => failure = Some(refused),
            }
        }
    }
    for url in others.iter().take(MAX_CANDIDATES) {
        match inspect(client, place, url).await {
            Ok(igd) => return Ok(igd),
            Err(refused) => failure = Some(refused),
        }
    }
    Err(failure.unwrap_or(Failure::Silent))
}

async fn search(socket: &UdpSocket, group: SocketAddr) -> Result<(), Failure> {
    for target in ssdp::TARGETS {
        let request = ssdp::search(group, target, MAX_WAIT_S);
        socket.send_to(&request, group).await.map_err(|error| Failure::Local(error.to_string()))?;
    }
    Ok(())
}

/// Returns the URL of the description in a response of a host in the local network.
fn response(bytes: &[u8], from: SocketAddr, place: &Place) -> Option<Result<Url, Failure>> {
    let from = from.ip().to_canonical();
    let is_near = Some(from) == place.gateway
        || match (from, place.local) {
            (IpAddr::V6(a), IpAddr::V6(b)) => is_local(from) || a.octets()[..8] == b.octets()[..8],
            _ => is_local(from),
        };
    if !is_near {
        return None;
    }
    let located = ssdp::location(bytes, from)?;
    Some(located.map_err(|error| Failure::Unusable(error.to_string())))
}

/// Reads a description, and finds the service to use: of several, the one that is connected.
async fn inspect(client: &Client, place: &Place, url: &Url) -> Result<Igd, Failure> {
    let (status, body) = fetch(client.get(url.clone())).await?;
    if status != 200 {
        return Err(Failure::Unusable(format!("the description has the HTTP status {status}")));
    }
    let unusable = |error: &dyn std::fmt::Display| Failure::Unusable(format!("the description: {error}"));
    let description = Description::parse(&body).map_err(|error| unusable(&error))?;
    let base = match &description.base {
        Some(base) => ssdp::join(url, base).map_err(|error| unusable(&error))?,
        None => url.clone(),
    };
    let wants_ports = place.local.is_ipv4();
    let mut best = None;
    let of_family = description.services.iter().filter(|(service, _)| service.maps_ports() == wants_ports);
    for (service, control) in of_family.take(MAX_CANDIDATES) {
        let control = ssdp::join(&base, control).map_err(|error| unusable(&error))?;
        let name = description.name.clone();
        let mut igd = Igd { place: *place, name, service: *service, control, external_ip: None };
        if !wants_ports {
            return Ok(igd);
        }
        if let Ok(answer) = ask(client, &igd, &Action::ExternalAddress).await {
            igd.external_ip = answer.external_ip();
        }
        if igd.external_ip.is_some() {
            return Ok(igd);
        }
        best.get_or_insert(igd);
    }
    let missing = if wants_ports { "it has no service for ports" } else { "it has no service for pinholes" };
    best.ok_or_else(|| Failure::Unsupported(missing.to_owned()))
}
