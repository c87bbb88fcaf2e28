use std::ops::Range;
use std::slice::ChunksMut;

use bytes::Bytes;

use super::{Piece, WriteDone, WriteJob};
use crate::error::StorageError;
use crate::hasher::{ZEROS, update_many};
use crate::positional::Run;

/// Bytes of a piece that are read back at a time, after blocks that arrived out of order.
const READ_BACK_LEN: usize = 128 * 1024;

/// Write jobs of one piece in one call.
pub(super) struct PieceBatch<'a> {
    /// Sorted by `begin`, at least one.
    pub(super) jobs: &'a [WriteJob],
    pub(super) state: State,
    /// Runs that are written but not hashed yet, in order.
    runs: Vec<Written>,
    write_error: Option<StorageError>,
    hash_error: Option<StorageError>,
}

/// State of the piece when its jobs arrived.
#[allow(clippy::large_enum_variant, reason = "nearly every piece is begun, and the others live as briefly")]
pub(super) enum State {
    /// The piece is in progress.
    Begun(Piece),
    /// The piece is on disk and verified. Nothing is written.
    Verified,
    /// The piece cannot be started. All jobs fail.
    Refused(StorageError),
}

/// A run of adjacent buffers that are in the file.
struct Written {
    begin: u32,
    end: u32,
    /// Indices of its buffers among those of the whole group.
    buffers: Range<usize>,
}

/// The next input of a piece's hasher.
enum NextInput<'a> {
    /// Offset of the first buffer in the piece, and the buffers in memory.
    Run(u32, &'a [Bytes]),
    /// Bytes read back from the file.
    ReadBack(&'a [u8]),
}

impl<'a> PieceBatch<'a> {
    pub(super) fn new(jobs: &'a [WriteJob], state: State) -> Self {
        Self { jobs, state, runs: Vec::new(), write_error: None, hash_error: None }
    }

    /// Writes the bytes of the jobs that are not in the file yet. Appends the written buffers to `buffers`.
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
                    write_run(piece, job, run, buffers, &mut self.runs, &mut self.write_error);
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
            write_run(piece, job, run, buffers, &mut self.runs, &mut self.write_error);
        }
    }

    /// Appends one answer per job to `done`.
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
                // The bytes are written, but only another job of the piece continues the hash. So the caller retries
                // this one.
                failed(job, error.clone())
            } else {
                written(job)
            };
            done.push(answer);
        }
    }

    /// Returns the next input: the first run if the hash has reached it, else bytes that were written early, up to the
    /// next gap or that run.
    fn next_input<'f>(
        &mut self,
        buffers: &'f [Bytes],
        slots: &mut ChunksMut<'f, u8>,
    ) -> Option<NextInput<'f>> {
        let early = self.early();
        let State::Begun(piece) = &mut self.state else { return None };
        if let Some(run) = self.runs.first()
            && run.begin == piece.hashed
        {
            let run = self.runs.remove(0);
            piece.hashed = run.end;
            return Some(NextInput::Run(run.begin, &buffers[run.buffers]));
        }
        let job = self.jobs.first().filter(|_| early > 0)?;
        let slot = slots.next()?;
        let step = slot.len().min(early as usize);
        let buf = &mut slot[..step];
        match job.store.read(job.piece, piece.hashed, buf) {
            Ok(()) => {
                piece.hashed += step as u32;
                Some(NextInput::ReadBack(buf))
            }
            Err(error) => {
                self.hash_error = Some(error);
                None
            }
        }
    }
}

/// Hashes the written bytes of all pieces at the same time. Reads back bytes that had arrived too early to be hashed.
pub(super) fn hash(batches: &mut [PieceBatch<'_>], buffers: &[Bytes], read_back: &mut Vec<u8>) {
    loop {
        let reading = batches.iter().filter(|batch| batch.early() > 0).count();
        read_back.resize(read_back.len().max(READ_BACK_LEN * reading), 0);
        let mut slots = read_back.chunks_mut(READ_BACK_LEN);
        let mut slices = Vec::with_capacity(buffers.len() + batches.len());
        let mut fed = Vec::with_capacity(batches.len());
        for batch in &mut *batches {
            let first = slices.len();
            match batch.next_input(buffers, &mut slots) {
                Some(NextInput::Run(begin, run)) => batch.gather(begin, run, &mut slices),
                Some(NextInput::ReadBack(bytes)) => slices.push(bytes),
                None => continue,
            }
            if let State::Begun(piece) = &mut batch.state {
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

impl PieceBatch<'_> {
    /// Returns the number of bytes that must be read back before other bytes can be hashed.
    fn early(&self) -> u32 {
        let State::Begun(piece) = &self.state else { return 0 };
        if self.hash_error.is_some() {
            return 0;
        }
        let limit = self.runs.first().map_or(piece.len, |run| run.begin);
        piece.written.end_from(piece.hashed).min(limit) - piece.hashed
    }

    /// Appends the bytes of a run as they are hashed. Pads count as zeros whatever the peer sent, as they are served as
    /// zeros.
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

/// Writes a run of adjacent buffers and records it in `runs`, or its error in `first_error`. Skips an empty run.
fn write_run(
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
