//! Web seeds of a client: servers of all kinds, without a line of their own.

use super::Node;
use crate::core::{Core, Event};
use ztor_base::{Duration, Instant};
use ztor_engine::{
    Command, Event as Happened, WebEffect, WebEvent, WebFault, WebFetch, WebPart, WebRequestId, WebSource,
};

/// Time from a request to its first byte.
const ANSWER_AFTER: Duration = Duration::from_millis(80);
/// Longest chunk of a response in bytes.
const CHUNK: u64 = 48 * 1024;

/// A web seed as it behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WebManner {
    Honest,
    /// One byte in each of about this many chunks is wrong.
    Lying {
        one_in: u32,
    },
    /// Sends nothing after this many bytes of each request.
    Stalling {
        after: u64,
    },
    /// Has no files from this time of the run on, in seconds.
    Vanishing {
        after_s: u64,
    },
    /// Asks to be left alone for this many seconds, every second time.
    Busy {
        wait_s: u64,
    },
    /// Sends whole files only.
    WithoutRanges,
    /// Has no file with an odd index.
    Partial,
}

/// A web seed of a client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WebServer {
    pub(crate) manner: WebManner,
    /// Rate in bytes per second.
    pub(crate) rate: u64,
}

/// A response under way.
pub(super) struct Response {
    server: usize,
    parts: Vec<WebPart>,
    has_no_ranges: bool,
    /// Bytes of the response, up to the first part that fails.
    bytes: Vec<u8>,
    sent: usize,
    /// Bytes of files before the wanted ones, each at a place in the response.
    skips: Vec<(usize, u64)>,
    /// Failure after these bytes.
    failure: Option<(WebFault, Option<usize>, Option<Duration>)>,
    allowed: u64,
    is_planned: bool,
    next_at: Instant,
}

impl Node {
    /// Gives the engine the web seeds of the settings.
    pub(super) fn set_web_seeds(&mut self, core: &mut Core) {
        let count = self.settings.web_seeds.len();
        if count > 0 {
            let seeds = (0..count).map(|n| WebSource::named(format!("http://w{n}.sim/"))).collect();
            self.command(core, |torrent| Command::SetWebSeeds { torrent, seeds });
        }
    }

    pub(super) fn web_effect(&mut self, core: &mut Core, effect: WebEffect) {
        match effect {
            WebEffect::Fetch(fetch) => self.answer(core, *fetch),
            WebEffect::Allow { id, bytes } => {
                let Some(run) = &mut self.run else { return };
                run.audit.allows_web(bytes);
                if let Some(response) = run.web.get_mut(&id) {
                    response.allowed += u64::from(bytes);
                }
                self.plan_web(core, id);
            }
            WebEffect::Abort(id) => {
                self.run.iter_mut().for_each(|run| drop(run.web.remove(&id)));
            }
        }
    }

    fn answer(&mut self, core: &mut Core, fetch: WebFetch) {
        let WebFetch { id, source, parts, has_no_ranges, .. } = fetch;
        let host = source.url.trim_start_matches("http://w").split('.').next();
        let Some(server) = host.and_then(|number| number.parse::<usize>().ok()) else { return };
        core.note(format_args!("n{} asks web seed {server} for {parts:?}", self.number));
        let next_at = core.now + ANSWER_AFTER;
        let mut response = Response {
            server,
            parts,
            has_no_ranges,
            bytes: Vec::new(),
            sent: 0,
            skips: Vec::new(),
            failure: None,
            allowed: 0,
            is_planned: false,
            next_at,
        };
        self.fill(core, &mut response);
        if let Some(run) = &mut self.run {
            run.web.insert(id, response);
        }
        self.plan_web(core, id);
    }

