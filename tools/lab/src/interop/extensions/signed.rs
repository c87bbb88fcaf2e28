//! Torrents that openssl signs (BEP 35), and their new versions from a feed of nginx (BEP 39).

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::hosts::{Daemon, Hosts, PAUSE};
use crate::interop::payload::{Content, EmptyFiles};
use crate::net::Host;
use crate::process::Invocation;
use crate::torrent::{self, Format, bencoded, info_span, with_entry};

/// Time limit of a case.
const LIMIT: Duration = Duration::from_secs(90);
/// Kinds of keys, as arguments of `openssl genpkey`, and the digest of their signatures; `None` for the key's own.
const KEYS: [(&str, &[&str], Option<&str>); 4] = [
    ("rsa-sha1", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], Some("sha1")),
    ("rsa-sha256", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], Some("sha256")),
    ("p256", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], Some("sha256")),
    ("ed25519", &["-algorithm", "ED25519"], None),
];
const WEB_PORT: u16 = 8080;

/// ztor shows the signatures of all kinds of keys as valid, those of a changed torrent as invalid, and of a changed
/// signature that one only.
pub(super) fn signatures(hosts: &Hosts<'_>) -> Result<()> {
    const CONTENT: Content = Content::Small;
    let env = hosts.env;
    let (source, _) = env.folders(CONTENT)?;
    let plain = env.make_torrent(&source.join(CONTENT.name()))?;
    let signers: Vec<Signer> =
        KEYS.iter().map(|key| Signer::make(hosts, key)).collect::<Result<_>>().context("making the keys")?;
    let plain = std::fs::read(plain)?;
    let info = info_span(&plain)?.to_vec();
    let signatures: Vec<Vec<u8>> =
        signers.iter().map(|signer| signer.sign(&info)).collect::<Result<_>>().context("signing")?;
    let torrent = |info: &[u8], signatures: &[Vec<u8>]| -> Result<Vec<u8>> {
        let entries = signers.iter().zip(signatures).map(|(signer, signature)| (signer, &signature[..]));
        let entries: Vec<_> = entries.collect();
        with_entry(&with_entry(b"de", "info", info)?, "signatures", &signed(&entries)?)
    };

    let daemon = Daemon::start(hosts, (Host::Seeder, "daemon"), &source, &["--dht", "false"])?;
    let mut changed_info = info.clone();
    // The last byte of the hashes.
    let last = changed_info.len() - 2;
    changed_info[last] ^= 1;
    let mut changed_signatures = signatures.clone();
    let middle = changed_signatures[1].len() / 2;
    changed_signatures[1][middle] ^= 1;
    let cases = [
        ("right", torrent(&info, &signatures)?, ["valid"; KEYS.len()]),
        ("changed", torrent(&changed_info, &signatures)?, ["invalid"; KEYS.len()]),
        ("changed-signature", torrent(&info, &changed_signatures)?, ["valid", "invalid", "valid", "valid"]),
    ];
    for (name, bytes, expected) in cases {
        let path = env.dir.join(format!("{name}.torrent"));
        std::fs::write(&path, bytes)?;
        let show = |more: &[&str]| {
            let show = hosts.ztor()?.arg("show").arg(&path).args(more.iter().copied());
            show.output(None, env.dir)
        };
        let shown: Value = serde_json::from_str(&show(&["--json"])?)?;
        check(&signers, &shown, &expected).with_context(|| format!("{name}, ztor show --json: {shown}"))?;
        let text = show(&[])?;
        let invalid = expected.iter().filter(|state| **state == "invalid").count();
        ensure!(text.matches("NOT VALID").count() == invalid, "{name}: {text}");

        daemon.ask(&["add", &path.to_string_lossy()])?;
        let details = daemon.json(&["info", "all"]);
        // Another torrent with the same files, or the same torrent with other signatures.
        daemon.ask(&["remove", "all"])?;
        let details = details?.into_iter().next().unwrap_or_default();
        check(&signers, &details, &expected)
            .with_context(|| format!("{name}, ztor info --json: {details}"))?;
    }
    Ok(())
}

/// Checks the states that ztor shows, and the fingerprints by those of openssl.
fn check(signers: &[Signer], shown: &Value, expected: &[&str]) -> Result<()> {
    let signatures = shown["signatures"].as_array().context("no signatures")?;
    ensure!(signatures.len() == signers.len(), "{} signatures", signatures.len());
    for (signer, expected) in signers.iter().zip(expected) {
        let shown = signatures.iter().find(|shown| shown["name"] == signer.name);
        let shown = shown.with_context(|| format!("no signature of {}", signer.name))?;
        ensure!(shown["state"] == *expected, "{}: not {expected}", signer.name);
        ensure!(shown["fingerprint"] == signer.fingerprint()?, "{}: another certificate", signer.name);
    }
    Ok(())
}

