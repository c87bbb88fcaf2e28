//! Resource use of processes, as the kernel counts it.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use anyhow::{Context, Result};

use super::net::{self, Host, Net};

/// Resource use of a process and its descendants so far; zero if it is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// User and system time, including that of children that have ended.
    pub(crate) cpu: Duration,
    /// Largest peak of resident memory of a single process, in KiB.
    pub(crate) peak_rss_kib: u64,
}

impl Usage {
    pub(crate) fn of(pid: u32) -> Self {
        let mut sum = Self::default();
        let mut waiting = vec![pid];
        while let Some(pid) = waiting.pop() {
            let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
            sum.cpu += cpu_ticks(&read("stat")).map_or(Duration::ZERO, ticks_to_time);
            sum.peak_rss_kib = sum.peak_rss_kib.max(peak_rss_kib(&read("status")).unwrap_or(0));
            waiting.extend(children(pid));
        }
        sum
    }

    /// Keeps the larger value of each field: a later look misses processes that have ended.
    pub(crate) fn keep_peak(&mut self, later: Self) {
        self.cpu = self.cpu.max(later.cpu);
        self.peak_rss_kib = self.peak_rss_kib.max(later.peak_rss_kib);
    }
}

/// Counter of the bytes that a host's interface has received.
pub(crate) struct Received {
    counters: File,
}

impl Received {
    /// Opens the counters of a host. The file shows that host, whichever thread reads it.
    pub(crate) fn on(net: &Net, host: Host) -> Result<Self> {
        let path = "/proc/thread-self/net/dev";
        let counters = net.within(host, || File::open(path).context(path))?;
        Ok(Self { counters })
    }

    /// Returns the number of bytes received so far, headers included.
    pub(crate) fn bytes(&self) -> Result<u64> {
        let mut text = [0; 4096];
        let len = self.counters.read_at(&mut text, 0)?;
        received_bytes(&String::from_utf8_lossy(&text[..len]), "eth0").context("eth0 has no counter")
    }
}

fn children(pid: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists =
        threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

/// Returns the sum of `utime`, `stime`, `cutime` and `cstime` in `/proc/PID/stat`. See proc_pid_stat(5).
fn cpu_ticks(stat: &str) -> Option<u64> {
    // The name of the program is in parentheses and may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let times: Vec<u64> =
        fields.split_whitespace().skip(11).take(4).map_while(|field| field.parse().ok()).collect();
    (times.len() == 4).then(|| times.iter().sum())
}

fn ticks_to_time(ticks: u64) -> Duration {
    Duration::from_micros(ticks * 1_000_000 / rustix::param::clock_ticks_per_second())
}

/// Returns `VmHWM` of `/proc/PID/status`. See proc_pid_status(5).
fn peak_rss_kib(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn received_bytes(dev: &str, interface: &str) -> Option<u64> {
    net::counters(dev, interface).map(|counters| counters.received_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_ticks_behind_any_program_name_are_summed() {
        let fields = "S 1 2 3 4 5 6 7 8 9 10 100 20 3 4 20 0 1";
        for name in ["ztor", "a b", "x) y", "tmux: server", "((", ""] {
            assert_eq!(cpu_ticks(&format!("77 ({name}) {fields}")), Some(127), "{name}");
        }
        assert_eq!(cpu_ticks(""), None);
        assert_eq!(cpu_ticks("77 (ztor) S 1 2"), None);
    }

    #[test]
    fn peak_rss_kib_of_a_status_is_its_high_water_mark() {
        let status = "Name:\tztor\nVmPeak:\t  99999 kB\nVmHWM:\t   12345 kB\nVmRSS:\t 5 kB\n";
        assert_eq!(peak_rss_kib(status), Some(12_345));
        assert_eq!(peak_rss_kib("Name:\tkthreadd\n"), None);
    }

    #[test]
    fn received_bytes_of_an_interface_is_not_that_of_a_similar_name() {
        let dev = "Inter-|   Receive                            |  Transmit\n \
                   face |bytes    packets errs drop fifo frame compressed multicast|bytes\n    \
                   lo: 11 1 0 0 0 0 0 0 11 1\n  eth0:2200 22 0 0 0 0 0 0 33 3\n eth01: 5 6 0 0 0 0 0 0 7 8\n";
        assert_eq!(received_bytes(dev, "eth0"), Some(2200));
        assert_eq!(received_bytes(dev, "lo"), Some(11));
        assert_eq!(received_bytes(dev, "eth1"), None);
    }

    #[test]
    fn usage_of_this_process_is_not_zero() {
        let usage = Usage::of(std::process::id());
        assert!(usage.peak_rss_kib > 0);
        assert_eq!(Usage::of(u32::MAX), Usage::default());
    }
}
