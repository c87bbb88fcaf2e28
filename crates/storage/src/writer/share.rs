use std::ops::Range;
use std::slice::ChunksMut;

use bytes::Bytes;

use super::{Piece, WriteDone, WriteJob};
use crate::error::StorageError;
use crate::hasher::{ZEROS, update_many};
use crate::positional::Run;

/// What is read back at once of a piece, when blocks came out of order.
const READ_BACK_LEN: usize = 128 * 1024;

/// The jobs of one piece in a batch.
pub(super) struct Share<'a> {
    /// Sorted by `begin`, at least one.
    pub(super) jobs: &'a [WriteJob],
    pub(super) state: State,
    /// What was written and is not hashed yet, in order.
    runs: Vec<Written>,
    write_error: Option<StorageError>,
    hash_error: Option<StorageError>,
}

/// Whether the jobs are to be done at all.
#[allow(clippy::large_enum_variant, reason = "nearly every piece is begun, and the others live as briefly")]
pub(super) enum State {
    /// The piece is being put together.
    Begun(Piece),
    /// It is there and right.
    Verified,
    /// It cannot be begun.
    Refused(StorageError),
}

/// A run of buffers that follow each other and are in the file.
struct Written {
    begin: u32,
    end: u32,
    /// Which of the batch's buffers.
    buffers: Range<usize>,
}