/// A feed offers a torrent with a forged signature, which is refused, and then the right one, which is downloaded. The new
/// version of an unsigned torrent waits for the user.
pub(super) fn update(hosts: &Hosts<'_>) -> Result<()> {
    const OLD: Content = Content::Small;
    const NEW: Content = Content::Tree;
    let env = hosts.env;
    let patience = env.patience(LIMIT);
    let (source, target) = env.folders(OLD)?;
    let web = env.dir.join("web");
    env.payloads.copy(NEW, &web)?;
    std::fs::create_dir_all(web.join("feed"))?;
    let server = SocketAddr::from((Host::Tracker.ip(), WEB_PORT));
    let originator = Signer::make(hosts, &KEYS[1])?;
    let forger = Signer::make(hosts, &KEYS[2])?;

    let plain = std::fs::read(env.make_torrent(&source.join(OLD.name()))?)?;
    let feed = format!("http://{server}/feed");
    let unsigned = with_entry(info_span(&plain)?, "update-url", &bencoded(feed.as_bytes()))?;
    let owned = with_entry(&unsigned, "originator", &bencoded(&std::fs::read(&originator.certificate)?))?;
    let old = Old::write(env.dir, "owned", &owned)?;
    let other = Old::write(env.dir, "unsigned", &unsigned)?;
    std::fs::remove_file(env.torrent())?;
    let new = std::fs::read(env.make_torrent(&web.join(NEW.name()))?)?;
    let info = info_span(&new)?;
    // nginx is also the only source of the data.
    let seeded = with_entry(&new, "url-list", &bencoded(format!("http://{server}/").as_bytes()))?;
    let by = |signer: &Signer| with_entry(&seeded, "signatures", &signed(&[(signer, &signer.sign(info)?)])?);

    let config = env.dir.join("nginx.conf");
    std::fs::write(&config, configuration(env.dir, &web, server))?;
    let nginx = Invocation::new(env.tools.program("nginx")?).arg("-c").arg(&config);
    let mut nginx = hosts.start(&nginx, Host::Tracker, "nginx")?;
    patience.until("nginx listens", PAUSE, || {
        nginx.expect_alive()?;
        hosts.net.within(Host::Leecher, || Ok(std::net::TcpStream::connect(server).is_ok()))
    })?;
    let daemon = Daemon::start(hosts, (Host::Leecher, "daemon"), &target, &["--dht", "false"])?;
    let data = source.to_string_lossy();
    daemon.ask(&["add", "--dir", &data, &old.path.to_string_lossy()])?;
    let torrents = || daemon.json(&["list"]);
    patience.until("the daemon has the old version", PAUSE, || Ok(is_whole(torrents()?.first())))?;

    // The feed has nothing new.
    daemon.ask(&["update", "id:1"])?;
    ensure!(torrents()?.len() == 1, "a new version came from nowhere");
    let answer = web.join("feed").join(format!("{}.torrent", old.hash));
    std::fs::write(&answer, by(&forger)?)?;
    let refused = daemon.ask(&["update", "id:1"]).err().context("a forged version was accepted")?;
    ensure!(format!("{refused:#}").contains("has not signed it"), "refused for another reason: {refused:#}");
    ensure!(torrents()?.len() == 1, "a forged version was added");

    std::fs::write(&answer, by(&originator)?)?;
    daemon.ask(&["update", "id:1"])?;
    patience.until("the daemon has the new version", PAUSE, || Ok(is_whole(torrents()?.get(1))))?;
    let folder = target_of(torrents()?.get(1)).context("the new version has no folder")?;
    env.payloads.compare(NEW, &folder, EmptyFiles::Needed).context("comparing the files")?;
    ensure!(daemon.json(&["info", "id:1"])?[0]["is_updated"] == true, "the old version does not say so");
    // Nothing of it is looked for any more.
    std::fs::remove_file(&answer)?;
    daemon.ask(&["update", "id:1"])?;
    ensure!(torrents()?.len() == 2, "the old version was updated twice");

    daemon.ask(&["remove", "all"])?;
    daemon.ask(&["add", "--dir", &data, &other.path.to_string_lossy()])?;
    patience.until("the daemon has the unsigned version", PAUSE, || Ok(is_whole(torrents()?.first())))?;
    std::fs::write(web.join("feed").join(format!("{}.torrent", other.hash)), &seeded)?;
    daemon.ask(&["update", "all"])?;
    // It is checked before it is paused.
    patience.until("a doubtful version is there", PAUSE, || {
        let second = torrents()?.get(1).map(|row| row["state"].clone());
        Ok(second.is_some_and(|state| state != "checking"))
    })?;
    let after = torrents()?;
    ensure!(after[1]["state"] == "paused", "a doubtful version was started: {after:?}");
    let log = std::fs::read_to_string(env.dir.join("access.log")).context("reading the log of nginx")?;
    ensure!(
        log.contains(&format!("/feed?info_hash={}", old.hash)),
        "no request names the old version:\n{log}"
    );
    Ok(())
}

