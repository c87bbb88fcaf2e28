//! Answers to the requests of a client, and datagrams. The addresses in them are those that it may connect to.

use super::Node;
use crate::core::Core;
use std::net::{IpAddr, SocketAddr};
use ztor_dht::krpc;
use ztor_engine::{Event as Happened, RequestId};

impl Node {
    pub(crate) fn on_http(
        &mut self,
        core: &mut Core,
        life: u32,
        id: RequestId,
        from: Option<IpAddr>,
        result: Result<(u16, Vec<u8>), String>,
    ) {
        let Some(run) = self.alive(life) else { return };
        if let Ok((_, body)) = &result
            && let Ok(reply) = ztor_tracker::http::parse_announce(body)
        {
            run.audit.sources.extend(reply.peers.iter().map(|peer| peer.addr));
        }
        self.tell(core, Happened::Http { id, from, result });
    }

    pub(crate) fn on_resolved(
        &mut self,
        core: &mut Core,
        life: u32,
        id: RequestId,
        result: Result<Vec<IpAddr>, String>,
    ) {
        if self.alive(life).is_some() {
            self.tell(core, Happened::Resolved { id, result });
        }
    }

    pub(crate) fn on_datagram(&mut self, core: &mut Core, from: SocketAddr, data: &[u8]) {
        let Some(run) = &mut self.run else { return };
        if let Ok(ztor_tracker::udp::Response::Announce { reply, .. }) =
            ztor_tracker::udp::Response::decode(data, false)
        {
            run.audit.sources.extend(reply.peers.iter().map(|peer| peer.addr));
        }
        if !run.audit.is_private()
            && let Ok(message) = krpc::decode(data)
        {
            match message.body {
                krpc::Body::Response(response) => run.audit.sources.extend(response.values),
                // A node that announces itself can be found at this address.
                krpc::Body::Query(_) => {
                    run.audit.sources.insert(SocketAddr::new(from.ip(), crate::net::PORT));
                }
                krpc::Body::Error(_) => {}
            }
        }
        self.tell(core, Happened::Datagram { from, node: 0, data });
    }
}
