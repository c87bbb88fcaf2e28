//! A network with a router that translates addresses: a client behind it, and a host outside.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::{Host, Net, ip};
use crate::process::Invocation;

/// Time limit of a connection attempt.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);

impl Host {
    /// Host behind the router.
    pub(crate) const CLIENT: Self = Self::Seeder;
    /// The router.
    pub(crate) const ROUTER: Self = Self::Tracker;
    /// Host outside.
    pub(crate) const OUTSIDE: Self = Self::Leecher;
}

/// Address of the client in the network of the router.
pub(crate) const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 168, 77, 2);
/// Public address of the client over IPv6, which the firewall of the router protects.
pub(crate) const CLIENT_V6: Ipv6Addr = Ipv6Addr::new(0x2600, 0x77, 0, 0, 0, 0, 0, 2);
/// Address of the router outside. It looks public, as routers map no ports otherwise; nothing leaves the namespaces.
pub(crate) const ROUTER: Ipv4Addr = Ipv4Addr::new(11, 22, 33, 1);
/// Address of the host outside.
pub(crate) const OUTSIDE: Ipv4Addr = Ipv4Addr::new(11, 22, 33, 2);

/// Rules of the router: it translates what leaves, and forwards nothing from outside. The chains are those that
/// miniupnpd puts its rules into.
const RULES: &str = "
table inet ztor {
  chain postrouting {
    type nat hook postrouting priority srcnat
    meta nfproto ipv4 oifname \"wan\" masquerade
  }
}
table inet filter {
  chain miniupnpd {
  }
  chain prerouting_miniupnpd {
  }
  chain postrouting_miniupnpd {
  }
  chain forward {
    type filter hook forward priority filter; policy drop
    ct state established,related accept
    iifname \"lan\" accept
    jump miniupnpd
  }
  chain prerouting {
    type nat hook prerouting priority dstnat
    jump prerouting_miniupnpd
  }
  chain mapped {
    type nat hook postrouting priority srcnat
    jump postrouting_miniupnpd
  }
}
";

impl Net {
    /// Sets up the network. The name of every namespace begins with `prefix` and the id of this process; `number` is
    /// unique among its networks.
    pub(crate) fn up_with_nat(prefix: &str, number: usize, nft: &Path) -> Result<Self> {
        let net = Self { id: format!("{prefix}{}-{number}", std::process::id()) };
        for host in Host::ALL {
            ip(&["netns", "add", &net.namespace(host)], "")?;
            ip(&["-n", &net.namespace(host), "link", "set", "lo", "up"], "")?;
        }
        let (client, outside) = (net.namespace(Host::CLIENT), net.namespace(Host::OUTSIDE));
        let router = format!(
            "link add lan type veth peer name eth0 netns {client}\n\
             link add wan type veth peer name eth0 netns {outside}\n\
             addr add 192.168.77.1/24 dev lan\n\
             addr add {ROUTER}/24 dev wan\n\
             addr add 2600:77::1/64 dev lan nodad\n\
             addr add fe80::1/64 dev lan nodad\n\
             addr add 2600:99::1/64 dev wan nodad\n\
             link set lan up\n\
             link set wan up\n"
        );
        ip(&["-n", &net.namespace(Host::ROUTER), "-batch", "-"], &router)?;
        let addresses = format!(
            "addr add {CLIENT}/24 dev eth0\n\
             addr add {CLIENT_V6}/64 dev eth0 nodad\n\
             link set eth0 up\n\
             route add default via 192.168.77.1\n\
             route add default via fe80::1 dev eth0\n"
        );
        ip(&["-n", &client, "-batch", "-"], &addresses)?;
        let addresses = format!(
            "addr add {OUTSIDE}/24 dev eth0\n\
             addr add 2600:99::2/64 dev eth0 nodad\n\
             link set eth0 up\n\
             route add default via 2600:99::1\n"
        );
        ip(&["-n", &outside, "-batch", "-"], &addresses)?;
        net.within(Host::ROUTER, || {
            std::fs::write("/proc/sys/net/ipv4/ip_forward", "1")?;
            Ok(std::fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1")?)
        })?;
        net.nft(nft, RULES).context("setting up the rules of the router")?;
        Ok(net)
    }

    /// Changes the rules of the router.
    pub(crate) fn nft(&self, nft: &Path, rules: &str) -> Result<()> {
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), rules)?;
        let command = Invocation::new(nft).arg("-f").arg(file.path());
        command.output(Some(&self.namespace(Host::ROUTER)), &std::env::temp_dir()).map(drop)
    }

    /// Returns the rules of a chain of the router.
    pub(crate) fn chain(&self, nft: &Path, chain: &str) -> Result<String> {
        let command = Invocation::new(nft).args(["list", "chain", "inet", "filter", chain]);
        command.output(Some(&self.namespace(Host::ROUTER)), &std::env::temp_dir())
    }

    /// Returns true if the host outside can connect over TCP.
    pub(crate) fn can_connect(&self, to: (IpAddr, u16)) -> Result<bool> {
        self.within(Host::OUTSIDE, || Ok(TcpStream::connect_timeout(&to.into(), CONNECT_LIMIT).is_ok()))
    }
}
