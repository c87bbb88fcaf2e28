//! The fast extension (BEP 6), with the messages in libtorrent's log.

use std::collections::BTreeSet;
use std::fs::File;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::hosts::{Hosts, PAUSE, QUIET, address, ended_well};
use crate::interop::clients::PORT;
use crate::interop::payload::{Content, EmptyFiles};
use crate::net::Host;
use crate::process::Process;

/// Time limit of a case.
const LIMIT: Duration = Duration::from_secs(90);
const CONTENT: Content = Content::Small;
/// Number of pieces that another client reads before, so that libtorrent suggests them.
const READ: &str = "12";
/// Upload limit of libtorrent in bytes per second: requests wait long enough to be rejected.
const RATE: &str = "500000";

/// libtorrent seeds: ztor fetches the allowed-fast set while it is choked, then the suggested pieces first, and goes on
/// after its requests were rejected.
pub(super) fn other_serves(hosts: &Hosts<'_>) -> Result<()> {
    let env = hosts.env;
    let patience = env.patience(LIMIT);
    let (source, target) = env.folders(CONTENT)?;
    let torrent = env.make_torrent(&source.join(CONTENT.name()))?;
    let ip = Host::Seeder.ip().to_string();
    let seed = env.tools.libtorrent_case()?.arg("fast-seed").args(["--bind", &ip, "--port", PORT]);
    let seed = seed.args(["--limit-up", RATE, "--read", READ]).arg(&source).arg(&torrent);
    let mut seeder = hosts.start(&seed, Host::Seeder, "seeder")?;
    patience.until("the seeder is ready", PAUSE, || {
        seeder.expect_alive()?;
        Ok(seeder.log_text()?.contains("\nCHOKED\n"))
    })?;
    let get = hosts.ztor()?.arg("get").arg(&torrent).arg("--output").arg(&target).args(QUIET);
    let mut leecher = hosts.start(&get.args(["--peer", &address(Host::Seeder)]), Host::Leecher, "leecher")?;
    patience.until("the leecher has everything", PAUSE, || ended_well(&mut leecher))?;

    let log = seeder.log_text()?;
    let (_, log) = log.split_once("\nCHOKED\n").context("the seeder was not ready")?;
    let messages = Messages::of_log(log);
    let (choked, unchoked) = messages.around("==> UNCHOKE").context("ztor was not unchoked")?;
    ensure!(choked.has("==> HAVE_ALL") && choked.has("<== HAVE_NONE"), "the pieces were announced otherwise");
    let allowed: BTreeSet<u32> = choked.pieces("==> ALLOWED_FAST").collect();
    let requested: BTreeSet<u32> = choked.pieces("<== REQUEST").collect();
    ensure!(
        !allowed.is_empty() && requested == allowed,
        "ztor may have {allowed:?} while it is choked, and requested {requested:?}"
    );
    let suggested: BTreeSet<u32> = choked.pieces("==> SUGGEST_PIECE").collect();
    let mut first = BTreeSet::new();
    for piece in unchoked.pieces("<== REQUEST") {
        if first.len() == suggested.len() {
            break;
        }
        first.insert(piece);
    }
    ensure!(
        !suggested.is_empty() && first == suggested,
        "libtorrent suggested {suggested:?}, and ztor requested {first:?} first"
    );
    ensure!(unchoked.has("==> REJECT"), "libtorrent rejected no request");
    ensure!(!unchoked.has("<== HAVE_NONE"), "ztor came back with another connection");
    env.payloads.compare(CONTENT, &target, EmptyFiles::Needed).context("comparing the files")
}

