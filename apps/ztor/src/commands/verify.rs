//! `ztor verify`: compares data on disk with a torrent.

use std::ffi::OsStr;
use std::ops::Range;
use std::path::Path;

use serde::Serialize;
use serde_json::json;
use ztor_metainfo::Metainfo;
use ztor_session::{default_state_dir, distrust_record};
use ztor_storage::as_found;

use super::seed::{load_one, pairs};
use crate::args::VerifyArgs;
use crate::check;
use crate::console::Console;
use crate::exit::{Exit, Report, of_many};
use crate::runner::info_hash;
use crate::select::numbered;
use crate::stop::Stop;
use ztor_view::format::{Count, Size};
use ztor_view::text::Escaped;

/// Maximum number of ranges of bad pieces in a line of plain output. `--json` has all of them.
const SHOWN_RANGES: usize = 8;

pub(super) fn run(args: &VerifyArgs, console: &Console, stop: &Stop) -> anyhow::Result<Exit> {
    let pairs = pairs(&args.data)?;
    let many = pairs.len() > 1;
    let (mut any_bad, mut lost) = (false, Vec::new());
    for &(torrent, path) in &pairs {
        match verify(torrent, path, many, console, stop) {
            Ok(Exit::Interrupted) => return Ok(Exit::Interrupted),
            Ok(exit) => any_bad |= exit != Exit::Ok,
            Err(error) => {
                let report = Report::of(&error);
                if many {
                    console.warn(&report.message);
                }
                lost.push(report);
            }
        }
    }
    match of_many(&lost, pairs.len()) {
        Some(error) => Err(error.into()),
        None => Ok(if any_bad { Exit::Failed } else { Exit::Ok }),
    }
}

/// Checks one torrent. Prints its name first if there are `many`.
fn verify(torrent: &OsStr, path: &Path, many: bool, console: &Console, stop: &Stop) -> anyhow::Result<Exit> {
    let (meta, dir) = load_one(torrent, path)?;
    let Some(meta) = check::complete(&as_found(&meta, &dir), &dir, console, stop)? else {
        return Ok(Exit::Interrupted);
    };
    if many {
        let (torrent, info_hash) = (torrent.to_string_lossy(), info_hash(&meta));
        match console.is_json() {
            true => console.json(&json!({"event": "verifying", "torrent": torrent, "info_hash": info_hash})),
            false => console.line(&format!("{torrent}:")),
        }
    }
    let Some(good) = check::pieces(&meta, &dir, console, stop)? else {
        return Ok(Exit::Interrupted);
    };
    let bad_files: Vec<BadFile> = numbered(&meta)
        .filter_map(|(_, index, _)| {
            let on_disk = dir.join(meta.relative_path(index));
            BadFile::find(&meta, index, &on_disk, &good)
        })
        .collect();
    // Pieces without a known hash were not checked, and resume data may have them from peers.
    let bulk = meta.bulk()?;
    let hashes = bulk.hashes();
    let is_bad =
        |(piece, good): (u32, &bool)| !good && (hashes.v1(piece).is_some() || hashes.v2(piece).is_some());
    let not_bad: Vec<bool> = (0..).zip(&good).map(|piece| !is_bad(piece)).collect();
    correct_record(&meta, &dir, &not_bad, console);
    let verdict = Verdict::new(&meta, &good, bad_files.len());
    if console.is_json() {
        bad_files.iter().for_each(|file| console.json(file));
        console.json(&verdict);
    } else {
        bad_files.iter().for_each(|file| console.line(&file.to_string()));
        console.line(&verdict.to_string());
    }
    Ok(if verdict.ok { Exit::Ok } else { Exit::Failed })
}

/// Corrects the resume data, so that the next `get` or `seed` does not trust bad pieces.
fn correct_record(meta: &Metainfo, dir: &Path, not_bad: &[bool], console: &Console) {
    let Some(state) = default_state_dir() else { return };
    match distrust_record(&state, meta, dir, not_bad) {
        Ok(false) => {}
        Ok(true) => {
            console.warn("corrected the resume data, which had bad pieces as good");
        }
        Err(error) => console.warn(&format!(
            "cannot correct the resume data, which has bad pieces as good: {error}; use --recheck with `get` or `seed`"
        )),
    }
}

#[derive(Serialize)]
#[serde(tag = "event", rename = "bad_file")]
struct BadFile {
    path: String,
    length: u64,
    missing: bool,
    bad_pieces: usize,
    pieces: usize,
    /// First and last piece of every range of bad pieces.
    bad_ranges: Vec<[u32; 2]>,
}

