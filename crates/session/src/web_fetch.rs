//! One request to a web seed, on the control runtime.

use crate::control::Control;
use crate::http::{Failure, Fetcher, Opened, Wanted};
use crate::inbox::Inbox;
use crate::message::NetEvent;
use crate::proxy::Use;
use bytes::Bytes;
use reqwest::Response;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use ztor_engine::{WebEvent, WebFault, WebFetch, WebPart, WebRequestId, WebSource};
use ztor_metainfo::Metainfo;
use ztor_metainfo::paths::Naming;

/// Longest chunk of zeros that is passed on at a time, in bytes.
const ZEROS: usize = 64 * 1024;
static ZERO_BYTES: [u8; ZEROS] = [0; ZEROS];
/// Maximum number of bytes that are read and dropped before the wanted ones, from a server without ranges.
const MAX_SKIP: u64 = 64 << 20;

/// Maximum number of attempts in a row that bring nothing, and the pause after the first, which doubles.
const MAX_ATTEMPTS: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(600);
/// Longest pause within a request. The engine gives up those that stall.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Returns the web seeds that a torrent names, servers with files before scripts.
pub fn named_web_seeds(meta: &Metainfo) -> Vec<WebSource> {
    let files = meta.web_seeds.iter().map(WebSource::named);
    files.chain(meta.http_seeds.iter().map(WebSource::named_script)).collect()
}

/// Bytes that a request may still pass on.
#[derive(Clone)]
pub(crate) struct Credit(Arc<Semaphore>);

impl Credit {
    pub(crate) fn add(&self, bytes: u32) {
        self.0.add_permits(bytes as usize);
    }

    /// Takes at least one and at most `most` bytes. Waits while there is none.
    async fn take(&self, most: usize) -> usize {
        // Fails only if the semaphore is closed, which never happens.
        let Ok(first) = self.0.acquire().await else { return most };
        first.forget();
        let more = self.0.available_permits().min(most.saturating_sub(1));
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        match self.0.try_acquire_many(more) {
            Ok(permits) => {
                permits.forget();
                1 + more as usize
            }
            Err(_) => 1,
        }
    }
}

/// Starts a request. It passes on its bytes as events, as far as its credit allows.
pub(crate) fn spawn(control: &Control, meta: Arc<Metainfo>, fetch: WebFetch) -> (Credit, AbortHandle) {
    let credit = Credit(Arc::new(Semaphore::new(0)));
    let task = Task {
        id: fetch.id,
        credit: credit.clone(),
        fetcher: control.fetcher(Use::WebSeeds),
        inbox: control.inbox(),
        meta,
        source: fetch.source,
        knows_ranges: !fetch.has_no_ranges,
        passed: 0,
    };
    let handle = control.runtime().spawn(task.run(fetch.parts));
    (credit, handle.abort_handle())
}

struct Task {
    id: WebRequestId,
    credit: Credit,
    fetcher: Fetcher,
    inbox: Arc<Inbox<NetEvent>>,
    meta: Arc<Metainfo>,
    source: WebSource,
    knows_ranges: bool,
    /// Number of bytes passed on.
    passed: u64,
}

impl Task {
    /// Runs to the end, or until the proxy changes.
    async fn run(self, parts: Vec<WebPart>) {
        let (id, inbox, fetcher) = (self.id, Arc::clone(&self.inbox), self.fetcher.clone());
        tokio::select! {
            () = self.run_to_the_end(parts) => {}
            why = fetcher.ended() => {
                let fault = WebFault::Network { message: why.into() };
                let event = WebEvent::Failed { fault, file: None, retry_after: None };
                inbox.push(NetEvent::Web { id, event });
            }
        }
    }

    async fn run_to_the_end(mut self, parts: Vec<WebPart>) {
        self.take_exact_names().await;
        for part in parts {
            if let Err(Failure { fault, retry_after }) = self.fetch_whole(part).await {
                let file = if let WebPart::File { file, .. } = part { Some(file) } else { None };
                return self.send(WebEvent::Failed { fault, file, retry_after });
            }
        }
        self.send(WebEvent::Done);
    }

