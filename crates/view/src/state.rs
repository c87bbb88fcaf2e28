//! States of torrents in words, and the roles of their colours.

use crate::format::Percent;
use crate::text::cleaned;
use ztor_api::{State, Torrent};

/// Role of the colour of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tone {
    /// Data comes in.
    Down,
    /// Data goes out.
    Up,
    /// The daemon works on the files.
    Busy,
    /// Nothing happens, as it should.
    Idle,
    /// The end is reached.
    Done,
    /// Something hinders the torrent.
    Warn,
    /// The torrent has stopped by a fault.
    Error,
}

/// Returns the role of the colour of a state.
pub const fn tone_of(state: State) -> Tone {
    match state {
        State::Downloading | State::Metadata => Tone::Down,
        State::Seeding => Tone::Up,
        State::Checking | State::Loading => Tone::Busy,
        State::Done => Tone::Done,
        State::Error => Tone::Error,
        _ => Tone::Idle,
    }
}

/// Returns the name of a state.
pub const fn label(state: State) -> &'static str {
    match state {
        State::Loading => "Loading",
        State::Metadata => "Fetching metadata",
        State::Checking => "Checking",
        State::Downloading => "Downloading",
        State::Seeding => "Seeding",
        State::Queued => "Queued",
        State::Paused => "Stopped",
        State::Done => "Goal reached",
        State::Scheduled => "Stopped by schedule",
        State::Error => "Error",
        _ => "Unknown",
    }
}

/// Returns true if the files of a torrent move.
fn is_moving(torrent: &Torrent) -> bool {
    torrent.moving.is_some() && torrent.state != State::Error
}

/// Returns true if no tracker works, and the torrent would use one.
fn has_tracker_problem(torrent: &Torrent) -> bool {
    torrent.tracker_error.is_some()
        && matches!(torrent.state, State::Downloading | State::Seeding | State::Metadata)
}

/// Returns the role of the colour of a torrent.
pub fn tone(torrent: &Torrent) -> Tone {
    if has_tracker_problem(torrent) {
        Tone::Warn
    } else if is_moving(torrent) {
        Tone::Busy
    } else {
        tone_of(torrent.state)
    }
}

/// Returns the state in one or two words.
pub fn short(torrent: &Torrent) -> String {
    if is_moving(torrent) {
        return "Moving".to_owned();
    }
    let forced = if torrent.is_forced { "!" } else { "" };
    match (torrent.state, torrent.queue_position) {
        (State::Queued, Some(position)) => format!("Queued {position}"),
        (State::Metadata, _) => format!("Metadata{forced}"),
        (State::Done, _) => "Done".to_owned(),
        (State::Scheduled, _) => "Scheduled".to_owned(),
        (state, _) => format!("{}{forced}", label(state)),
    }
}

/// Returns the state in words, with what hinders the torrent.
pub fn text(torrent: &Torrent) -> String {
    let mut text = match torrent.moving {
        Some(moving) if is_moving(torrent) && moving.total_bytes > 0 => {
            format!("Moving files {}", Percent(moving.done_bytes as f64 / moving.total_bytes as f64))
        }
        Some(_) if is_moving(torrent) => "Moving files".to_owned(),
        _ => label(torrent.state).to_owned(),
    };
    if torrent.is_forced && tone_of(torrent.state) != Tone::Idle {
        text.push_str(" · Forced");
    }
    if let Some(fault) = &torrent.fault {
        text = format!("{text} · {}", cleaned(&fault.message));
    } else if let Some(problem) = torrent.tracker_error.as_ref().filter(|_| has_tracker_problem(torrent)) {
        // What needs attention comes first: a narrow column cuts the rest.
        text = format!("Tracker error · {text} · {}", cleaned(problem));
    }
    text
}
