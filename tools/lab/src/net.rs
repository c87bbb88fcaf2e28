//! Hosts of a case or of a measurement: three network namespaces on a bridge.

pub(crate) mod nat;

use std::fs::File;
use std::io::Write;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, ensure};
use rustix::process::{Pid, Signal};
use rustix::thread::LinkNameSpaceType;

use super::process;

/// Folder in which `ip netns` keeps the namespaces by name.
const NETNS_DIR: &str = "/run/netns";

/// A host of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// Holds the bridge.
    Tracker,
    Seeder,
    Leecher,
}

impl Host {
    const ALL: [Self; 3] = [Self::Tracker, Self::Seeder, Self::Leecher];

    /// Returns its address: the same in every case, since no case sees another.
    pub(crate) fn ip(self) -> Ipv4Addr {
        match self {
            Self::Tracker => Ipv4Addr::new(10, 91, 0, 1),
            Self::Seeder => Ipv4Addr::new(10, 91, 0, 2),
            Self::Leecher => Ipv4Addr::new(10, 91, 0, 3),
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::Tracker => "t",
            Self::Seeder => "s",
            Self::Leecher => "l",
        }
    }
}

/// The network of a case; removed when dropped.
pub(crate) struct Net {
    id: String,
}

impl Net {
    /// Sets up the network. The name of every namespace begins with `prefix` and the id of this process; `number` is
    /// unique among its networks.
    pub(crate) fn up(prefix: &str, number: usize) -> Result<Self> {
        // From here on `drop` removes the namespaces, also if a later step fails.
        let net = Self { id: format!("{prefix}{}-{number}", std::process::id()) };
        for host in Host::ALL {
            ip(&["netns", "add", &net.namespace(host)], "")?;
        }
        let bridge = format!(
            "link set lo up\n\
             link add br0 type bridge\n\
             addr add {}/24 dev br0\n\
             link set br0 up\n",
            Host::Tracker.ip()
        );
        ip(&["-n", &net.namespace(Host::Tracker), "-batch", "-"], &bridge)?;
        for host in [Host::Seeder, Host::Leecher] {
            ip(&["-n", &net.namespace(host), "link", "set", "lo", "up"], "")?;
            net.plug_in(host)?;
        }
        Ok(net)
    }

    /// Connects a host to the bridge by an interface `eth0` with the default route.
    pub(crate) fn plug_in(&self, host: Host) -> Result<()> {
        let (name, port) = (self.namespace(host), format!("port-{}", host.suffix()));
        let plug = format!(
            "link add name {port} type veth peer name eth0 netns {name}\n\
             link set {port} master br0 up\n"
        );
        ip(&["-n", &self.namespace(Host::Tracker), "-batch", "-"], &plug)?;
        let address = format!(
            "addr add {}/24 dev eth0\n\
             link set eth0 up\n\
             route add default via {}\n",
            host.ip(),
            Host::Tracker.ip()
        );
        ip(&["-n", &name, "-batch", "-"], &address)?;
        Ok(())
    }

    /// Removes the interface `eth0` of a host.
    pub(crate) fn unplug(&self, host: Host) -> Result<()> {
        ip(&["-n", &self.namespace(host), "link", "del", "eth0"], "")?;
        Ok(())
    }

    /// Adds an interface `eth1` with a default route of low priority.
    pub(crate) fn add_second_way(&self, host: Host) -> Result<()> {
        let (name, router) = (self.namespace(host), self.namespace(Host::Tracker));
        let plug = format!(
            "link add name second type veth peer name eth1 netns {name}\n\
             link set second addrgenmode none\n\
             addr add 10.91.1.1/24 dev second\n\
             link set second up\n"
        );
        ip(&["-n", &router, "-batch", "-"], &plug)?;
        // Without IPv6 addresses it sends nothing by itself.
        let address = "link set eth1 addrgenmode none\n\
             addr add 10.91.1.2/24 dev eth1\n\
             link set eth1 up\n\
             route add default via 10.91.1.1 metric 1000\n";
        ip(&["-n", &name, "-batch", "-"], address)?;
        self.within(Host::Tracker, || Ok(std::fs::write("/proc/sys/net/ipv4/ip_forward", "1")?))
    }

    /// Adds a link from the host of the bridge to another one, with an address at each end and no route beyond.
    pub(crate) fn add_link(&self, host: Host, interface: &str, (router, own): (&str, &str)) -> Result<()> {
        let (name, end) = (self.namespace(host), format!("to-{interface}"));
        // Without IPv6 addresses it sends nothing by itself.
        let plug = format!(
            "link add name {end} type veth peer name {interface} netns {name}\n\
             link set {end} addrgenmode none\n\
             addr add {router}/30 dev {end}\n\
             link set {end} up\n"
        );
        ip(&["-n", &self.namespace(Host::Tracker), "-batch", "-"], &plug)?;
        let address = format!(
            "link set {interface} addrgenmode none\n\
             addr add {own}/30 dev {interface}\n\
             link set {interface} up\n"
        );
        ip(&["-n", &name, "-batch", "-"], &address)?;
        Ok(())
    }

