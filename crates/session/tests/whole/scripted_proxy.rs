//! A proxy for tests, which misbehaves on demand.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

/// Behaviour towards new connections.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    Normal,
    /// Nobody listens, and existing connections are cut.
    Dead,
    /// Accepts, and says nothing.
    Hangs,
    Garbage,
    /// Closes the connection after its first answer.
    ClosesHalfway,
    /// Grants an association, and ends it at once.
    EndsAssociation,
    /// Refuses every login.
    WrongLogin,
    /// Sends an answer that never ends.
    Endless,
}

/// Protocol, and details of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// With a login of `me` and `secret`, if `has_login`.
    Socks5 {
        has_udp: bool,
        has_login: bool,
    },
    Socks4a,
    /// With the user name `me`.
    Socks4aOfUser,
    Http,
}

#[derive(Debug)]
struct State {
    mode: Mode,
    /// Number of connections that were accepted since the mode last changed.
    accepted: usize,
    /// Destinations of the requests.
    targets: Vec<String>,
    /// Sources and destinations of the relayed datagrams of clients.
    datagrams: Vec<String>,
    open: Vec<TcpStream>,
    listener: Option<TcpListener>,
    /// Names that the proxy resolves, all to this machine.
    names: HashMap<String, Ipv4Addr>,
}

/// A running proxy.
pub(crate) struct ScriptedProxy {
    kind: Kind,
    addr: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl ScriptedProxy {
    pub(crate) fn start(kind: Kind, mode: Mode) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let addr = listener.local_addr().unwrap();
        drop(listener);
        let names = [("tracker.test".to_owned(), Ipv4Addr::LOCALHOST)].into();
        let state = State {
            mode: Mode::Dead,
            accepted: 0,
            targets: Vec::new(),
            datagrams: Vec::new(),
            open: Vec::new(),
            listener: None,
            names,
        };
        let proxy = Self { kind, addr, state: Arc::new(Mutex::new(state)) };
        proxy.set_mode(mode);
        proxy
    }

    pub(crate) fn url(&self) -> String {
        match self.kind {
            Kind::Socks5 { has_login: true, .. } => format!("socks5://me:secret@{}", self.addr),
            Kind::Socks5 { .. } => format!("socks5://{}", self.addr),
            Kind::Socks4a => format!("socks4a://{}", self.addr),
            Kind::Socks4aOfUser => format!("socks4a://me@{}", self.addr),
            Kind::Http => format!("http://me:secret@{}", self.addr),
        }
    }

    pub(crate) fn targets(&self) -> Vec<String> {
        lock(&self.state).targets.clone()
    }

    /// Returns the number of connections that were accepted since the behaviour last changed.
    pub(crate) fn accepted(&self) -> usize {
        lock(&self.state).accepted
    }

    pub(crate) fn datagrams(&self) -> Vec<String> {
        lock(&self.state).datagrams.clone()
    }

    /// Changes the behaviour. Existing connections are cut.
    pub(crate) fn set_mode(&self, mode: Mode) {
        let mut state = lock(&self.state);
        state.mode = mode;
        state.accepted = 0;
        state.open.drain(..).for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
        if mode == Mode::Dead {
            if let Some(listener) = state.listener.take() {
                drop(state);
                drop(listener.set_nonblocking(true));
                // Wakes the thread that waits for connections.
                drop(TcpStream::connect(self.addr));
            }
            return;
        }
        if state.listener.is_none() {
            let listener = TcpListener::bind(self.addr).unwrap();
            state.listener = Some(listener.try_clone().unwrap());
            let (shared, kind) = (Arc::clone(&self.state), self.kind);
            thread::spawn(move || accept(&listener, kind, &shared));
        }
    }
}