    /// Computes the bytes of a response, and the failure after them.
    fn fill(&mut self, core: &mut Core, response: &mut Response) {
        let manner = self.settings.web_seeds[response.server].manner;
        let layout = &self.content.meta.layout;
        if let WebManner::Busy { wait_s } = manner
            && core.rng.bool()
        {
            let wait = Some(Duration::from_secs(wait_s));
            response.failure = Some((WebFault::Status { status: 503 }, None, wait));
            return;
        }
        for part in &response.parts {
            match *part {
                WebPart::Zeros { len } => response.bytes.resize(response.bytes.len() + len as usize, 0),
                WebPart::File { file, offset, len } => {
                    let is_gone = match manner {
                        WebManner::Vanishing { after_s } => core.now.as_micros() > after_s * 1_000_000,
                        WebManner::Partial => file % 2 == 1,
                        _ => false,
                    };
                    if is_gone {
                        response.failure = Some((WebFault::NotThere, Some(file), None));
                        return;
                    }
                    if manner == WebManner::WithoutRanges && offset > 0 {
                        if !response.has_no_ranges {
                            response.failure = Some((WebFault::NoRanges, Some(file), None));
                            return;
                        }
                        response.skips.push((response.bytes.len(), offset));
                    }
                    let start = (layout.files()[file].offset + offset) as usize;
                    response.bytes.extend_from_slice(&self.content.image()[start..start + len as usize]);
                }
                WebPart::Piece { piece, begin, len } => {
                    response.bytes.extend_from_slice(self.content.block(piece, begin, len));
                }
            }
        }
    }

    /// Plans the next chunk of a response, if one is allowed.
    fn plan_web(&mut self, core: &mut Core, id: WebRequestId) {
        let (number, life) = (self.number, self.life);
        let Some(run) = &mut self.run else { return };
        let Some(response) = run.web.get_mut(&id) else { return };
        let is_over = response.sent == response.bytes.len();
        if !response.is_planned && (response.allowed > 0 || is_over) {
            response.is_planned = true;
            core.plan(response.next_at, Event::Web { node: number, life, id });
        }
    }

    /// Sends the next chunk of a response.
    pub(crate) fn on_web(&mut self, core: &mut Core, life: u32, id: WebRequestId) {
        let servers = self.settings.web_seeds.clone();
        let Some(run) = self.alive(life) else { return };
        let Some(response) = run.web.get_mut(&id) else { return };
        response.is_planned = false;
        let server = servers[response.server];
        if let Some((_, left)) = response.skips.first_mut().filter(|(at, _)| *at == response.sent) {
            let bytes = (*left).min(CHUNK);
            *left -= bytes;
            if *left == 0 {
                response.skips.remove(0);
            }
            response.next_at = core.now + Duration::from_micros(bytes * 1_000_000 / server.rate.max(1));
            run.audit.received_bytes += bytes;
            // Fits: at most the length of a chunk.
            self.tell(core, Happened::Web { id, event: WebEvent::Skipped { bytes: bytes as u32 } });
            return self.plan_web(core, id);
        }
        if response.sent == response.bytes.len() {
            let event = match run.web.remove(&id).and_then(|response| response.failure) {
                Some((fault, file, retry_after)) => WebEvent::Failed { fault, file, retry_after },
                None => WebEvent::Done,
            };
            return self.tell(core, Happened::Web { id, event });
        }
        if matches!(server.manner, WebManner::Stalling { after } if response.sent as u64 >= after) {
            return;
        }
        let left = (response.bytes.len() - response.sent) as u64;
        let until_skip = response.skips.first().map_or(u64::MAX, |(at, _)| (*at - response.sent) as u64);
        let len = core.rng.u64(1..=CHUNK).min(response.allowed).min(left).min(until_skip);
        let mut chunk = response.bytes[response.sent..][..len as usize].to_vec();
        if matches!(server.manner, WebManner::Lying { one_in } if core.rng.u32(0..one_in) == 0) {
            chunk[0] ^= 1;
        }
        response.sent += len as usize;
        response.allowed -= len;
        response.next_at = core.now + Duration::from_micros(len * 1_000_000 / server.rate.max(1));
        run.audit.received_bytes += len;
        self.tell(core, Happened::Web { id, event: WebEvent::Data(chunk.into()) });
        self.plan_web(core, id);
    }
}