/// ztor has half of the torrent: libtorrent gets an allowed-fast set from it, and then another libtorrent gets suggestions
/// of the pieces that the first one has caused to be read.
pub(super) fn ztor_serves(hosts: &Hosts<'_>) -> Result<()> {
    let env = hosts.env;
    let patience = env.patience(LIMIT);
    let (source, first_dir) = env.folders(CONTENT)?;
    let file = source.join(CONTENT.name());
    let torrent = env.make_torrent(&file)?;
    let half = File::options().write(true).open(&file)?;
    half.set_len(half.metadata()?.len() / 2)?;
    let get = hosts.ztor()?.arg("get").arg(&torrent).arg("--output").arg(&source).args(QUIET);
    let mut seeder = hosts.start(&get.arg("--suggest-pieces"), Host::Seeder, "seeder")?;
    patience.until("ztor has checked its half", PAUSE, || {
        seeder.expect_alive()?;
        Ok(seeder.log_text()?.contains("Torrent(Started"))
    })?;
    let second_dir = env.dir.join("second");
    std::fs::create_dir_all(&second_dir)?;
    let seed = address(Host::Seeder);
    let leech = |host, name, data| -> Result<(Process, Messages)> {
        let process = hosts.libtorrent(host, name, &["--log-peers", "--connect", &seed], data, &torrent)?;
        // It has the whole half then.
        patience.until("libtorrent is not interested any more", PAUSE, || {
            Ok(process.log_text()?.contains("==> NOT_INTERESTED"))
        })?;
        let messages = Messages::of_log(&process.log_text()?);
        Ok((process, messages))
    };
    let (first_process, first) = leech(Host::Leecher, "leecher", &first_dir)?;
    drop(first_process);
    let requested: BTreeSet<u32> = first.pieces("==> REQUEST").collect();
    let allowed: BTreeSet<u32> = first.pieces("<== ALLOWED_FAST").collect();
    ensure!(!allowed.is_empty(), "ztor gave no allowed-fast set to a newcomer");
    ensure!(allowed.is_subset(&requested), "ztor gave {allowed:?}, and libtorrent requested {requested:?}");
    let (_second_process, second) = leech(Host::Tracker, "second", &second_dir)?;
    let suggested: BTreeSet<u32> = second.pieces("<== SUGGEST_PIECE").collect();
    ensure!(!suggested.is_empty(), "ztor suggested nothing");
    ensure!(suggested.is_subset(&requested), "ztor suggested {suggested:?}, and had read only {requested:?}");
    Ok(())
}

/// Messages in the order of libtorrent's log.
struct Messages(Vec<Message>);

/// Direction and name, as libtorrent writes them, and the piece; `None` if it concerns none.
struct Message {
    name: String,
    piece: Option<u32>,
}

impl Messages {
    /// Reads the lines of messages, such as `peer_log_alert: NAME peer ADDRESS ==> REQUEST [ piece: 5 s: 0 l: 4000 ]`.
    fn of_log(log: &str) -> Self {
        Self(log.lines().filter_map(Message::of_line).collect())
    }

    /// Returns the messages before and after the first one with this name.
    fn around(self, name: &str) -> Option<(Self, Self)> {
        let Self(mut before) = self;
        let at = before.iter().position(|message| message.name == name)?;
        let after = before.split_off(at + 1);
        Some((Self(before), Self(after)))
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|message| message.name == name)
    }

    /// Returns the pieces of the messages with this name.
    fn pieces(&self, name: &str) -> impl Iterator<Item = u32> {
        self.0.iter().filter(move |message| message.name == name).filter_map(|message| message.piece)
    }
}

impl Message {
    fn of_line(line: &str) -> Option<Self> {
        let at = line.find(" ==> ").or_else(|| line.find(" <== "))?;
        let (head, fields) = line.get(at + 1..)?.split_once('[')?;
        let name = head.trim().to_owned();
        let fields = fields.trim_start();
        let number = fields.strip_prefix("piece: ").unwrap_or(fields).split_whitespace().next();
        Some(Self { name, piece: number.and_then(|number| number.parse().ok()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_a_log_have_their_direction_and_piece() {
        let log = "ignored\n\
            peer_log_alert: 54a5ff peer 10.91.0.3:55534 ==> ALLOWED_FAST [ 52 ]\n\
            peer_log_alert: 54a5ff peer 10.91.0.3:55534 *** UNCHOKE [ about to unchoke ]\n\
            peer_log_alert: 54a5ff peer 10.91.0.3:55534 <== REQUEST [ piece: 52 s: 0 l: 4000 ]\n\
            peer_log_alert: 54a5ff peer 10.91.0.3:55534 ==> SUGGEST_PIECE [ piece: 95 num_peers: 0 ]\n\
            peer_log_alert: 54a5ff peer 10.91.0.3:55534 ==> UNCHOKE [  ]\n\
            peer_log_alert: 54a5ff peer 10.91.0.3:55534 ==> REJECT [ piece: 43 | s: 16384 | l: 16384 ]\n";
        let messages = Messages::of_log(log);
        assert_eq!(messages.pieces("==> ALLOWED_FAST").collect::<Vec<_>>(), [52]);
        let around = messages.around("==> UNCHOKE").map(|(before, after)| {
            let suggested: Vec<u32> = before.pieces("==> SUGGEST_PIECE").collect();
            (suggested, before.pieces("<== REQUEST").count(), after.pieces("==> REJECT").collect::<Vec<_>>())
        });
        assert_eq!(around, Some((vec![95], 1, vec![43])));
    }
}