impl Drop for ScriptedProxy {
    fn drop(&mut self) {
        self.set_mode(Mode::Dead);
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap()
}

fn accept(listener: &TcpListener, kind: Kind, state: &Arc<Mutex<State>>) {
    while let Ok((stream, _)) = listener.accept() {
        let mut locked = lock(state);
        if locked.mode == Mode::Dead {
            return;
        }
        let mode = locked.mode;
        locked.accepted += 1;
        locked.open.push(stream.try_clone().unwrap());
        drop(locked);
        let state = Arc::clone(state);
        // An error is the end of the connection, by one side or the other.
        thread::spawn(move || {
            let open = stream.try_clone();
            serve(stream, kind, mode, &state);
            // The state has a handle, too, so that it would stay open.
            open.map(|open| open.shutdown(Shutdown::Both))
        });
    }
}

fn serve(mut stream: TcpStream, kind: Kind, mode: Mode, state: &Arc<Mutex<State>>) -> Option<()> {
    match mode {
        Mode::Hangs => return std::io::copy(&mut stream, &mut std::io::sink()).ok().map(drop),
        Mode::Garbage => return stream.write_all(&[0x47; 600]).ok(),
        Mode::Endless => {
            let endless =
                if kind == Kind::Http { &b"HTTP/1.1 200 OK\r\n"[..] } else { &[5, 0, 5, 0, 0, 9][..] };
            stream.write_all(endless).ok()?;
            while stream.write_all(b"X-Y: zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz\r\n").is_ok() {}
            return None;
        }
        Mode::Normal | Mode::Dead | Mode::ClosesHalfway | Mode::EndsAssociation | Mode::WrongLogin => {}
    }
    match kind {
        Kind::Socks5 { has_udp, has_login } => socks5(stream, (has_udp, has_login), mode, state),
        Kind::Socks4a => socks4a(stream, "", mode, state),
        Kind::Socks4aOfUser => socks4a(stream, "me", mode, state),
        Kind::Http => http(stream, mode, state),
    }
}

fn take<const N: usize>(stream: &mut TcpStream) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

fn socks5(
    mut stream: TcpStream,
    (has_udp, has_login): (bool, bool),
    mode: Mode,
    state: &Arc<Mutex<State>>,
) -> Option<()> {
    let [5, count] = take(&mut stream)? else { return None };
    let mut methods = vec![0; usize::from(count)];
    stream.read_exact(&mut methods).ok()?;
    stream.write_all(&[5, if has_login { 2 } else { 0 }]).ok()?;
    if mode == Mode::ClosesHalfway {
        return None;
    }
    if has_login {
        let is_right = take(&mut stream)? == *b"\x01\x02me\x06secret";
        let code = u8::from(mode == Mode::WrongLogin || !is_right);
        stream.write_all(&[1, code]).ok()?;
        if code != 0 {
            return None;
        }
    }
    let [5, command, _, kind] = take(&mut stream)? else { return None };
    let host = match kind {
        1 => Ipv4Addr::from(take::<4>(&mut stream)?).to_string(),
        3 => {
            let [len] = take(&mut stream)?;
            let mut name = vec![0; usize::from(len)];
            stream.read_exact(&mut name).ok()?;
            String::from_utf8(name).ok()?
        }
        _ => return None,
    };
    let port = u16::from_be_bytes(take(&mut stream)?);
    match command {
        1 => {
            let Some(target) = reach(state, &host, port) else {
                return stream.write_all(&[5, 4, 0, 1, 0, 0, 0, 0, 0, 0]).ok();
            };
            stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).ok()?;
            join(stream, target, state)
        }
        3 if has_udp && mode == Mode::EndsAssociation => {
            stream.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 9]).ok()
        }
        3 if has_udp => associate(stream, state),
        _ => stream.write_all(&[5, 7, 0, 1, 0, 0, 0, 0, 0, 0]).ok(),
    }
}

/// Relays datagrams while the connection is open. The reply has an unspecified address, which means that of the proxy.
fn associate(mut stream: TcpStream, state: &Arc<Mutex<State>>) -> Option<()> {
    let relay = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
    let [high, low] = relay.local_addr().ok()?.port().to_be_bytes();
    stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, high, low]).ok()?;
    let (shared, socket) = (Arc::clone(state), relay.try_clone().ok()?);
    thread::spawn(move || relay_datagrams(&socket, &shared));
    std::io::copy(&mut stream, &mut std::io::sink()).ok();
    // The thread ends with a datagram from the relay to itself.
    relay.send_to(&[0xff], relay.local_addr().ok()?).ok().map(drop)
}

