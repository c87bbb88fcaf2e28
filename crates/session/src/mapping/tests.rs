//! Requests to scripted gateways on loopback, most of which are faulty.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::net::Net;
use crate::bind::Bind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use ztor_portmap::pcp::{self, Body};
use ztor_portmap::{Done, Failure, Lease, MAX_XML, Map, Mapped, Place, Protocol, Refusal, Task, Transport};
use ztor_portmap::{natpmp, ssdp};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PORT: u16 = 6881;

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(60), test).await.unwrap();
    });
}

fn place() -> Place {
    Place { local: HERE, gateway: Some(HERE), index: 1 }
}

fn map(protocol: Protocol) -> Map {
    Map {
        protocol,
        place: place(),
        transport: Transport::Tcp,
        internal: PORT,
        external: PORT,
        lifetime_s: Some(600),
        nonce: [7; 12],
        pinhole: None,
    }
}

fn lease(protocol: Protocol) -> Lease {
    let Map { place, transport, internal, external, nonce, pinhole, .. } = map(protocol);
    Lease { protocol, place, transport, internal, external, nonce, pinhole }
}

fn net() -> Net {
    Net::new(Bind::All)
}

/// Answers datagrams at a port of its own, which is that of the returned network, from `from`.
async fn udp_gateway(from: IpAddr, mut answer: impl FnMut(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> Net {
    let socket = UdpSocket::bind((HERE, 0)).await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let other = if from == HERE { None } else { Some(UdpSocket::bind((from, port)).await.unwrap()) };
    tokio::spawn(async move {
        let mut buf = [0; 2048];
        loop {
            let (len, to) = socket.recv_from(&mut buf).await.unwrap();
            for bytes in answer(&buf[..len]) {
                other.as_ref().unwrap_or(&socket).send_to(&bytes, to).await.unwrap();
            }
        }
    });
    Net { gateway_port: port, ..net() }
}

/// A right answer to a request of PCP.
fn pcp_answer(bytes: &[u8]) -> Option<pcp::Response> {
    let request = pcp::Request::decode(bytes)?;
    let body = match request.body {
        Body::Map(map) => Body::Map(pcp::Map { external: 7000, ip: [203, 0, 113, 9].into(), ..map }),
        body => body,
    };
    Some(pcp::Response { code: pcp::Code::SUCCESS, lifetime_s: request.lifetime_s, epoch_s: 77, body })
}

async fn pcp_with(change: impl Fn(pcp::Response) -> Vec<Vec<u8>> + Send + 'static) -> Result<Done, Failure> {
    let net = udp_gateway(HERE, move |bytes| pcp_answer(bytes).map_or(Vec::new(), &change)).await;
    net.carry_out(&Task::Map(map(Protocol::Pcp))).await
}

#[test]
fn pcp_maps_checks_and_unmaps() {
    run(async {
        let net = udp_gateway(HERE, |bytes| vec![pcp_answer(bytes).unwrap().encode()]).await;
        let mapped = Mapped {
            external: 7000,
            lifetime_s: Some(600),
            external_ip: Some([203, 0, 113, 9].into()),
            epoch_s: Some(77),
            ..Mapped::default()
        };
        assert_eq!(net.carry_out(&Task::Map(map(Protocol::Pcp))).await, Ok(Done::Mapped(mapped)));
        let checked = Done::Checked { epoch_s: Some(77), external_ip: None, missing: Vec::new() };
        assert_eq!(net.carry_out(&Task::Check(vec![lease(Protocol::Pcp)])).await, Ok(checked));
        assert_eq!(net.carry_out(&Task::Unmap(lease(Protocol::Pcp))).await, Ok(Done::Unmapped));
    });
}

#[test]
fn pcp_of_faulty_gateways_is_a_failure() {
    run(async {
        let unusable = |result: Result<Done, Failure>| matches!(result, Err(Failure::Unusable(_)));
        assert_eq!(pcp_with(|_| Vec::new()).await, Err(Failure::Silent));
        assert!(unusable(pcp_with(|_| vec![vec![0xff; 60], Vec::new(), vec![2]]).await), "garbage");
        let other_nonce = |response: pcp::Response| {
            let Body::Map(map) = response.body else { panic!("not a mapping") };
            vec![pcp::Response { body: Body::Map(pcp::Map { nonce: [8; 12], ..map }), ..response }.encode()]
        };
        assert!(unusable(pcp_with(other_nonce).await), "a mapping of another program");
        assert!(unusable(pcp_with(|_| vec![vec![1; 1000]; 100]).await), "a flood");
        let refused =
            |code| move |response| vec![pcp::Response { code: pcp::Code(code), ..response }.encode()];
        let kind = |result| match result {
            Err(Failure::Refused { kind, .. }) => kind,
            other => panic!("{other:?}"),
        };
        assert_eq!(kind(pcp_with(refused(2)).await), Refusal::Other);
        assert_eq!(kind(pcp_with(refused(11)).await), Refusal::Conflict);
        assert!(matches!(pcp_with(refused(4)).await, Err(Failure::Unsupported(_))));
        let old = |_| vec![vec![0, 128, 0, 1, 0, 0, 0, 9]];
        assert!(matches!(pcp_with(old).await, Err(Failure::Unsupported(_))), "it speaks NAT-PMP only");
    });
}

#[test]
fn pcp_of_a_slow_gateway_is_asked_again() {
    run(async {
        let mut requests = 0;
        let net = udp_gateway(HERE, move |bytes| {
            requests += 1;
            if requests < 3 { Vec::new() } else { vec![pcp_answer(bytes).unwrap().encode()] }
        })
        .await;
        assert!(net.carry_out(&Task::Map(map(Protocol::Pcp))).await.is_ok());
    });
}

#[test]
fn answers_from_another_address_are_ignored() {
    run(async {
        let net = udp_gateway([127, 0, 0, 2].into(), |bytes| vec![pcp_answer(bytes).unwrap().encode()]).await;
        assert_eq!(net.carry_out(&Task::Map(map(Protocol::Pcp))).await, Err(Failure::Silent));
    });
}

#[test]
fn closed_port_is_known_at_once() {
    run(async {
        let port = UdpSocket::bind((HERE, 0)).await.unwrap().local_addr().unwrap().port();
        let net = Net { gateway_port: port, ..net() };
        for protocol in [Protocol::Pcp, Protocol::NatPmp] {
            let result = net.carry_out(&Task::Map(map(protocol))).await;
            assert!(matches!(result, Err(Failure::Unsupported(_))), "{result:?}");
        }
    });
}

fn nat_pmp_answer(bytes: &[u8]) -> natpmp::Response {
    match natpmp::Request::decode(bytes).unwrap() {
        natpmp::Request::Address => natpmp::Response::Address { epoch_s: 5, ip: [203, 0, 113, 9].into() },
        natpmp::Request::Map { transport, internal, lifetime_s, .. } => {
            natpmp::Response::Map { epoch_s: 5, transport, internal, external: 7000, lifetime_s }
        }
    }
}

#[test]
fn nat_pmp_maps_checks_and_unmaps() {
    run(async {
        let net = udp_gateway(HERE, |bytes| vec![nat_pmp_answer(bytes).encode()]).await;
        let Ok(Done::Mapped(mapped)) = net.carry_out(&Task::Map(map(Protocol::NatPmp))).await else {
            panic!("not mapped")
        };
        assert_eq!((mapped.external, mapped.epoch_s), (7000, Some(5)));
        assert_eq!(mapped.external_ip, Some([203, 0, 113, 9].into()));
        let checked = net.carry_out(&Task::Check(vec![lease(Protocol::NatPmp)])).await;
        assert!(matches!(checked, Ok(Done::Checked { epoch_s: Some(5), external_ip: Some(_), .. })));
        assert_eq!(net.carry_out(&Task::Unmap(lease(Protocol::NatPmp))).await, Ok(Done::Unmapped));
    });
}

#[test]
fn nat_pmp_of_faulty_gateways_is_a_failure() {
    run(async {
        let with = async |answer: fn(&[u8]) -> Vec<u8>| {
            let net = udp_gateway(HERE, move |bytes| vec![answer(bytes)]).await;
            net.carry_out(&Task::Map(map(Protocol::NatPmp))).await
        };
        let refused = with(|_| vec![0, 128, 0, 2, 0, 0, 0, 5]).await;
        assert!(matches!(refused, Err(Failure::Refused { kind: Refusal::Other, .. })), "{refused:?}");
        let other = with(|bytes| match nat_pmp_answer(bytes) {
            natpmp::Response::Map { epoch_s, transport, external, lifetime_s, .. } => {
                natpmp::Response::Map { epoch_s, transport, internal: 1, external, lifetime_s }.encode()
            }
            response => response.encode(),
        });
        assert!(matches!(other.await, Err(Failure::Unusable(_))), "the answer to another request");
        assert!(matches!(with(|_| vec![0; 3]).await, Err(Failure::Unusable(_))));
    });
}

const DESCRIPTION: &str = "<root><device><friendlyName>Box</friendlyName><serviceList><service>\
    <serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType><controlURL>/ctl</controlURL>\
    </service></serviceList></device></root>";

fn http(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn soap(inner: &str) -> String {
    format!("<s:Envelope><s:Body><u:R>{inner}</u:R></s:Body></s:Envelope>")
}

fn fault(code: u16) -> Vec<u8> {
    let body = format!(
        "<s:Envelope><s:Body><s:Fault><detail><UPnPError><errorCode>{code}</errorCode></UPnPError></detail>\
         </s:Fault></s:Body></s:Envelope>"
    );
    http("500 Internal Server Error", &body)
}

/// Serves HTTP requests, each with a connection of its own.
async fn http_gateway(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind((HERE, 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !is_whole(&request) {
                let mut buf = [0; 4096];
                match stream.read(&mut buf).await {
                    Ok(0) | Err(_) => break,
                    Ok(len) => request.extend_from_slice(&buf[..len]),
                }
            }
            let answer = answer(&String::from_utf8(request).unwrap());
            // The client may hang up before the end.
            let _ = stream.write_all(&answer).await;
        }
    });
    addr
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

/// Answers searches with a location.
async fn upnp_at(location: String) -> Net {
    let answer = format!("HTTP/1.1 200 OK\r\nST: {}\r\nLOCATION: {location}\r\n\r\n", ssdp::TARGETS[0]);
    let net = udp_gateway(HERE, move |_| vec![answer.clone().into_bytes()]).await;
    Net { groups: [SocketAddr::new(HERE, net.gateway_port); 2], ..net }
}

/// A gateway with this answer to requests for mappings. It has no mapping of its own.
async fn upnp(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Net {
    let addr = http_gateway(move |request| {
        if request.starts_with("GET /desc.xml ") {
            http("200 OK", DESCRIPTION)
        } else if request.contains("#GetExternalIPAddress\"") {
            let ip = "<NewExternalIPAddress>203.0.113.9</NewExternalIPAddress>";
            http("200 OK", &soap(ip))
        } else if request.contains("#GetSpecificPortMappingEntry\"") {
            fault(714)
        } else {
            answer(request)
        }
    })
    .await;
    upnp_at(format!("http://{addr}/desc.xml")).await
}

/// Maps a port at gateways that answer every HTTP request like this, all at the same time.
async fn map_at_each(answers: Vec<Vec<u8>>) -> Vec<Result<Done, Failure>> {
    let mut tasks = tokio::task::JoinSet::new();
    for answer in answers {
        tasks.spawn(async move {
            let addr = http_gateway(move |_| answer.clone()).await;
            upnp_at(format!("http://{addr}/desc.xml")).await.carry_out(&map_upnp()).await
        });
    }
    tasks.join_all().await
}

fn map_upnp() -> Task {
    Task::Map(map(Protocol::Upnp))
}

#[test]
fn upnp_maps_checks_and_unmaps() {
    run(async {
        let net = upnp(|request| {
            let is_add = request.contains("<NewLeaseDuration>600</NewLeaseDuration>");
            assert!(is_add || request.contains("#DeletePortMapping\""), "{request}");
            assert!(
                request.contains("<NewExternalPort>6881</NewExternalPort><NewProtocol>TCP</NewProtocol>")
            );
            assert!(request.contains("Soapaction: \"urn:schemas-upnp-org:service:WANIPConnection:1#"));
            http("200 OK", &soap(""))
        })
        .await;
        let mapped = Mapped {
            external: PORT,
            lifetime_s: Some(600),
            external_ip: Some([203, 0, 113, 9].into()),
            gateway_name: Some("Box".to_owned()),
            ..Mapped::default()
        };
        assert_eq!(net.carry_out(&map_upnp()).await, Ok(Done::Mapped(mapped)));
        let external_ip = Some([203, 0, 113, 9].into());
        let checked = Done::Checked { epoch_s: None, external_ip, missing: vec![Transport::Tcp] };
        assert_eq!(net.carry_out(&Task::Check(vec![lease(Protocol::Upnp)])).await, Ok(checked));
        assert_eq!(net.carry_out(&Task::Unmap(lease(Protocol::Upnp))).await, Ok(Done::Unmapped));
    });
}

#[test]
fn upnp_faults_have_their_consequences() {
    run(async {
        for (code, expected) in [
            (718, Refusal::Conflict),
            (725, Refusal::OnlyPermanent),
            (724, Refusal::SamePorts),
            (501, Refusal::Other),
            (606, Refusal::Other),
        ] {
            let net = upnp(move |_| fault(code)).await;
            match net.carry_out(&map_upnp()).await {
                Err(Failure::Refused { kind, reason }) => {
                    assert_eq!(kind, expected);
                    assert!(reason.contains(&code.to_string()), "{reason}");
                }
                other => panic!("{code}: {other:?}"),
            }
        }
    });
}

#[test]
fn upnp_does_not_take_the_port_of_another_machine() {
    run(async {
        let addr = http_gateway(|request| match request {
            _ if request.starts_with("GET ") => http("200 OK", DESCRIPTION),
            _ if request.contains("#GetSpecificPortMappingEntry\"") => {
                let entry =
                    "<NewInternalPort>6881</NewInternalPort><NewInternalClient>10.0.0.9</NewInternalClient>";
                http("200 OK", &soap(entry))
            }
            _ if request.contains("#AddPortMapping\"") => panic!("the port is another machine's"),
            _ => http("200 OK", &soap("")),
        })
        .await;
        let net = upnp_at(format!("http://{addr}/desc.xml")).await;
        let result = net.carry_out(&map_upnp()).await;
        assert!(matches!(result, Err(Failure::Refused { kind: Refusal::Conflict, .. })), "{result:?}");
    });
}

#[test]
fn upnp_asks_no_other_machine() {
    run(async {
        let other = TcpListener::bind("127.0.0.2:0").await.unwrap();
        let location = format!("http://{}/desc.xml", other.local_addr().unwrap());
        let elsewhere = upnp_at(location.clone()).await.carry_out(&map_upnp()).await;
        assert!(
            matches!(&elsewhere, Err(Failure::Unusable(why)) if why.contains("127.0.0.2")),
            "{elsewhere:?}"
        );
        // A redirect, and a URL in the description, lead there as well.
        let redirect = format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        let description = DESCRIPTION.replace("/ctl", &location);
        let based = DESCRIPTION.replace("<root>", &format!("<root><URLBase>{location}</URLBase>"));
        let answers = vec![redirect.into_bytes(), http("200 OK", &description), http("200 OK", &based)];
        for result in map_at_each(answers).await {
            assert!(matches!(result, Err(Failure::Unusable(_))), "{result:?}");
        }
        let accepted = tokio::time::timeout(Duration::from_millis(100), other.accept()).await;
        assert!(accepted.is_err(), "the other machine was asked");
    });
}

#[test]
fn upnp_of_faulty_gateways_is_a_failure() {
    run(async {
        let huge = http("200 OK", &format!("<root>{}</root>", "<a></a>".repeat(MAX_XML / 7)));
        let endless = [&b"HTTP/1.1 200 OK\r\n\r\n"[..], &vec![b'a'; 2 * MAX_XML]].concat();
        let answers = [
            huge,
            endless,
            http("200 OK", "no XML <"),
            http("404 Not Found", DESCRIPTION),
            b"\0\0\0\0\r\n\r\n".to_vec(),
            http("200 OK", "<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><root>&b;</root>"),
        ];
        for result in map_at_each(answers.into()).await {
            assert!(matches!(result, Err(Failure::Unusable(_))), "{result:?}");
        }
        let addr = http_gateway(|_| http("200 OK", "<root></root>")).await;
        let without = upnp_at(format!("http://{addr}/desc.xml")).await.carry_out(&map_upnp()).await;
        assert!(matches!(without, Err(Failure::Unsupported(_))), "{without:?}");
        assert_eq!(
            upnp(|_| b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n".to_vec())
                .await
                .carry_out(&map_upnp())
                .await,
            Err(Failure::Unusable("it is not HTTP".to_owned())),
            "the answer is cut off"
        );
    });
}

#[test]
fn upnp_without_a_gateway_is_silent() {
    run(async {
        let net =
            udp_gateway(HERE, |_| vec![b"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\n\r\n".to_vec()]).await;
        let net = Net { groups: [SocketAddr::new(HERE, net.gateway_port); 2], ..net };
        assert_eq!(net.carry_out(&map_upnp()).await, Err(Failure::Silent));
    });
}

#[test]
fn upnp_gateway_that_has_moved_to_another_port_is_found_again() {
    run(async {
        let net = upnp(|_| http("200 OK", &soap(""))).await;
        assert!(net.carry_out(&map_upnp()).await.is_ok());
        // Nothing listens where the gateway was.
        let gone = TcpListener::bind((HERE, 0)).await.unwrap().local_addr().unwrap();
        net.move_igds_to(gone);
        assert!(net.carry_out(&map_upnp()).await.is_ok());
    });
}