    /// Adds an address with its prefix length to an interface. The others reach it through the host of the bridge.
    pub(crate) fn add_address(&self, host: Host, interface: &str, address: &str) -> Result<()> {
        ip(&["-n", &self.namespace(host), "addr", "add", address, "dev", interface], "")?;
        Ok(())
    }

    /// Removes a link.
    pub(crate) fn remove_link(&self, host: Host, interface: &str) -> Result<()> {
        ip(&["-n", &self.namespace(host), "link", "del", interface], "")?;
        Ok(())
    }

    /// Sets the end of a link up or down.
    pub(crate) fn set_link(&self, host: Host, interface: &str, is_up: bool) -> Result<()> {
        let state = if is_up { "up" } else { "down" };
        ip(&["-n", &self.namespace(host), "link", "set", interface, state], "")?;
        Ok(())
    }

    /// Returns the counters of an interface; zero if there is none of that name.
    pub(crate) fn counters(&self, host: Host, interface: &str) -> Result<Counters> {
        let table = self.within(host, || Ok(std::fs::read_to_string("/proc/thread-self/net/dev")?))?;
        Ok(counters(&table, interface).unwrap_or_default())
    }

    /// Returns the name for `ip netns exec`.
    pub(crate) fn namespace(&self, host: Host) -> String {
        format!("{}{}", self.id, host.suffix())
    }

    /// Runs `work` in the host's namespace, so that it opens its sockets there.
    pub(crate) fn within<T: Send>(&self, host: Host, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let path = Path::new(NETNS_DIR).join(self.namespace(host));
        let enter = || {
            let namespace = File::open(&path).with_context(|| format!("opening {}", path.display()))?;
            rustix::thread::move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
            work()
        };
        // A namespace belongs to a thread: this one ends with the work.
        std::thread::scope(|scope| scope.spawn(enter).join()).map_err(|_| anyhow!("panicked"))?
    }
}

/// Counters of an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) received_bytes: u64,
    pub(crate) sent_bytes: u64,
    pub(crate) sent_packets: u64,
}

/// Reads the counters of an interface from `/proc/PID/net/dev`. See proc_pid_net(5).
pub(super) fn counters(table: &str, interface: &str) -> Option<Counters> {
    let mut named = table.lines().filter_map(|line| line.split_once(':'));
    let (_, numbers) = named.find(|(name, _)| name.trim() == interface)?;
    let numbers: Vec<u64> = numbers.split_whitespace().map_while(|number| number.parse().ok()).collect();
    let (received_bytes, sent_bytes) = (*numbers.first()?, *numbers.get(8)?);
    Some(Counters { received_bytes, sent_bytes, sent_packets: *numbers.get(9)? })
}

impl Drop for Net {
    fn drop(&mut self) {
        for host in Host::ALL {
            let name = self.namespace(host);
            if Path::new(NETNS_DIR).join(&name).exists()
                && let Err(error) = ip(&["netns", "del", &name], "")
            {
                eprintln!("{name} is left over: {error:#}");
            }
        }
    }
}

/// Removes the namespaces with this prefix that killed runs left, and the processes in them.
pub(crate) fn remove_stale(prefix: &str) {
    let Ok(entries) = std::fs::read_dir(NETNS_DIR) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !process::is_left_over(&name, prefix) {
            continue;
        }
        if let Ok(pids) = ip(&["netns", "pids", &name], "") {
            for pid in pids.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)) {
                // Fails only if it has ended.
                let _ = rustix::process::kill_process(pid, Signal::KILL);
            }
        }
        if let Err(error) = ip(&["netns", "del", &name], "") {
            eprintln!("{name} is left over: {error:#}");
        }
    }
}

/// Runs `ip` with these arguments and this input; returns its output.
fn ip(arguments: &[&str], input: &str) -> Result<String> {
    let mut command = Command::new("ip");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // Not in our process group: Ctrl-C must not end the command that cleans up.
    let mut child = command.process_group(0).spawn().context("starting ip (of iproute2)")?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "ip {}: {}", arguments.join(" "), complaint.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_of_an_interface_are_those_of_its_row() {
        let table = "Inter-|   Receive\n face |bytes\n    lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n  \
                     eth0: 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36\n";
        let expected = Counters { received_bytes: 21, sent_bytes: 29, sent_packets: 30 };
        assert_eq!(counters(table, "eth0"), Some(expected));
        assert_eq!(counters(table, "eth1"), None);
    }
}