/// A torrent file, and its v1 info-hash in hexadecimal.
struct Old {
    path: PathBuf,
    hash: String,
}

impl Old {
    fn write(dir: &Path, name: &str, info: &[u8]) -> Result<Self> {
        let path = dir.join(format!("{name}.torrent"));
        std::fs::write(&path, with_entry(b"de", "info", info)?)?;
        let hash = torrent::info_hashes(&path, Format::V1)?[0].hex();
        Ok(Self { path, hash })
    }
}

/// Returns true if a torrent in a list is there and complete.
fn is_whole(row: Option<&Value>) -> bool {
    row.and_then(|row| row["progress"].as_f64()) >= Some(1.0)
}

fn target_of(row: Option<&Value>) -> Option<PathBuf> {
    row?["dir"].as_str().map(PathBuf::from)
}

/// Returns the value of `signatures`, with the certificates.
fn signed(entries: &[(&Signer, &[u8])]) -> Result<Vec<u8>> {
    let mut all = b"de".to_vec();
    for (signer, signature) in entries {
        let entry = with_entry(b"de", "certificate", &bencoded(&std::fs::read(&signer.certificate)?))?;
        all = with_entry(&all, &signer.name, &with_entry(&entry, "signature", &bencoded(signature))?)?;
    }
    Ok(all)
}

/// nginx answers for an old version with the file that is named by its info-hash.
fn configuration(dir: &Path, root: &Path, server: SocketAddr) -> String {
    let (dir, root) = (dir.display(), root.display());
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {dir}/nginx-{kind};\n"))
        .concat();
    format!(
        "daemon off;\nworker_processes 1;\nuser root;\npid {dir}/nginx.pid;\nerror_log {dir}/nginx-error.log;\n\
         events {{}}\nhttp {{\n{temporary}\naccess_log {dir}/access.log;\n\
         server {{ listen {server}; root {root};\n\
         location = /feed {{ try_files /feed/$arg_info_hash.torrent =404; }}\n}}\n}}\n"
    )
}

/// A key and its certificate, which openssl made.
struct Signer {
    name: String,
    openssl: PathBuf,
    dir: PathBuf,
    key: PathBuf,
    /// File in DER.
    certificate: PathBuf,
    digest: Option<&'static str>,
}

impl Signer {
    fn make(
        hosts: &Hosts<'_>,
        (kind, arguments, digest): &(&str, &[&str], Option<&'static str>),
    ) -> Result<Self> {
        let dir = hosts.env.dir;
        let (key, certificate) = (dir.join(format!("{kind}.pem")), dir.join(format!("{kind}.der")));
        let openssl = hosts.env.tools.program("openssl")?;
        let make =
            Invocation::new(openssl).arg("genpkey").args(arguments.iter().copied()).arg("-out").arg(&key);
        make.output(None, dir)?;
        let make = Invocation::new(openssl).args(["req", "-x509", "-days", "2", "-outform", "DER", "-key"]);
        let make = make.arg(&key).args(["-subj", &format!("/O=Lab/CN={kind}.lab"), "-out"]).arg(&certificate);
        make.output(None, dir)?;
        let (openssl, dir) = (openssl.to_path_buf(), dir.to_path_buf());
        Ok(Self { name: format!("lab.{kind}"), openssl, dir, key, certificate, digest: *digest })
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        let (input, output) = (self.dir.join("message"), self.dir.join("signature"));
        std::fs::write(&input, message)?;
        let openssl = Invocation::new(&self.openssl);
        let sign = match self.digest {
            Some(digest) => openssl.args(["dgst", &format!("-{digest}"), "-sign"]).arg(&self.key),
            None => openssl.args(["pkeyutl", "-sign", "-rawin", "-inkey"]).arg(&self.key).arg("-in"),
        };
        let sign = match self.digest {
            Some(_) => sign.arg("-out").arg(&output).arg(&input),
            None => sign.arg(&input).arg("-out").arg(&output),
        };
        sign.output(None, &self.dir)?;
        Ok(std::fs::read(output)?)
    }

    /// Returns the SHA-256 of the certificate, in the way of ztor.
    fn fingerprint(&self) -> Result<String> {
        let print = ["x509", "-inform", "DER", "-noout", "-fingerprint", "-sha256", "-in"];
        let printed = Invocation::new(&self.openssl).args(print).arg(&self.certificate);
        let printed = printed.output(None, &self.dir)?;
        let (_, print) = printed.trim().split_once('=').with_context(|| printed.clone())?;
        Ok(print.replace(':', "").to_lowercase())
    }
}
