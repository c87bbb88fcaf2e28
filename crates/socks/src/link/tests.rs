#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

const NO_LOGIN: [u8; 2] = [5, 0];
const GRANTED: [u8; 10] = [5, 0, 0, 1, 0, 0, 0, 0, 0, 9];
const REFUSED: [u8; 10] = [5, 7, 0, 1, 0, 0, 0, 0, 0, 0];

struct World {
    now: Instant,
    link: Link,
    /// Times of the connections.
    connects: Vec<Instant>,
    is_open: bool,
}

impl World {
    fn new(url: &str) -> Self {
        let now = Instant::from_micros(1);
        let goal = LinkGoal { proxy: url.parse().unwrap(), has_datagrams: true };
        let mut world = Self { now, link: Link::new(now, Some(goal)), connects: Vec::new(), is_open: false };
        world.carry_out();
        world
    }

    fn carry_out(&mut self) {
        while let Some(action) = self.link.poll_action() {
            match action {
                LinkAction::Close => self.is_open = false,
                LinkAction::Connect(_) => {
                    assert!(!self.is_open, "one connection at a time");
                    self.is_open = true;
                    self.connects.push(self.now);
                }
                LinkAction::KeepAlive => assert!(self.is_open),
                LinkAction::Resolve { .. } => {}
            }
        }
    }

    /// Lets time pass until the link has something to do.
    fn wait(&mut self) -> Duration {
        let at = self.link.poll_timeout().unwrap();
        let waited = at.since(self.now);
        self.now = self.now.max(at);
        self.link.handle_timeout(self.now);
        self.carry_out();
        waited
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.link.on_bytes(self.now, bytes);
        self.carry_out();
    }

    /// Starts the attempt that is due, and grants an association.
    fn associate(&mut self) {
        self.wait();
        self.link.on_connected(self.now);
        self.bytes(&NO_LOGIN);
        self.bytes(&GRANTED);
        assert!(self.link.relay().is_some());
    }

    fn end(&mut self, after: Duration) {
        self.now += after;
        self.link.on_closed(self.now, "it closes the connection".into());
        self.carry_out();
    }
}

#[test]
fn relay_addr_that_is_unspecified_or_of_another_network_is_that_of_the_proxy() {
    let relay = |proxy: [u8; 4], bound: [u8; 4]| {
        relay_addr((proxy, 1080).into(), &Target::Addr((bound, 9).into())).map(|addr| addr.to_string())
    };
    assert_eq!(relay([192, 0, 2, 1], [0, 0, 0, 0]).as_deref(), Some("192.0.2.1:9"));
    assert_eq!(relay([192, 0, 2, 1], [192, 0, 2, 2]).as_deref(), Some("192.0.2.2:9"));
    assert_eq!(relay([192, 0, 2, 1], [172, 17, 0, 2]).as_deref(), Some("192.0.2.1:9"));
    assert_eq!(relay([10, 0, 0, 1], [127, 0, 0, 1]).as_deref(), Some("10.0.0.1:9"));
    assert_eq!(relay([10, 0, 0, 1], [10, 0, 0, 2]).as_deref(), Some("10.0.0.2:9"));
    let proxy = ([192, 0, 2, 1], 1080).into();
    assert_eq!(relay_addr(proxy, &Target::Addr(([0; 4], 0).into())), None);
    let named = relay_addr(proxy, &Target::Name("relay.example".into(), 9));
    assert_eq!(named.map(|addr| addr.to_string()).as_deref(), Some("192.0.2.1:9"));
}

#[test]
fn association_that_ends_at_once_is_tried_again_at_growing_intervals() {
    let mut world = World::new("socks5://192.0.2.1:1080");
    for _ in 0..20 {
        world.associate();
        world.end(Duration::ZERO);
        // Connections through the proxy work: that says nothing about its relay.
        world.link.note_success();
        assert!(world.link.dial_addr().is_some(), "the proxy carries connections");
        let ended = NoRelay::Refused("it has ended the association".into());
        assert_eq!(world.link.status().relay, RelayState::Off(ended));
    }
    let pauses: Vec<u64> = world.connects.windows(2).map(|pair| pair[1].since(pair[0]).as_secs()).collect();
    assert_eq!(pauses[..10], [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]);
    assert!(pauses[10..].iter().all(|pause| *pause == LONGEST_RELAY_PAUSE.as_secs()), "{pauses:?}");
    assert!(world.link.has_doubtful_relay());
}

#[test]
fn association_that_has_lasted_is_made_again_at_once() {
    let mut world = World::new("socks5://192.0.2.1:1080");
    for _ in 0..5 {
        world.associate();
        world.end(LASTING);
        assert_eq!(world.wait(), FIRST_PAUSE);
        world.link.on_closed(world.now, "it is refused".into());
        world.carry_out();
    }
}

#[test]
fn link_that_is_up_for_moments_only_is_tried_again_at_growing_intervals() {
    let mut world = World::new("socks5://192.0.2.1:1080");
    for _ in 0..10 {
        world.associate();
        // It grants associations, and closes each other connection.
        world.link.note_failure(world.now, "it closes the connection".into());
        world.carry_out();
        assert!(world.link.dial_addr().is_none() && world.link.relay().is_none() && !world.is_open);
    }
    let pauses: Vec<u64> = world.connects.windows(2).map(|pair| pair[1].since(pair[0]).as_secs()).collect();
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
}

#[test]
fn proxy_without_a_relay_is_up_and_asked_again_each_minute() {
    let mut world = World::new("socks5://192.0.2.1:1080");
    for _ in 0..3 {
        world.wait();
        world.link.on_connected(world.now);
        world.bytes(&NO_LOGIN);
        world.bytes(&REFUSED);
        assert!(world.link.dial_addr().is_some() && !world.is_open);
        assert_eq!(world.link.poll_timeout(), Some(world.now + CHECK_EVERY));
    }
    assert_eq!(world.link.status().state, ProxyState::Up);
}

#[test]
fn answer_that_never_comes_ends_the_attempt() {
    let mut world = World::new("socks5://192.0.2.1:1080");
    world.wait();
    assert!(world.is_open);
    assert_eq!(world.wait(), ATTEMPT_TIMEOUT);
    assert!(!world.is_open);
    assert_eq!(world.link.status().state, ProxyState::Down("no answer in time".into()));
}

#[test]
fn lookup_of_an_earlier_attempt_is_ignored_and_a_failure_takes_the_next_address() {
    let mut world = World::new("http://proxy.example:8080");
    world.wait();
    let ips: Vec<IpAddr> = vec![[192, 0, 2, 1].into(), [192, 0, 2, 2].into()];
    world.link.on_resolved(world.now, 1, Ok(ips.clone()));
    assert!(world.link.poll_action().is_none(), "of the attempt before");
    world.link.on_resolved(world.now, 2, Ok(ips.clone()));
    assert_eq!(world.link.poll_action(), Some(LinkAction::Connect(([192, 0, 2, 1], 8080).into())));
    world.link.on_closed(world.now, "it is refused".into());
    world.carry_out();
    world.wait();
    world.link.on_resolved(world.now, 3, Ok(ips));
    assert_eq!(world.link.poll_action(), Some(LinkAction::Connect(([192, 0, 2, 2], 8080).into())));
    world.link.on_connected(world.now);
    assert_eq!(world.link.dial_addr(), Some(([192, 0, 2, 2], 8080).into()));
}