impl BadFile {
    /// Returns the defects of a file; `None` if it has none. A file without pieces (empty, a symlink) can only be
    /// missing or have the wrong length.
    fn find(meta: &Metainfo, index: usize, on_disk: &Path, good: &[bool]) -> Option<BadFile> {
        let file = meta.layout.files().get(index)?;
        let pieces = meta.layout.pieces_of(index);
        // A symlink of the user is followed; one of the torrent is not.
        let found = match file.symlink {
            Some(_) => std::fs::symlink_metadata(on_disk),
            None => std::fs::metadata(on_disk),
        };
        let missing = found.is_err();
        let wrong_len =
            file.symlink.is_none() && found.is_ok_and(|found| found.is_file() && found.len() != file.length);
        let bad: Vec<u32> = pieces.clone().filter(|&piece| good.get(piece as usize) != Some(&true)).collect();
        // All pieces of a file that is too long may be good, but the file is not.
        if bad.is_empty() && !missing && !wrong_len {
            return None;
        }
        Some(BadFile {
            path: file.path.to_string(),
            length: file.length,
            missing,
            bad_pieces: bad.len(),
            pieces: pieces.len(),
            bad_ranges: runs(&bad).into_iter().map(|run| [run.start, run.end - 1]).collect(),
        })
    }
}

impl std::fmt::Display for BadFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: ", Escaped(&self.path))?;
        if self.missing {
            return f.write_str("missing");
        }
        if self.bad_pieces == 0 {
            return write!(f, "wrong length, expected {}", Size(self.length));
        }
        write!(f, "{} of {} bad: ", self.bad_pieces, Count(self.pieces, "piece"))?;
        for (n, [first, last]) in self.bad_ranges.iter().take(SHOWN_RANGES).enumerate() {
            let comma = if n > 0 { ", " } else { "" };
            if first == last {
                write!(f, "{comma}{first}")?;
            } else {
                write!(f, "{comma}{first}-{last}")?;
            }
        }
        match self.bad_ranges.len().saturating_sub(SHOWN_RANGES) {
            0 => Ok(()),
            more => write!(f, " and {more} more ranges"),
        }
    }
}

#[derive(Serialize)]
#[serde(tag = "event", rename = "verified")]
struct Verdict {
    ok: bool,
    pieces: usize,
    bad_pieces: usize,
    files: usize,
    bad_files: usize,
    good_bytes: u64,
    total_bytes: u64,
}

impl Verdict {
    fn new(meta: &Metainfo, good: &[bool], bad_files: usize) -> Verdict {
        let bad_pieces = good.iter().filter(|&&good| !good).count();
        Verdict {
            ok: bad_pieces == 0 && bad_files == 0,
            pieces: good.len(),
            bad_pieces,
            files: numbered(meta).count(),
            bad_files,
            good_bytes: check::good_bytes(meta, good),
            total_bytes: meta.layout.total_len(),
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.ok {
            let (files, pieces) = (Count(self.files, "file"), Count(self.pieces, "piece"));
            return write!(f, "All good: {files}, {pieces}, {}", Size(self.total_bytes));
        }
        write!(
            f,
            "Bad: {} of {}, {} of {}; {} of {} are good",
            self.bad_files,
            Count(self.files, "file"),
            self.bad_pieces,
            Count(self.pieces, "piece"),
            Size(self.good_bytes),
            Size(self.total_bytes)
        )
    }
}

/// Joins ascending numbers into ranges.
fn runs(sorted: &[u32]) -> Vec<Range<u32>> {
    let mut runs: Vec<Range<u32>> = Vec::new();
    for &n in sorted {
        match runs.last_mut() {
            Some(run) if run.end == n => run.end += 1,
            _ => runs.push(n..n + 1),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_adjacent_numbers_are_joined() {
        assert_eq!(runs(&[]), []);
        assert_eq!(runs(&[1, 2, 3, 7, 9, 10]), [1..4, 7..8, 9..11]);
    }

    #[test]
    fn display_of_a_bad_file_with_many_ranges_leaves_some_out() {
        let file = BadFile {
            path: "a".into(),
            length: 1,
            missing: false,
            bad_pieces: 11,
            pieces: 40,
            bad_ranges: (0..10).map(|n| [n * 3, n * 3 + u32::from(n == 0)]).collect(),
        };
        assert_eq!(
            file.to_string(),
            "a: 11 of 40 pieces bad: 0-1, 3, 6, 9, 12, 15, 18, 21 and 2 more ranges"
        );
    }
}
