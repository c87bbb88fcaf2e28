//! Web seeds: what to fetch from which, and the consequences of their answers.

use super::Router;
use crate::cx::Cx;
use crate::exchange::Exchange;
use crate::exchange::picker::RunAsk;
use crate::ids::{TorrentId, WebKey};
use crate::torrent_event::TorrentEvent;
use crate::web::{
    Failed, Fetch, MAX_FETCHES_PER_TORRENT, MAX_WEB_SEEDS, STALL_AFTER, WebEffect, WebEvent, WebFault,
    WebFetch, WebRequestId, WebSeed, WebSource, parts, window,
};
use bytes::Bytes;
use ztor_base::{Duration, Instant};
use ztor_wire::Block;

/// Time until a web seed is looked at again that waits for a place among the requests.
const PLACE_PAUSE: Duration = Duration::from_secs(2);

impl Router<'_> {
    /// Replaces the web seeds of a torrent. Those that stay keep their state.
    pub(crate) fn set_web_seeds(&mut self, id: TorrentId, sources: Vec<WebSource>) {
        let Some(torrent) = self.torrents.get_mut(id) else { return };
        let mut old = torrent.take_web_seeds();
        let mut keys = Vec::new();
        for source in sources {
            if keys.len() == MAX_WEB_SEEDS {
                break;
            }
            let kept = old.iter().position(|key| self.web.get(*key).is_some_and(|s| *s.source() == source));
            let key = match kept {
                Some(at) => old.remove(at),
                None => self.web.insert(id, source),
            };
            keys.push(key);
        }
        if keys.is_empty() {
            self.web.leave_queue(id);
        }
        torrent.set_web_seeds(keys);
        for key in old {
            self.end_fetch(key);
            self.web.remove(key);
        }
        self.cx.dirty.mark_torrent(id);
    }

    /// Ends the requests to the web seeds of a torrent.
    pub(super) fn stop_web_seeds(&mut self, id: TorrentId) {
        self.web.leave_queue(id);
        for key in self.torrents.get(id).map_or_else(Vec::new, |torrent| torrent.web_seeds().to_vec()) {
            self.end_fetch(key);
        }
    }

    /// Removes the web seeds of a torrent that is removed.
    pub(super) fn remove_web_seeds(&mut self, id: TorrentId) {
        self.set_web_seeds(id, Vec::new());
    }

    pub(super) fn on_web(&mut self, id: WebRequestId, event: WebEvent) {
        // The events of a request that has ended meanwhile do not count.
        let fetch = self.web.get(id.seed).and_then(WebSeed::fetch);
        if fetch.is_none_or(|fetch| fetch.id() != id) {
            return;
        }
        match event {
            WebEvent::Data(data) => self.on_web_data(id.seed, data),
            WebEvent::Skipped { bytes } => self.on_web_skipped(id.seed, bytes),
            WebEvent::Done => {
                let is_done = self.web.get(id.seed).and_then(WebSeed::fetch).is_some_and(Fetch::is_done);
                if is_done {
                    self.on_web_done(id.seed);
                } else {
                    let message = "it is too short".to_owned();
                    self.web_failed(id.seed, WebFault::BadResponse { message }, (None, None));
                }
            }
            WebEvent::Failed { fault, file, retry_after } => {
                self.web_failed(id.seed, fault, (file, retry_after));
            }
        }
        for waiting in self.web.whose_turn(self.cx.config.max_web_seeds) {
            self.cx.dirty.mark_torrent(waiting);
        }
    }

    fn on_web_data(&mut self, key: WebKey, mut data: Bytes) {
        let Some(seed) = self.web.get_mut(key) else { return };
        let Some(torrent) = self.torrents.get_mut(seed.torrent()) else { return };
        let (cx, id, len) = (&mut self.cx, torrent.id(), data.len() as u64);
        let is_fit = seed.fetch_mut().is_some_and(|fetch| fetch.received(cx.now, len));
        if !is_fit {
            let message = "it is too long".to_owned();
            return self.web_failed(key, WebFault::BadResponse { message }, (None, None));
        }
        seed.came(cx.now, len);
        let mut others = Vec::new();
        let (exchange, keys) = torrent.exchange_and_peers();
        exchange.on_web_bytes(cx, data.len() as u32);
        while let Some((block, is_asked, bytes)) =
            seed.fetch_mut().and_then(|fetch| fetch.next_block(&mut data))
        {
            if exchange.on_web_block(cx, key, (block, is_asked), bytes) {
                exchange.cancel_others(cx, key.into(), block, keys, self.peers);
                others.push(block);
            }
        }
        cx.dirty.show(id);
        grant(cx, key, seed, exchange);
        others.into_iter().for_each(|block| self.forget_at_web_seeds(id, block, Some(key)));
    }

    /// Notes at the web seeds of a torrent, but for one, that a block has come from another source.
    pub(super) fn forget_at_web_seeds(&mut self, id: TorrentId, block: Block, but: Option<WebKey>) {
        let keys = self.torrents.get(id).map_or(&[][..], |torrent| torrent.web_seeds());
        for key in keys.iter().filter(|key| Some(**key) != but) {
            if let Some(fetch) = self.web.get_mut(*key).and_then(WebSeed::fetch_mut) {
                fetch.forget(block);
            }
        }
    }

    /// Counts bytes that a server without ranges has sent in vain.
    fn on_web_skipped(&mut self, key: WebKey, bytes: u32) {
        let Some(seed) = self.web.get_mut(key) else { return };
        let Some(torrent) = self.torrents.get_mut(seed.torrent()) else { return };
        if let Some((fetch, limits)) = seed.fetch_and_limits() {
            fetch.moved(self.cx.now);
            torrent.exchange_mut().on_web_skipped(&mut self.cx, limits, bytes);
        }
    }

    fn on_web_done(&mut self, key: WebKey) {
        let Some(seed) = self.web.get_mut(key) else { return };
        let Some(fetch) = seed.take_fetch(self.cx.now) else { return };
        seed.succeeded(fetch.rate(self.cx.now));
        self.web.ended();
        if let Some(seed) = self.web.get(key) {
            self.cx.dirty.mark_torrent(seed.torrent());
        }
    }

    /// Records a fault of a web seed, which is asked again later.
    fn web_failed(
        &mut self,
        key: WebKey,
        fault: WebFault,
        (file, retry_after): (Option<usize>, Option<Duration>),
    ) {
        let has_sent = self.end_fetch(key) > 0;
        let Some(seed) = self.web.get_mut(key) else { return };
        let Some(torrent) = self.torrents.get(seed.torrent()) else { return };
        let jitter = self.cx.rng.f32();
        let layout = torrent.exchange().layout();
        if seed.failed(
            self.cx.now,
            Failed { fault: fault.clone(), file, retry_after, has_sent },
            layout,
            jitter,
        ) {
            let (torrent, url) = (torrent.id(), seed.shown_url().to_owned());
            self.cx.out.events.push(TorrentEvent::WebSeed { torrent, url, fault });
        }
        self.cx.dirty.mark_torrent(seed.torrent());
    }

    /// Stops using a web seed that has sent bad data (BEP 19 §"HTTP and FTP Optimizations").
    pub(super) fn discard_web_seed(&mut self, key: WebKey, piece: u32) {
        self.end_fetch(key);
        let Some(seed) = self.web.get_mut(key) else { return };
        seed.discard(piece);
        let (torrent, url) = (seed.torrent(), seed.shown_url().to_owned());
        self.cx.out.events.push(TorrentEvent::WebSeed { torrent, url, fault: WebFault::BadData { piece } });
        self.cx.dirty.mark_torrent(torrent);
    }

    /// Ends the request to a web seed, if one is under way, and releases its blocks. Returns the number of bytes that it
    /// has sent.
    fn end_fetch(&mut self, key: WebKey) -> u64 {
        let Some(seed) = self.web.get_mut(key) else { return 0 };
        let Some(fetch) = seed.take_fetch(self.cx.now) else { return 0 };
        let cx = &mut self.cx;
        cx.quota.down_mut().on_source_gone(key.into());
        cx.out.web.push(WebEffect::Abort(fetch.id()));
        if let Some(torrent) = self.torrents.get_mut(seed.torrent()) {
            let exchange = torrent.exchange_mut();
            exchange.refund_web(cx, seed.limits_mut(), fetch.allowed());
            exchange.release_web(cx, key, fetch.blocks());
        }
        self.web.ended();
        fetch.received_bytes()
    }

    /// Grants bytes to web seeds that waited for a disk.
    pub(super) fn feed_held_web_seeds(&mut self) {
        for key in self.web.take_held(self.cx.backlog.resumptions()) {
            self.grant_web(key);
        }
    }

    /// Grants a web seed bytes that it had to wait for.
    pub(super) fn grant_web(&mut self, key: WebKey) {
        let Some(seed) = self.web.get_mut(key) else { return };
        if let Some(fetch) = seed.fetch_mut() {
            fetch.set_waits_for_quota(false);
        }
        if let Some(torrent) = self.torrents.get_mut(seed.torrent()) {
            grant(&mut self.cx, key, seed, torrent.exchange_mut());
        }
    }

    /// Starts and ends requests to the web seeds of a torrent. Returns the time to look at them again.
    pub(super) fn settle_web_seeds(&mut self, id: TorrentId) -> Option<Instant> {
        let torrent = self.torrents.get(id)?;
        if torrent.web_seeds().is_empty() {
            return None;
        }
        let keys = torrent.web_seeds().to_vec();
        if !torrent.is_active() || torrent.is_finished() || self.cx.is_ending {
            self.web.leave_queue(id);
            for key in keys {
                self.end_fetch(key);
            }
            return None;
        }
        let mut keys = keys;
        keys.sort_by_key(|key| self.web.get(*key).map(WebSeed::rank));
        let has_freed = torrent.exchange().has_freed_blocks();
        let mut fetching =
            keys.iter().filter(|k| self.web.get(**k).is_some_and(|s| s.fetch().is_some())).count();
        let mut next: Option<Instant> = None;
        let mut waits = false;
        for key in keys {
            let at = self.settle_web_seed(id, key, has_freed, (&mut fetching, &mut waits));
            next = [next, at].into_iter().flatten().min();
        }
        if !waits {
            self.web.leave_queue(id);
        }
        next
    }

    fn settle_web_seed(
        &mut self,
        id: TorrentId,
        key: WebKey,
        has_freed: bool,
        (fetching, waits): (&mut usize, &mut bool),
    ) -> Option<Instant> {
        let now = self.cx.now;
        let torrent = self.torrents.get(id)?;
        if self.web.get(key)?.fetch().is_some() && self.web.fetching() > self.cx.config.max_web_seeds {
            *fetching -= 1;
            self.end_fetch(key);
            return Some(now + PLACE_PAUSE);
        }
        let seed = self.web.get_mut(key)?;
        if let Some(fetch) = seed.fetch_mut() {
            let disk = torrent.exchange().disk();
            if fetch.stalls_at().is_some_and(|at| at.max(self.cx.backlog.reading_since(disk)) <= now) {
                *fetching -= 1;
                let after_s = STALL_AFTER.as_secs();
                self.web_failed(key, WebFault::Stalled { after_s }, (None, None));
                return self.web.get(key)?.free_at();
            }
            if fetch.look_at() <= now {
                fetch.looked(now);
                if self.slide(id, key) {
                    *fetching -= 1;
                    self.end_fetch(key);
                    return Some(now);
                }
            }
            let fetch = self.web.get(key)?.fetch()?;
            return Some(fetch.stalls_at().map_or(fetch.look_at(), |at| at.min(fetch.look_at())));
        }
        if has_freed {
            seed.wake(now);
        }
        if !seed.is_free(now) {
            return seed.free_at();
        }
        if *fetching >= MAX_FETCHES_PER_TORRENT {
            return Some(now + PLACE_PAUSE);
        }
        if !self.web.may_begin(id, self.cx.config.max_web_seeds) {
            *waits = true;
            return Some(now + PLACE_PAUSE);
        }
        if self.fetch_run(id, key) {
            *fetching += 1;
            // The next place is for others that wait.
            self.web.leave_queue(id);
        }
        let seed = self.web.get(key)?;
        seed.fetch().map(Fetch::look_at).or(seed.free_at())
    }

    /// Moves the blocks that count as requested on in a long request. Returns true if none of them is needed.
    fn slide(&mut self, id: TorrentId, key: WebKey) -> bool {
        let (Some(torrent), Some(seed)) = (self.torrents.get_mut(id), self.web.get_mut(key)) else {
            return true;
        };
        let (exchange, ahead_bytes) = (torrent.exchange_mut(), seed.ahead_bytes(self.cx.now));
        let is_long = seed.has_no_ranges();
        let Some(fetch) = seed.fetch_mut() else { return true };
        if is_long {
            exchange.slide_web(&mut self.cx, key, fetch, ahead_bytes);
        }
        !fetch.blocks().any(|block| exchange.lacks_block(block))
    }

    /// Starts a request to a free web seed. Returns false if there is nothing to fetch.
    fn fetch_run(&mut self, id: TorrentId, key: WebKey) -> bool {
        let (Some(torrent), Some(seed)) = (self.torrents.get_mut(id), self.web.get_mut(key)) else {
            return false;
        };
        let cx = &mut self.cx;
        let ask = RunAsk {
            source: key.into(),
            lacks: seed.lacks(),
            max_bytes: seed.run_bytes(),
            one_piece: seed.is_by_piece(),
            from_start: seed.has_no_ranges(),
        };
        let exchange = torrent.exchange_mut();
        let blocks = exchange.pick_run(cx, &ask);
        if blocks.is_empty() {
            seed.found_nothing(cx.now);
            return false;
        }
        let parts = parts(exchange.layout(), seed.source().kind, &blocks);
        let (source, has_no_ranges) = (seed.source().clone(), seed.has_no_ranges());
        let request = self.web.begin(key);
        let fetch = WebFetch { id: request, torrent: id, source, parts, has_no_ranges };
        cx.out.web.push(WebEffect::Fetch(Box::new(fetch)));
        if let Some(seed) = self.web.get_mut(key) {
            seed.begin(Fetch::new(cx.now, request, blocks));
            let ahead_bytes = seed.ahead_bytes(cx.now);
            if let Some(fetch) = seed.fetch_mut().filter(|_| has_no_ranges) {
                exchange.slide_web(cx, key, fetch, ahead_bytes);
            }
            grant(cx, key, seed, exchange);
        }
        true
    }
}

/// Allows further bytes of a request, as far as its window, the limits and the disk admit.
fn grant(cx: &mut Cx<'_>, key: WebKey, seed: &mut WebSeed, exchange: &mut Exchange) {
    let window = window(seed.per_s(cx.now));
    let Some((fetch, limits)) = seed.fetch_and_limits() else { return };
    let want = window.saturating_sub(fetch.allowed()).min(fetch.not_allowed());
    // A grant for each arrival would be one for a few hundred bytes.
    let is_worth = want > 0 && (fetch.allowed() <= window / 2 || want == fetch.not_allowed());
    if fetch.waits_for_quota() || !is_worth {
        return;
    }
    fetch.set_waits_for_disk(cx.backlog.is_full(exchange.disk()));
    if fetch.waits_for_disk() {
        return;
    }
    let (bytes, waits) = exchange.grant_web(cx, key, limits, want);
    fetch.set_waits_for_quota(waits);
    if bytes > 0 {
        fetch.allow(cx.now, bytes);
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        cx.out.web.push(WebEffect::Allow { id: fetch.id(), bytes });
    }
}
