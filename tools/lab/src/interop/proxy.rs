//! Proxy programs, and the host that they run on.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::net::{Host, Net};
use crate::process::{Invocation, Process};
use crate::tools::Tools;

/// Folder of the files that replace those of /etc in a namespace; see ip-netns(8).
const ETC: &str = "/etc/netns";

/// A proxy program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proxy {
    /// SOCKS5 with a relay for datagrams.
    Dante,
    /// SOCKS5 with a login, and without a relay.
    Microsocks,
    /// HTTP.
    Tinyproxy,
}

impl Proxy {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Dante => "dante",
            Self::Microsocks => "microsocks",
            Self::Tinyproxy => "tinyproxy",
        }
    }

    pub(super) fn program(self) -> &'static str {
        match self {
            Self::Dante => "danted",
            Self::Microsocks | Self::Tinyproxy => self.name(),
        }
    }

    /// Returns true if it relays datagrams.
    pub(super) fn relays(self) -> bool {
        self == Self::Dante
    }

    /// Returns the URL for the client.
    pub(super) fn url(self) -> String {
        let host = format!("{}:{}", ProxyHost::IP, self.port());
        match self {
            Self::Dante => format!("socks5://{host}"),
            Self::Microsocks => format!("socks5://me:secret@{host}"),
            Self::Tinyproxy => format!("http://me:secret@{host}"),
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Dante | Self::Microsocks => 1080,
            Self::Tinyproxy => 8888,
        }
    }
}

/// The host of a proxy, which is that of the tracker. A link of its own leads to it from the leecher.
pub(super) struct ProxyHost<'a> {
    net: &'a Net,
    /// Folders of files that replace those of /etc; removed when dropped.
    etc: Vec<PathBuf>,
}

impl<'a> ProxyHost<'a> {
    pub(super) const IP: &'static str = "10.91.2.1";
    /// Interface of the leecher that leads to the proxy.
    pub(super) const INTERFACE: &'static str = "eth2";

    /// Adds the link, and lets the proxy's host alone resolve `name`, as its own. The resolver of the leecher would be asked
    /// over its default route.
    pub(super) fn set_up(net: &'a Net, name: &str) -> Result<Self> {
        let mut host = Self { net, etc: Vec::new() };
        // The kernel announces IPv6 addresses by itself.
        let quiet = "/proc/sys/net/ipv6/conf/eth0/disable_ipv6";
        net.within(Host::Leecher, || fs::write(quiet, "1").context(quiet))?;
        host.plug_in()?;
        let own = Host::Tracker.ip();
        host.write_etc(Host::Tracker, "hosts", &format!("127.0.0.1 localhost\n{own} {name}\n"))?;
        host.write_etc(Host::Leecher, "resolv.conf", &format!("nameserver {own}\n"))?;
        Ok(host)
    }

    fn write_etc(&mut self, of: Host, file: &str, text: &str) -> Result<()> {
        let dir = Path::new(ETC).join(self.net.namespace(of));
        fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
        self.etc.push(dir.clone());
        Ok(fs::write(dir.join(file), text)?)
    }

    /// Connects the leecher to the proxy.
    pub(super) fn plug_in(&self) -> Result<()> {
        self.net.add_link(Host::Leecher, Self::INTERFACE, (Self::IP, "10.91.2.2"))
    }

    /// Removes the interface of the leecher that leads to the proxy.
    pub(super) fn unplug(&self) -> Result<()> {
        self.net.remove_link(Host::Leecher, Self::INTERFACE)
    }

    /// Sets that interface up or down.
    pub(super) fn set_up_or_down(&self, is_up: bool) -> Result<()> {
        self.net.set_link(Host::Leecher, Self::INTERFACE, is_up)
    }

    /// Starts a proxy.
    pub(super) fn start(&self, proxy: Proxy, dir: &Path, tools: &Tools) -> Result<Process> {
        let program = Invocation::new(tools.program(proxy.program())?);
        let home = dir.join("proxy");
        fs::create_dir_all(&home)?;
        let config = home.join("proxy.conf");
        let port = proxy.port();
        let invocation = match proxy {
            Proxy::Dante => {
                let text = format!(
                    "logoutput: stderr\ninternal: 0.0.0.0 port = {port}\nexternal: br0\n\
                     clientmethod: none\nsocksmethod: none\nuser.unprivileged: root\nuser.privileged: root\n\
                     client pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}\n\
                     socks pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0\n\
                     command: connect udpassociate bindreply udpreply }}\n"
                );
                fs::write(&config, text)?;
                program.arg("-f").arg(&config)
            }
            Proxy::Microsocks => {
                program.args(["-i", "0.0.0.0", "-p", &port.to_string(), "-u", "me", "-P", "secret"])
            }
            Proxy::Tinyproxy => {
                let text =
                    format!("Port {port}\nListen 0.0.0.0\nTimeout 60\nBasicAuth me secret\nMaxClients 200\n");
                fs::write(&config, text)?;
                program.arg("-d").arg("-c").arg(&config)
            }
        };
        let namespace = self.net.namespace(Host::Tracker);
        Process::start(&invocation, Some(&namespace), &home, &dir.join("proxy.log"))
    }

    /// Returns true if a proxy accepts connections.
    pub(super) fn is_up(&self, proxy: Proxy) -> Result<bool> {
        let addr = SocketAddr::from(([127, 0, 0, 1], proxy.port()));
        self.net
            .within(Host::Tracker, || Ok(TcpStream::connect_timeout(&addr, Duration::from_secs(2)).is_ok()))
    }
}

impl Drop for ProxyHost<'_> {
    fn drop(&mut self) {
        for dir in &self.etc {
            // The second file of a folder has gone with the first.
            let _ = fs::remove_dir_all(dir);
        }
    }
}