fn relay_datagrams(relay: &UdpSocket, state: &Mutex<State>) {
    let own = relay.local_addr().unwrap();
    let (mut buf, mut client) = ([0; 4096], None::<SocketAddr>);
    while let Ok((len, from)) = relay.recv_from(&mut buf) {
        if from == own {
            return;
        }
        let data = &buf[..len];
        if *client.get_or_insert(from) == from {
            let Some((to, payload)) = target_of(data, state) else { continue };
            lock(state).datagrams.push(to.to_string());
            let _ = relay.send_to(payload, to);
        } else if let (Some(client), SocketAddr::V4(from)) = (client, from) {
            let mut out = vec![0, 0, 0, 1];
            out.extend(from.ip().octets());
            out.extend(from.port().to_be_bytes());
            out.extend(data);
            let _ = relay.send_to(&out, client);
        }
    }
}

fn target_of<'a>(data: &'a [u8], state: &Mutex<State>) -> Option<(SocketAddr, &'a [u8])> {
    match data {
        [_, _, 0, 1, a, b, c, d, high, low, rest @ ..] => {
            Some((([*a, *b, *c, *d], u16::from_be_bytes([*high, *low])).into(), rest))
        }
        [_, _, 0, 3, len, rest @ ..] => {
            let (name, rest) = rest.split_at_checked(usize::from(*len))?;
            let (port, rest) = rest.split_first_chunk()?;
            let ip = *lock(state).names.get(std::str::from_utf8(name).ok()?)?;
            Some(((ip, u16::from_be_bytes(*port)).into(), rest))
        }
        _ => None,
    }
}

fn socks4a(mut stream: TcpStream, user: &str, mode: Mode, state: &Arc<Mutex<State>>) -> Option<()> {
    let [4, 1, high, low, a, b, c, d] = take(&mut stream)? else { return None };
    let mut text = || {
        let mut text = Vec::new();
        loop {
            match take::<1>(&mut stream)? {
                [0] => return String::from_utf8(text).ok(),
                [byte] => text.push(byte),
            }
        }
    };
    if text()? != user {
        return stream.write_all(&[0, 93, 0, 0, 0, 0, 0, 0]).ok();
    }
    let host = if [a, b, c] == [0, 0, 0] { text()? } else { Ipv4Addr::new(a, b, c, d).to_string() };
    if mode == Mode::ClosesHalfway {
        return stream.write_all(&[0]).ok();
    }
    let target = reach(state, &host, u16::from_be_bytes([high, low])).filter(|_| mode == Mode::Normal);
    stream.write_all(&[0, if target.is_some() { 90 } else { 93 }, 0, 0, 0, 0, 0, 0]).ok()?;
    join(stream, target?, state)
}

fn http(stream: TcpStream, mode: Mode, state: &Arc<Mutex<State>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|len| *len > 0)?;
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_owned());
    }
    let mut stream = reader.into_inner();
    if mode == Mode::ClosesHalfway {
        return stream.write_all(b"HTTP/1.1 20").ok();
    }
    if mode == Mode::WrongLogin || !lines.iter().any(|line| line.ends_with("Basic bWU6c2VjcmV0")) {
        return stream.write_all(b"HTTP/1.1 407 Login\r\nContent-Length: 0\r\n\r\n").ok();
    }
    let target = lines.first()?.strip_prefix("CONNECT ")?.split(' ').next()?.to_owned();
    let (host, port) = target.rsplit_once(':')?;
    let target = reach(state, host, port.parse().ok()?);
    let answer = if target.is_some() { "200 OK" } else { "502 Bad" };
    stream.write_all(format!("HTTP/1.1 {answer}\r\nVia: test\r\n\r\n").as_bytes()).ok()?;
    join(stream, target?, state)
}

fn reach(state: &Mutex<State>, host: &str, port: u16) -> Option<TcpStream> {
    let mut locked = lock(state);
    locked.targets.push(format!("{host}:{port}"));
    let ip = host.parse().ok().or_else(|| locked.names.get(host).copied());
    drop(locked);
    TcpStream::connect((ip?, port)).ok()
}

fn join(client: TcpStream, target: TcpStream, state: &Mutex<State>) -> Option<()> {
    lock(state).open.push(target.try_clone().ok()?);
    let (mut from, mut to) = (client.try_clone().ok()?, target.try_clone().ok()?);
    thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    let (mut from, mut to) = (target, client);
    let _ = std::io::copy(&mut from, &mut to);
    to.shutdown(Shutdown::Both).ok()
}
