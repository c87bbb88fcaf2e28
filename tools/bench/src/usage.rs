//! Resource use of this process, as the kernel counts it.

use rustix::time::{ClockId, clock_gettime};
use std::collections::BTreeMap;
use std::time::Duration;

/// Returns the processor time of all threads since the start.
pub(crate) fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// Returns resident memory in bytes; 0 if the system does not report it.
pub(crate) fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")).and_then(|kib| kib.trim().parse().ok());
    kib.map_or(0, |kib: u64| kib * 1024)
}

/// Returns the number of open file handles, sockets included; 0 if the system does not report it.
pub(crate) fn open_handles() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// Resource use of a thread.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Thread {
    pub(crate) cpu: Duration,
    /// Number of times it went to sleep.
    pub(crate) sleeps: u64,
}

/// Returns the use of the threads by name, without a number at its end. Threads of one name are added up.
pub(crate) fn threads() -> BTreeMap<String, Thread> {
    let mut threads: BTreeMap<String, Thread> = BTreeMap::new();
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return threads };
    for task in tasks.flatten() {
        let read = |file: &str| std::fs::read_to_string(task.path().join(file)).unwrap_or_default();
        let name = read("comm").trim().trim_end_matches(|c: char| c == '-' || c.is_ascii_digit()).to_owned();
        let on_cpu_ns = read("schedstat").split_whitespace().next().and_then(|ns| ns.parse().ok());
        let status = read("status");
        let sleeps = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        let thread = threads.entry(name).or_default();
        thread.cpu += Duration::from_nanos(on_cpu_ns.unwrap_or(0));
        thread.sleeps += sleeps.and_then(|n| n.trim().parse::<u64>().ok()).unwrap_or(0);
    }
    threads
}

/// Returns the use of the threads of this name since `before`.
pub(crate) fn thread_since(before: &BTreeMap<String, Thread>, name: &str) -> Thread {
    let (then, now) = (before.get(name).copied().unwrap_or_default(), threads());
    let now = now.get(name).copied().unwrap_or_default();
    Thread { cpu: now.cpu.saturating_sub(then.cpu), sleeps: now.sleeps.saturating_sub(then.sleeps) }
}
