use std::io;

use ztor_bencode::Encoder;

use super::{Body, Contact, Fault, Message, Method, Query, Response, Want};
use crate::Item;
use crate::addr::write_compact;

type Out = Encoder<Vec<u8>>;

impl Message {
    /// Encodes the message as a datagram.
    pub fn encode(&self) -> Vec<u8> {
        // A vector takes everything and the keys below are in order, so there is no error.
        self.write().unwrap_or_default()
    }

    fn write(&self) -> io::Result<Vec<u8>> {
        let mut out = Encoder::new(Vec::with_capacity(256));
        out.begin_dict()?;
        match &self.body {
            Body::Query(query) => write_query(query, &mut out)?,
            Body::Error(fault) => write_fault(fault, &mut out)?,
            Body::Response(_) => {}
        }
        if let Some(addr) = self.external.filter(|_| !matches!(self.body, Body::Query(_))) {
            let mut compact = Vec::with_capacity(18);
            write_compact(addr, &mut compact);
            out.key(b"ip")?.bytes(&compact)?;
        }
        let kind = match &self.body {
            Body::Query(query) => {
                out.key(b"q")?.bytes(name(&query.method))?;
                if self.read_only {
                    out.key(b"ro")?.int(1)?;
                }
                b"q"
            }
            Body::Response(response) => {
                out.key(b"r")?;
                write_response(response, &mut out)?;
                b"r"
            }
            Body::Error(_) => b"e",
        };
        out.key(b"t")?.bytes(&self.transaction)?;
        if let Some(version) = &self.version {
            out.key(b"v")?.bytes(version)?;
        }
        out.key(b"y")?.bytes(kind)?.end()?;
        out.finish()
    }
}

fn name(method: &Method) -> &'static [u8] {
    match method {
        Method::Ping => b"ping",
        Method::FindNode { .. } => b"find_node",
        Method::GetPeers { .. } => b"get_peers",
        Method::AnnouncePeer { .. } => b"announce_peer",
        Method::Get { .. } => b"get",
        Method::Put { .. } => b"put",
        Method::SampleInfohashes { .. } => b"sample_infohashes",
        Method::Unknown { .. } => b"unknown",
    }
}

fn write_query(query: &Query, out: &mut Out) -> io::Result<()> {
    out.key(b"a")?.begin_dict()?;
    let id = query.id.as_bytes();
    match &query.method {
        Method::Ping => {
            out.key(b"id")?.bytes(id)?;
        }
        Method::FindNode { target } | Method::SampleInfohashes { target } => {
            out.key(b"id")?.bytes(id)?.key(b"target")?.bytes(target.as_bytes())?;
        }
        Method::GetPeers { info_hash, no_seed, scrape } => {
            out.key(b"id")?.bytes(id)?.key(b"info_hash")?.bytes(info_hash.as_bytes())?;
            if *no_seed {
                out.key(b"noseed")?.int(1)?;
            }
            if *scrape {
                out.key(b"scrape")?.int(1)?;
            }
        }
        Method::AnnouncePeer { info_hash, port, implied_port, seed, token } => {
            out.key(b"id")?.bytes(id)?.key(b"implied_port")?.int(i64::from(*implied_port))?;
            out.key(b"info_hash")?.bytes(info_hash.as_bytes())?.key(b"port")?.int(i64::from(*port))?;
            if *seed {
                out.key(b"seed")?.int(1)?;
            }
            out.key(b"token")?.bytes(token)?;
        }
        Method::Get { target, seq } => {
            out.key(b"id")?.bytes(id)?;
            if let Some(seq) = seq {
                out.key(b"seq")?.int(*seq)?;
            }
            out.key(b"target")?.bytes(target.as_bytes())?;
        }
        Method::Put { token, cas, item } => write_put(id, token, *cas, item, out)?,
        Method::Unknown { target } => {
            out.key(b"id")?.bytes(id)?;
            if let Some(target) = target {
                out.key(b"target")?.bytes(target.as_bytes())?;
            }
        }
    }
    if let Some(want) = query.want {
        write_want(want, out)?;
    }
    out.end()?;
    Ok(())
}

fn write_put(id: &[u8], token: &[u8], cas: Option<i64>, item: &Item, out: &mut Out) -> io::Result<()> {
    match item {
        Item::Immutable { value } => {
            out.key(b"id")?.bytes(id)?.key(b"token")?.bytes(token)?.key(b"v")?.raw(value)?;
        }
        Item::Mutable { key, salt, seq, signature, value } => {
            if let Some(cas) = cas {
                out.key(b"cas")?.int(cas)?;
            }
            out.key(b"id")?.bytes(id)?.key(b"k")?.bytes(key)?;
            if !salt.is_empty() {
                out.key(b"salt")?.bytes(salt)?;
            }
            out.key(b"seq")?.int(*seq)?.key(b"sig")?.bytes(signature)?;
            out.key(b"token")?.bytes(token)?.key(b"v")?.raw(value)?;
        }
    }
    Ok(())
}

fn write_want(want: Want, out: &mut Out) -> io::Result<()> {
    out.key(b"want")?.begin_list()?;
    if want.v4 {
        out.bytes(b"n4")?;
    }
    if want.v6 {
        out.bytes(b"n6")?;
    }
    out.end()?;
    Ok(())
}

fn write_response(response: &Response, out: &mut Out) -> io::Result<()> {
    out.begin_dict()?;
    if let Some(peers) = &response.peers {
        out.key(b"BFpe")?.bytes(peers.as_bytes())?;
    }
    if let Some(seeds) = &response.seeds {
        out.key(b"BFsd")?.bytes(seeds.as_bytes())?;
    }
    out.key(b"id")?.bytes(response.id.as_bytes())?;
    if let Some(samples) = &response.samples {
        out.key(b"interval")?.uint(samples.interval_s.into())?;
    }
    if let Some(key) = &response.key {
        out.key(b"k")?.bytes(key)?;
    }
    if let Some(nodes) = &response.nodes4 {
        out.key(b"nodes")?.bytes(&compact_contacts(nodes))?;
    }
    if let Some(nodes) = &response.nodes6 {
        out.key(b"nodes6")?.bytes(&compact_contacts(nodes))?;
    }
    if let Some(samples) = &response.samples {
        let hashes: Vec<u8> = samples.info_hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
        out.key(b"num")?.uint(samples.total)?.key(b"samples")?.bytes(&hashes)?;
    }
    if let Some(seq) = response.seq {
        out.key(b"seq")?.int(seq)?;
    }
    if let Some(signature) = &response.signature {
        out.key(b"sig")?.bytes(signature)?;
    }
    if let Some(token) = &response.token {
        out.key(b"token")?.bytes(token)?;
    }
    if let Some(value) = &response.value {
        out.key(b"v")?.raw(value)?;
    }
    if !response.values.is_empty() {
        out.key(b"values")?.begin_list()?;
        for peer in &response.values {
            let mut compact = Vec::with_capacity(18);
            write_compact(*peer, &mut compact);
            out.bytes(&compact)?;
        }
        out.end()?;
    }
    out.end()?;
    Ok(())
}

pub(crate) fn compact_contacts(contacts: &[Contact]) -> Vec<u8> {
    let mut out = Vec::with_capacity(contacts.len() * 38);
    for contact in contacts {
        out.extend_from_slice(contact.id.as_bytes());
        write_compact(contact.addr, &mut out);
    }
    out
}

fn write_fault(fault: &Fault, out: &mut Out) -> io::Result<()> {
    out.key(b"e")?.begin_list()?.int(fault.code)?.str(&fault.message)?.end()?;
    Ok(())
}