/// What a piece is fed with next.
enum Food<'a> {
    /// Buffers from memory, and where in the piece they begin.
    Run(u32, &'a [Bytes]),
    ReadBack(&'a [u8]),
}

impl<'a> Share<'a> {
    pub(super) fn new(jobs: &'a [WriteJob], state: State) -> Self {
        Self { jobs, state, runs: Vec::new(), write_error: None, hash_error: None }
    }

    /// Writes what is new in the jobs. The buffers that went out are appended to `buffers`.
    pub(super) fn write(&mut self, buffers: &mut Vec<Bytes>) {
        let State::Begun(piece) = &mut self.state else { return };
        let (mut begin, mut end, mut first) = (0, 0, buffers.len());
        for job in self.jobs {
            let job_end = end_of(job);
            if job_end > u64::from(piece.len) {
                continue;
            }
            let job_end = job_end as u32;
            let mut from = if begin < end { job.begin.max(end) } else { job.begin };
            while let Some((gap_begin, gap_end)) = piece.written.gap(from, job_end) {
                if gap_begin != end || begin == end {
                    let run = Written { begin, end, buffers: first..buffers.len() };
                    put(piece, job, run, buffers, &mut self.runs, &mut self.write_error);
                    (begin, first) = (gap_begin, buffers.len());
                }
                let slice = (gap_begin - job.begin) as usize..(gap_end - job.begin) as usize;
                buffers.push(job.data.slice(slice));
                end = gap_end;
                from = gap_end;
            }
        }
        if let Some(job) = self.jobs.last() {
            let run = Written { begin, end, buffers: first..buffers.len() };
            put(piece, job, run, buffers, &mut self.runs, &mut self.write_error);
        }
    }

    /// One answer a job.
    pub(super) fn answer(&self, done: &mut Vec<WriteDone>) {
        let piece = match &self.state {
            State::Begun(piece) => piece,
            State::Verified => return done.extend(self.jobs.iter().map(written)),
            State::Refused(error) => {
                return done.extend(self.jobs.iter().map(|job| failed(job, error.clone())));
            }
        };
        for (index, job) in self.jobs.iter().enumerate() {
            let is_last = index + 1 == self.jobs.len();
            let end = end_of(job);
            let answer = if end > u64::from(piece.len) {
                let (piece, begin, len) = (job.piece, job.begin, job.data.len() as u64);
                failed(job, StorageError::OutOfRange { piece, begin, len })
            } else if let Some(error) = &self.write_error
                && !piece.written.covers(job.begin, end as u32)
            {
                failed(job, error.clone())
            } else if let Some(error) = &self.hash_error
                && is_last
            {
                // The bytes are there, but hashing goes on only with the next block: ask for this one again.
                failed(job, error.clone())
            } else {
                written(job)
            };
            done.push(answer);
        }
    }

    /// What is hashed next: the first run if it is its turn, else what was written early, as far as there is no
    /// gap and up to that run.
    fn next_food<'f>(&mut self, buffers: &'f [Bytes], slots: &mut ChunksMut<'f, u8>) -> Option<Food<'f>> {
        let early = self.early();
        let State::Begun(piece) = &mut self.state else { return None };
        if let Some(run) = self.runs.first()
            && run.begin == piece.hashed
        {
            let run = self.runs.remove(0);
            piece.hashed = run.end;
            return Some(Food::Run(run.begin, &buffers[run.buffers]));
        }
        let job = self.jobs.first().filter(|_| early > 0)?;
        let slot = slots.next()?;
        let step = slot.len().min(early as usize);
        let buf = &mut slot[..step];
        match job.store.read(job.piece, piece.hashed, buf) {
            Ok(()) => {
                piece.hashed += step as u32;
                Some(Food::ReadBack(buf))
            }
            Err(error) => {
                self.hash_error = Some(error);
                None
            }
        }
    }
}

/// Hashes what was written, all pieces at the same time, and reads back what came too early for that.
pub(super) fn hash(shares: &mut [Share<'_>], buffers: &[Bytes], read_back: &mut Vec<u8>) {
    loop {
        let reading = shares.iter().filter(|share| share.early() > 0).count();
        read_back.resize(read_back.len().max(READ_BACK_LEN * reading), 0);
        let mut slots = read_back.chunks_mut(READ_BACK_LEN);
        let mut slices = Vec::with_capacity(buffers.len() + shares.len());
        let mut fed = Vec::with_capacity(shares.len());
        for share in &mut *shares {
            let first = slices.len();
            match share.next_food(buffers, &mut slots) {
                Some(Food::Run(begin, run)) => share.gather(begin, run, &mut slices),
                Some(Food::ReadBack(bytes)) => slices.push(bytes),
                None => continue,
            }
            if let State::Begun(piece) = &mut share.state {
                fed.push((&mut piece.hasher, first..slices.len()));
            }
        }
        if fed.is_empty() {
            return;
        }
        let mut jobs: Vec<_> =
            fed.into_iter().map(|(hasher, range)| (hasher, slices[range].iter().copied())).collect();
        update_many(&mut jobs);
    }
}

impl Share<'_> {
    /// Bytes that have to be read back before anything else can be hashed.
    fn early(&self) -> u32 {
        let State::Begun(piece) = &self.state else { return 0 };
        if self.hash_error.is_some() {
            return 0;
        }
        let limit = self.runs.first().map_or(piece.len, |run| run.begin);
        piece.written.end_from(piece.hashed).min(limit) - piece.hashed
    }

    /// The bytes of a run as they are hashed. Pads count as zeros whatever was sent, for that is how they are
    /// served.
    fn gather<'b>(&self, begin: u32, buffers: &'b [Bytes], slices: &mut Vec<&'b [u8]>) {
        let Some(job) = self.jobs.first() else { return };
        let len: usize = buffers.iter().map(Bytes::len).sum();
        let mut run = Run::new(buffers);
        for range in job.store.layout().ranges(job.piece, begin, len as u32) {
            let mut left = range.len as usize;
            if range.pad {
                run.skip(left);
                while left > 0 {
                    let zeros = &ZEROS[..left.min(ZEROS.len())];
                    slices.push(zeros);
                    left -= zeros.len();
                }
            }
            while left > 0
                && let Some(slice) = run.next_slice(left)
            {
                slices.push(slice);
                left -= slice.len();
            }
        }
    }
}

/// Writes a run that was collected, if there is anything in it.
fn put(
    piece: &mut Piece,
    job: &WriteJob,
    run: Written,
    buffers: &[Bytes],
    runs: &mut Vec<Written>,
    first_error: &mut Option<StorageError>,
) {
    if run.begin == run.end {
        return;
    }
    match job.store.write(job.piece, run.begin, &buffers[run.buffers.clone()]) {
        Ok(()) => {
            piece.written.insert(run.begin, run.end);
            job.store.note_written(job.piece, run.begin, run.end);
            runs.push(run);
        }
        Err(error) => {
            first_error.get_or_insert(error);
        }
    }
}

fn end_of(job: &WriteJob) -> u64 {
    u64::from(job.begin) + job.data.len() as u64
}

fn written(job: &WriteJob) -> WriteDone {
    let WriteJob { torrent, piece, begin, tag, .. } = *job;
    WriteDone::Written { torrent, piece, begin, len: job.data.len() as u32, tag }
}

fn failed(job: &WriteJob, error: StorageError) -> WriteDone {
    WriteDone::Failed { job: job.clone(), error }
}
