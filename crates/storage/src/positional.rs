//! Positional reads and writes that continue after a partial system call.

use std::fs::File;
use std::io::IoSlice;

use bytes::Bytes;
use rustix::io::{Errno, pread, pwrite, pwritev, retry_on_intr};

/// Slices in one `pwritev`: 1 MiB of ordinary blocks, well below `IOV_MAX`.
const MAX_SLICES: usize = 64;

/// Bytes per read of [`is_zero`].
const ZEROS_LEN: usize = 256 * 1024;

/// A cursor over a run of buffers that are contiguous in the piece.
#[derive(Debug, Clone)]
pub(crate) struct Run<'a> {
    buffers: &'a [Bytes],
    /// Bytes of the first buffer already used.
    used: usize,
}

impl<'a> Run<'a> {
    pub(crate) fn new(buffers: &'a [Bytes]) -> Self {
        Self { buffers, used: 0 }
    }

    pub(crate) fn skip(&mut self, mut count: usize) {
        while let Some(first) = self.buffers.first() {
            let left = first.len() - self.used;
            if count < left {
                self.used += count;
                return;
            }
            count -= left;
            self.buffers = &self.buffers[1..];
            self.used = 0;
        }
    }

    /// Returns the next adjacent bytes, at most `max`; `None` at the end.
    pub(crate) fn next_slice(&mut self, max: usize) -> Option<&'a [u8]> {
        // Skips empty buffers, and a first one that is used up.
        self.skip(0);
        let slice = &self.buffers.first()?[self.used..];
        let slice = &slice[..slice.len().min(max)];
        self.skip(slice.len());
        Some(slice)
    }

    /// Writes the next `len` bytes at `offset`.
    pub(crate) fn write_to(&mut self, file: &File, mut offset: u64, len: usize) -> Result<(), Errno> {
        let mut left = len;
        while left > 0 {
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let count = self.gather(&mut slices, left);
            if count == 0 {
                return Err(Errno::INVAL);
            }
            let written = retry_on_intr(|| pwritev(file, &slices[..count], offset))?;
            if written == 0 {
                return Err(Errno::IO);
            }
            self.skip(written);
            offset += written as u64;
            left -= written.min(left);
        }
        Ok(())
    }

    fn gather(&self, slices: &mut [IoSlice<'a>; MAX_SLICES], mut max: usize) -> usize {
        let mut used = self.used;
        let mut count = 0;
        for buffer in self.buffers {
            if count == MAX_SLICES || max == 0 {
                break;
            }
            let slice = &buffer[used..];
            used = 0;
            if slice.is_empty() {
                continue;
            }
            let slice = &slice[..slice.len().min(max)];
            slices[count] = IoSlice::new(slice);
            count += 1;
            max -= slice.len();
        }
        count
    }
}

/// Fills `buf` with the bytes at `offset`. Returns their number, which is smaller at the end of the file.
pub(crate) fn read_at(file: &File, buf: &mut [u8], offset: u64) -> Result<usize, Errno> {
    let mut filled = 0;
    while filled < buf.len() {
        let read = retry_on_intr(|| pread(file, &mut buf[filled..], offset + filled as u64))?;
        if read == 0 {
            break;
        }
        filled += read;
    }
    Ok(filled)
}

pub(crate) fn write_at(file: &File, buf: &[u8], offset: u64) -> Result<(), Errno> {
    let mut done = 0;
    while done < buf.len() {
        let written = retry_on_intr(|| pwrite(file, &buf[done..], offset + done as u64))?;
        if written == 0 {
            return Err(Errno::IO);
        }
        done += written;
    }
    Ok(())
}

/// Returns true if a file has only zeros and holes. Reads up to the first other byte, and skips holes.
pub(crate) fn is_zero(file: &File) -> Result<bool, Errno> {
    let mut buf = vec![0; ZEROS_LEN];
    let mut at = 0;
    loop {
        at = match rustix::fs::seek(file, rustix::fs::SeekFrom::Data(at)) {
            Ok(data) => data,
            // No data up to the end.
            Err(Errno::NXIO) => return Ok(true),
            // The file system does not report holes.
            Err(_) => at,
        };
        let read = read_at(file, &mut buf, at)?;
        if read == 0 {
            return Ok(true);
        }
        if buf[..read].iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        at += read as u64;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed set-up should end the test")]

    use super::*;

    #[test]
    fn write_to_with_more_buffers_than_one_call_takes_writes_all() {
        let file = tempfile::tempfile().unwrap();
        let buffers: Vec<Bytes> =
            (0..1000u32).map(|i| Bytes::from(vec![i as u8; (i % 7) as usize])).collect();
        let whole: Vec<u8> = buffers.iter().flatten().copied().collect();
        let mut run = Run::new(&buffers);
        run.skip(5);
        run.write_to(&file, 3, whole.len() - 6).unwrap();
        let mut back = vec![0; whole.len()];
        assert_eq!(read_at(&file, &mut back, 3).unwrap(), whole.len() - 6);
        assert_eq!(back[..whole.len() - 6], whole[5..whole.len() - 1]);
        assert_eq!(run.next_slice(10), Some(&whole[whole.len() - 1..]));
        assert_eq!(run.next_slice(10), None);
    }

    #[test]
    fn write_to_of_a_run_that_is_too_short_is_an_error() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(Run::new(&[Bytes::from_static(b"ab")]).write_to(&file, 0, 3), Err(Errno::INVAL));
    }
}
