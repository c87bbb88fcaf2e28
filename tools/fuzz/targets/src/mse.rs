use arbitrary::{Result, Unstructured};
use bytes::BytesMut;
use ztor_base::{Sha1Digest, SwarmId};
use ztor_wire::mse::{Accept, Established, Methods, Mse, MseError, Step, obfuscated_swarm};

const SWARMS: [SwarmId; 2] = [SwarmId::new([1; 20]), SwarmId::new([2; 20])];
/// Maximum number of bytes that a side may leave unread, except while it waits for its key.
const MAX_LEFT_BYTES: usize = 1300;
const AFTER: &[u8] = b"\x13BitTorrent protocol";

/// Checks an encrypted handshake: one side with noise, or two sides with each other, over a connection that cuts the
/// stream anywhere and may change a byte.
pub fn mse(data: &[u8]) {
    let _ = play(&mut Unstructured::new(data));
}

/// One end of the connection.
struct Side {
    mse: Mse,
    /// Bytes received and not read.
    inbox: BytesMut,
    /// Bytes in flight to this side.
    on_its_way: Vec<u8>,
    established: Option<Box<Established>>,
    error: Option<MseError>,
}

fn play(u: &mut Unstructured<'_>) -> Result<()> {
    let provides = [Methods::PLAIN, Methods::RC4, Methods::BOTH][u.choose_index(3)?];
    let accepts = [Accept::OnlyRc4, Accept::RatherRc4, Accept::RatherPlain][u.choose_index(3)?];
    // Real keys are random, so neither is ever zero, for which the public key would be one.
    let mut key = [1; 20];
    key[..4].copy_from_slice(&u.arbitrary::<[u8; 4]>()?);
    let caller = Mse::call(SWARMS[0], provides, &[], key, u.arbitrary()?);
    let called = Mse::answer(accepts, key.map(|byte| byte ^ 0x55), u.arbitrary()?);
    match u.int_in_range(0..=3)? {
        0 => alone(Side::new(caller), u),
        1 => alone(Side::new(called), u),
        kind => together([Side::new(caller), Side::new(called)], kind == 2, u),
    }
}

/// Runs one side against noise, which cannot guess the hash of the secret.
fn alone(mut side: Side, u: &mut Unstructured<'_>) -> Result<()> {
    side.go_on();
    while !u.is_empty() && side.error.is_none() {
        let len = usize::from(u.arbitrary::<u8>()?).min(u.len());
        side.inbox.extend_from_slice(u.bytes(len)?);
        side.go_on();
        side.mse.poll_transmit();
        assert!(side.established.is_none(), "an agreement with noise");
    }
    Ok(())
}

fn together(mut sides: [Side; 2], is_honest: bool, u: &mut Unstructured<'_>) -> Result<()> {
    // The stream, the place and the change of the changed byte.
    let (to, at, change) = (u.choose_index(2)?, u.int_in_range(0..=1700)?, u.int_in_range(1..=255_u8)?);
    let mut sent = [0; 2];
    loop {
        let mut is_idle = true;
        for i in 0..2 {
            sides[i].go_on();
            let mut output = sides[i].mse.poll_transmit();
            let other = 1 - i;
            if !is_honest && other == to && (sent[other]..sent[other] + output.len()).contains(&at) {
                output[at - sent[other]] ^= change;
            }
            sent[other] += output.len();
            is_idle &= output.is_empty();
            sides[other].on_its_way.extend_from_slice(&output);
        }
        for side in &mut sides {
            // Without more input, all bytes arrive at once.
            let cut = if u.is_empty() { usize::MAX } else { 1 + usize::from(u.arbitrary::<u8>()?) };
            let len = cut.min(side.on_its_way.len());
            is_idle &= len == 0;
            side.inbox.extend(side.on_its_way.drain(..len));
        }
        if is_idle {
            break;
        }
    }
    judge(sides, is_honest);
    Ok(())
}

fn judge(mut sides: [Side; 2], is_honest: bool) {
    for side in &sides {
        if let Some(established) = &side.established {
            assert_eq!(established.info_hash, SWARMS[0], "another swarm");
            // A changed byte may move the end of a padding. The rest is then taken for the stream, as nothing protects
            // it.
            assert!(!is_honest || side.inbox.is_empty(), "bytes of the handshake are left");
        }
    }
    if !is_honest {
        return;
    }
    let errors = sides.each_ref().map(|side| side.error.clone());
    let [Some(a), Some(b)] = sides.each_mut().map(|side| side.established.take()) else {
        assert!(matches!(errors[1], Some(MseError::NoMethod { .. })), "no agreement: {errors:?}");
        return;
    };
    assert_eq!(a.method, b.method);
    let (mut a, mut b) = (a.ciphers, b.ciphers);
    for (from, to) in [(true, false), (false, true), (true, false)] {
        let mut text = AFTER.to_vec();
        if from {
            a.encrypt(&mut text)
        } else {
            b.encrypt(&mut text)
        }
        if to {
            a.decrypt(&mut text)
        } else {
            b.decrypt(&mut text)
        }
        assert_eq!(text, AFTER, "one cannot read what the other writes");
    }
}

impl Side {
    fn new(mse: Mse) -> Self {
        Self { mse, inbox: BytesMut::new(), on_its_way: Vec::new(), established: None, error: None }
    }

    /// Handles received bytes until it needs more, is done or fails.
    fn go_on(&mut self) {
        let find =
            |obfuscated: Sha1Digest| SWARMS.into_iter().find(|swarm| obfuscated_swarm(*swarm) == obfuscated);
        while self.established.is_none() && self.error.is_none() {
            match self.mse.handle(&mut self.inbox, find) {
                Ok(Step::More) => {
                    assert!(self.inbox.len() <= MAX_LEFT_BYTES, "{} bytes are left", self.inbox.len());
                    return;
                }
                Ok(Step::Work(work)) => self.error = self.mse.handle_key(work.run()).err(),
                Ok(Step::Done(established)) => self.established = Some(established),
                Err(error) => self.error = Some(error),
            }
        }
    }
}
