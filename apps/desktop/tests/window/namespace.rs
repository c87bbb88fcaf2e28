//! A daemon behind a network that goes away, in a network namespace that this test makes.

use crate::driver::Window;
use crate::remote::PASSWORD;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use ztor_api::{AccountChange, Action, AddOptions, AddRequest, AddSource};
use ztor_client::{Client, Target};

/// Time until a silent connection is known to be lost, with room for a slow machine.
const LOSS: Duration = Duration::from_secs(150);

/// A namespace with a link to this one.
struct Namespace {
    name: String,
    /// End of the link on this side.
    link: String,
    /// Address of the other side.
    address: String,
}

fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().unwrap();
    assert!(status.success(), "ip {arguments}");
}

impl Namespace {
    fn make() -> Self {
        let id = std::process::id();
        let (name, link, subnet) = (format!("ztor-desktop-{id}"), format!("zd{id}"), id % 250);
        ip(&format!("netns add {name}"));
        // From here on the end of `namespace` removes it.
        let namespace = Self { name, link, address: format!("10.213.{subnet}.2") };
        let Self { name, link, address } = &namespace;
        ip(&format!("link add {link} type veth peer name far netns {name}"));
        ip(&format!("addr add 10.213.{subnet}.1/30 dev {link}"));
        ip(&format!("link set {link} up"));
        ip(&format!("-n {name} addr add {address}/30 dev far"));
        ip(&format!("-n {name} link set far up"));
        ip(&format!("-n {name} link set lo up"));
        namespace
    }

    fn switch(&self, state: &str) {
        ip(&format!("link set {} {state}", self.link));
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // The link goes with it. A failure is that of a namespace that was not made.
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

/// A daemon in the namespace.
struct Daemon {
    process: Child,
    url: String,
    client: Client,
    runtime: Runtime,
    _folder: TempDir,
}

impl Daemon {
    fn start(namespace: &Namespace) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["box".to_owned()]).unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        std::fs::write(path("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(path("key.pem"), made.signing_key.serialize_pem()).unwrap();
        let ztor = std::env::var("ZTOR").expect("ZTOR has the path of ztor");
        let listen = format!("{}:0", namespace.address);
        let mut process = Command::new("ip")
            .args([
                "netns",
                "exec",
                &namespace.name,
                &ztor,
                "--json",
                "daemon",
                "--bind",
                "127.0.0.1",
                "--port",
                "0",
            ])
            .args([
                "--dht=false",
                "--local-discovery=false",
                "--listen",
                &listen,
                "--state-dir",
                &path("state"),
            ])
            .args(["--download-dir", &path("downloads"), "--tls-certificate", &path("cert.pem")])
            .args(["--tls-key", &path("key.pem")])
            .env("XDG_CONFIG_HOME", folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let event: serde_json::Value = serde_json::from_str(&line).unwrap();
        let url = format!("https://{}", event["api"][0].as_str().unwrap());
        // The local socket is in the file system, which both sides share.
        let client = Client::new(Target::Socket(ztor_api::socket_in(&folder.path().join("state")))).unwrap();
        let daemon = Self { process, url, client, runtime: Runtime::new().unwrap(), _folder: folder };
        let change = AccountChange { username: None, password: PASSWORD.to_owned(), current_password: None };
        daemon.runtime.block_on(daemon.client.change_account(&change)).unwrap();
        daemon
    }

    fn add(&self, name: &str) {
        let hash: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
        let link = format!("magnet:?xt=urn:btih:{hash:0>40}&dn={name}");
        let options = AddOptions { paused: Some(true), ..AddOptions::default() };
        let request = AddRequest { sources: vec![AddSource::Magnet(link)], options };
        self.runtime.block_on(self.client.add(&request)).unwrap();
    }

    fn act(&self, name: &str, action: Action) {
        self.runtime.block_on(self.client.act(vec![format!("name:{name}")], action)).unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // `ip netns exec` becomes the daemon.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

#[test]
#[ignore = "needs root, ip of iproute2, and ztor at the path in ZTOR; .ci/run runs it"]
fn a_daemon_in_another_namespace_is_lost_and_found_again() {
    let namespace = Namespace::make();
    let daemon = Daemon::start(&namespace);
    daemon.add("one");
    daemon.add("two");
    let mut window = Window::open();
    window.wait_for("No torrents yet");
    window.log_in(&daemon.url, PASSWORD);
    window.click("Trust this certificate and log in");
    let rows = |window: &Window| {
        let mut rows = window.rows();
        rows.sort();
        rows
    };
    window.wait("the rows of the daemon", |window| rows(window) == ["one", "two"]);

    namespace.switch("down");
    // All of it happens while the window cannot see it.
    daemon.add("three");
    daemon.act("one", Action::Rename { name: "renamed".to_owned() });
    daemon.act("two", Action::Remove { data: ztor_api::DataChoice::Keep });
    window.wait_within(LOSS, "the loss of the connection", |window| window.has("Retry"));
    assert_eq!(rows(&window), ["one", "two"], "what was there is still shown");
    namespace.switch("up");
    window.wait("the connection by itself, and all that has changed", |window| {
        rows(window) == ["renamed", "three"]
    });
    // The trust was kept: nothing asks for it again.
    assert!(!window.has_part("certificate"));
}
