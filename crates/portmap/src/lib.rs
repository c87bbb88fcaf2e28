//! Port mapping without I/O: the protocols of gateways, and the machine that keeps ports mapped.
//!
//! - [`pcp`], [`natpmp`]: datagrams of the Port Control Protocol (RFC 6887) and of NAT-PMP (RFC 6886).
//! - [`ssdp`], [`igd`]: discovery of UPnP gateways, their description, and the SOAP requests to them.
//! - [`Mapper`]: decides what is asked of which gateway and when. Its driver carries out one [`Task`] at a time per
//!   address family, and reports the result.
//!
//! Everything that a gateway sends is foreign: decoders are total, texts are made safe to show, and URLs that lead to
//! another machine are refused.
//!
//! ```
//! use ztor_base::Instant;
//! use ztor_portmap::{Done, Family, Mapped, Mapper, Place, Protocol, Task, Transport, Want};
//!
//! let (mut mapper, now) = (Mapper::new(1), Instant::ZERO);
//! mapper.set_want(now, Some(Want { transports: vec![Transport::Tcp], ..Want::new(6881) }));
//! let place = Place { local: [192, 168, 1, 2].into(), gateway: Some([192, 168, 1, 1].into()), index: 0 };
//! mapper.set_place(now, Family::V4, Ok(place));
//! let job = mapper.poll_job(now).unwrap();
//! assert!(matches!(&job.task, Task::Map(map) if map.protocol == Protocol::Pcp && map.external == 6881));
//! let mapped = Mapped { external: 7000, lifetime_s: Some(3600), ..Mapped::default() };
//! mapper.handle(now, job.id, Ok(Done::Mapped(mapped)));
//! assert_eq!(mapper.status(now).external_port(Family::V4), Some(7000));
//! ```

#![forbid(unsafe_code)]

pub mod igd;
mod mapper;
pub mod natpmp;
pub mod pcp;
pub mod ssdp;
mod transport;
mod xml;

pub use mapper::{
    Absent, Done, Failure, Job, JobId, Lease, Map, Mapped, Mapper, MappingStatus, Place, Refusal, SideState,
    SideStatus, Status, Task, Want,
};
pub use transport::{ANNOUNCE_PORT, Family, GATEWAY_PORT, Protocol, Transport};
pub use xml::{MAX_XML, XmlError};
