//! A remote daemon over TLS, whose certificate the user trusts by its fingerprint.

use crate::driver::Window;
use eframe::egui::Key;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use tempfile::TempDir;
use ztor_api::{AccountChange, AddOptions, AddRequest, AddSource};
use ztor_client::{Client, Target};
use ztor_daemon::Store;
use ztor_daemon::settings::Sources;
use ztor_server::Served;

pub(crate) const PASSWORD: &str = "correct horse battery";
const LINK: &str = "magnet:?xt=urn:btih:00112233445566778899aabbccddeeff00112233&dn=far+away";

/// A daemon that is reached over TLS.
struct Remote {
    served: Option<Served>,
    /// Its address.
    url: String,
    _folder: TempDir,
}

impl Remote {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let downloads = folder.path().join("downloads");
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let flags = [
            ("download_dir", text(&downloads)),
            ("bind", "127.0.0.1".to_owned()),
            ("port", "0".to_owned()),
            ("dht", "false".to_owned()),
            ("local_discovery", "false".to_owned()),
            ("listen", "127.0.0.1:0".to_owned()),
            ("tls_certificate", text(&certificate)),
            ("tls_key", text(&key)),
        ];
        let flags = flags.map(|(key, value)| (key.to_owned(), format!("--{key}"), value));
        let state_dir = folder.path().join("state");
        let store = Store::open(&state_dir).unwrap();
        let settings = Sources::new(None).flags(flags).resolve().unwrap();
        let (served, _) = Served::start(store, state_dir, settings, ztor_desktop::log::start()).unwrap();
        let client = Client::new(Target::Socket(served.socket.clone())).unwrap();
        served.runtime.block_on(async {
            let change =
                AccountChange { username: None, password: PASSWORD.to_owned(), current_password: None };
            client.change_account(&change).await.unwrap();
            let options = AddOptions { paused: Some(true), ..AddOptions::default() };
            let request = AddRequest { sources: vec![AddSource::Magnet(LINK.to_owned())], options };
            client.add(&request).await.unwrap();
        });
        let url = format!("https://{}", served.listening.addrs()[0]);
        Self { served: Some(served), url, _folder: folder }
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        if let Some(served) = self.served.take() {
            served.end();
        }
    }
}

#[test]
fn a_remote_daemon_is_trusted_by_its_fingerprint() {
    let remote = Remote::start();
    let mut window = Window::open();
    window.wait_for("No torrents yet");
    window.log_in(&remote.url, PASSWORD);
    window.wait_for("Trust this certificate and log in");
    let profiles = window.folder().join("remotes.toml");
    assert!(!profiles.exists(), "nothing is kept before the user trusts it");
    window.click("Trust this certificate and log in");
    window.wait("the rows of the other daemon", |window| window.rows() == ["far away"]);

    // A token is kept, and not the password.
    let text = std::fs::read_to_string(&profiles).unwrap();
    assert!(text.contains("fingerprint") && !text.contains(PASSWORD), "{text}");
    let token = window.folder().join("tokens/box");
    assert_eq!(std::fs::metadata(&token).unwrap().permissions().mode() & 0o777, 0o600);

    // The name of a known daemon is not given to another one.
    window.click("box");
    window.click("Add a remote daemon…");
    window.fill("Name", "box");
    window.fill("Address", "https://127.0.0.1:9");
    window.fill("Password", PASSWORD);
    window.click("Log in");
    window.wait("a refusal", |window| window.has_part("There is a daemon with the name box already"));
    window.press(Key::Escape);
    assert_eq!(std::fs::read_to_string(&profiles).unwrap(), text);

    // Another certificate than the accepted one is refused until the user confirms it.
    let known = text.lines().find(|line| line.starts_with("fingerprint")).unwrap();
    std::fs::write(&profiles, text.replace(known, &format!("fingerprint = \"{}\"", "ab".repeat(32))))
        .unwrap();
    window.click("box");
    window.click("This computer");
    window.wait_for("No torrents yet");
    window.click("This computer");
    window.click("box");
    window.click("Show the certificate…");
    window.wait_for("The certificate has changed");
    window.click("Trust this certificate");
    assert!(window.has("The certificate has changed"), "it needs a confirmation");
    window.click("I know that the certificate was renewed");
    window.click("Trust this certificate");
    window.wait("the rows of the other daemon", |window| window.rows() == ["far away"]);
}