    /// Fetches a part. Goes on after a fault that may pass, unless nothing has arrived at all: a block with bytes of two
    /// files would never be complete if each of its parts began anew.
    async fn fetch_whole(&mut self, mut part: WebPart) -> Result<(), Failure> {
        let mut attempt = 0;
        loop {
            let before = self.passed;
            let Err(failure) = self.fetch(part).await else { return Ok(()) };
            let arrived = self.passed - before;
            part = rest(part, arrived);
            attempt = if arrived > 0 { 0 } else { attempt + 1 };
            let pause = failure.retry_after.unwrap_or(FIRST_PAUSE * (1 << attempt));
            if self.passed == 0
                || attempt > MAX_ATTEMPTS
                || pause > LONGEST_PAUSE
                || !may_pass(&failure.fault)
            {
                return Err(failure);
            }
            tokio::time::sleep(pause).await;
        }
    }

    fn pass(&mut self, bytes: Bytes) {
        self.passed += bytes.len() as u64;
        self.send(WebEvent::Data(bytes));
    }

    fn send(&self, event: WebEvent) {
        self.inbox.push(NetEvent::Web { id: self.id, event });
    }

    /// Takes the names as they are in the torrent, which those of a server should be. Those on disk may be others.
    async fn take_exact_names(&mut self) {
        if !self.meta.is_renamable() {
            return;
        }
        let meta = Arc::clone(&self.meta);
        // Loads the info dictionary, which may wait for a disk.
        let exact = tokio::task::spawn_blocking(move || meta.renamed(Naming::Exact)).await;
        if let Ok(Ok(exact)) = exact {
            self.meta = Arc::new(exact);
        }
    }

    async fn fetch(&mut self, part: WebPart) -> Result<(), Failure> {
        match part {
            WebPart::Zeros { len } => {
                let mut left = len;
                while left > 0 {
                    let most = usize::try_from(left).unwrap_or(ZEROS).min(ZEROS);
                    let taken = self.credit.take(most).await;
                    self.pass(Bytes::from_static(&ZERO_BYTES[..taken]));
                    left -= taken as u64;
                }
                Ok(())
            }
            WebPart::File { file, offset, len } => {
                let whole = self.meta.layout.files().get(file).map_or(0, |file| file.length);
                let url = self.meta.web_seed_url(&self.source.url, file);
                let wanted = Wanted { offset, len, whole };
                let opened = self.fetcher.open_file(&url, self.source.origin, wanted, self.knows_ranges);
                let Opened { response, skip } = opened.await?;
                if skip > 0 && (self.knows_ranges || skip > MAX_SKIP) {
                    return Err(WebFault::NoRanges.into());
                }
                self.pass_on(response, skip, len).await
            }
            WebPart::Piece { piece, begin, len } => {
                let url = self.meta.http_seed_url(&self.source.url, piece, begin..begin + len);
                let response = self.fetcher.open_piece(&url, self.source.origin, len.into()).await?;
                self.pass_on(response, 0, len.into()).await
            }
        }
    }

    /// Passes on `len` bytes of a response, after `skip` others.
    async fn pass_on(&mut self, mut response: Response, mut skip: u64, len: u64) -> Result<(), Failure> {
        let mut left = len;
        while left > 0 {
            let chunk = response.chunk().await.map_err(crate::fetch_error::plain)?;
            let Some(mut chunk) = chunk else {
                return Err(WebFault::BadResponse { message: "it is too short".into() }.into());
            };
            let dropped = skip.min(chunk.len() as u64);
            skip -= dropped;
            if dropped > 0 {
                // Fits: it is at most the length of the chunk.
                self.send(WebEvent::Skipped { bytes: dropped as u32 });
            }
            // Both fit: they are at most the length of the chunk.
            drop(chunk.split_to(dropped as usize));
            chunk.truncate(left.min(chunk.len() as u64) as usize);
            while !chunk.is_empty() {
                let taken = self.credit.take(chunk.len()).await;
                left -= taken as u64;
                self.pass(chunk.split_to(taken));
            }
        }
        Ok(())
    }
}

/// Returns the part without its first `done` bytes.
fn rest(part: WebPart, done: u64) -> WebPart {
    match part {
        WebPart::Zeros { len } => WebPart::Zeros { len: len - done },
        WebPart::File { file, offset, len } => WebPart::File { file, offset: offset + done, len: len - done },
        // Fits: it is at most the length of the part.
        WebPart::Piece { piece, begin, len } => {
            WebPart::Piece { piece, begin: begin + done as u32, len: len - done as u32 }
        }
    }
}

/// Returns true if another attempt may succeed soon.
fn may_pass(fault: &WebFault) -> bool {
    match fault {
        WebFault::Network { .. } => true,
        WebFault::Status { status } => *status == 429 || *status >= 500,
        _ => false,
    }
}
