//! A capture of all packets that leave a host and do not go to its proxy.

use std::path::Path;

use anyhow::{Result, ensure};

use super::proxy::ProxyHost;
use crate::net::{Host, Net};
use crate::process::{Invocation, Process};
use crate::tools::Tools;

/// Start of the lines that tcpdump prints itself.
const OWN_LINES: [&str; 4] = ["$ ", "tcpdump: ", "listening on ", "Warning: "];

/// A running capture.
pub(super) struct Capture {
    process: Process,
}

impl Capture {
    /// Starts a capture on all interfaces of the leecher, also on those that appear later.
    pub(super) fn start(net: &Net, _: &ProxyHost<'_>, dir: &Path, tools: &Tools) -> Result<Self> {
        // The kernel asks for the addresses of routers by itself (ARP).
        let stray = format!("outbound and not (dst host {} or net 127.0.0.0/8 or arp)", ProxyHost::IP);
        let tcpdump = Invocation::new(tools.program("tcpdump")?);
        let tcpdump = tcpdump.args(["--interface", "any", "-n", "-l", "--immediate-mode", &stray]);
        let namespace = net.namespace(Host::Leecher);
        let process =
            Process::start(&tcpdump, Some(&namespace), &dir.join("capture"), &dir.join("capture.log"))?;
        Ok(Self { process })
    }

    pub(super) fn is_running(&self) -> Result<bool> {
        Ok(self.process.log_text()?.contains("listening on"))
    }

    /// Returns the number of stray packets so far.
    pub(super) fn count(&self) -> Result<usize> {
        Ok(self.packets()?.len())
    }

    fn packets(&self) -> Result<Vec<String>> {
        let text = self.process.log_text()?;
        let is_packet =
            |line: &&str| !line.trim().is_empty() && !OWN_LINES.iter().any(|own| line.starts_with(own));
        Ok(text.lines().filter(is_packet).map(str::to_owned).collect())
    }

    /// Fails if there are stray packets, and shows the first ones.
    pub(super) fn expect_none(&self) -> Result<()> {
        let packets = self.packets()?;
        let first: Vec<&str> = packets.iter().take(3).map(String::as_str).collect();
        ensure!(packets.is_empty(), "{} packets went around the proxy: {}", packets.len(), first.join(" | "));
        Ok(())
    }
}
