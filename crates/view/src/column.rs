//! Columns of lists of torrents.

use crate::format::{Moment, Percent, Rate, Size, Span};
use crate::state;
use crate::text::cleaned;
use ztor_api::{SortKey, Torrent};

/// Alignment of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Texts.
    Left,
    /// Figures.
    Right,
}

/// A column of a list of torrents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the labels say it")]
pub enum Column {
    Id,
    Name,
    State,
    Progress,
    Size,
    Total,
    Left,
    Down,
    Up,
    Downloaded,
    Uploaded,
    Ratio,
    Eta,
    Seeds,
    Peers,
    Queue,
    Category,
    Tags,
    Added,
    Finished,
    Active,
    Seeding,
    DownLimit,
    UpLimit,
    Tracker,
    Dir,
    Private,
    Hash,
}

/// Properties of a column.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// The column.
    pub column: Column,
    /// Name in stored choices.
    pub key: &'static str,
    /// Label.
    pub label: &'static str,
    /// Label where there is little room.
    pub short: &'static str,
    /// Usual width in characters.
    pub width: u16,
    /// Alignment.
    pub align: Align,
    /// Key to sort by; `None` if the daemon cannot.
    pub sort: Option<SortKey>,
}

const fn text(
    column: Column,
    key: &'static str,
    label: &'static str,
    width: u16,
    sort: Option<SortKey>,
) -> Definition {
    Definition { column, key, label, short: label, width, align: Align::Left, sort }
}

const fn figure(
    column: Column,
    key: &'static str,
    label: &'static str,
    width: u16,
    sort: Option<SortKey>,
) -> Definition {
    Definition { column, key, label, short: label, width, align: Align::Right, sort }
}

const fn shortened(short: &'static str, definition: Definition) -> Definition {
    Definition { short, ..definition }
}

/// All columns, in the order in which front ends list them.
pub const COLUMNS: [Definition; 28] = [
    text(Column::Name, "name", "Name", 30, Some(SortKey::Name)),
    shortened("Done", figure(Column::Progress, "progress", "Progress", 7, Some(SortKey::Progress))),
    text(Column::State, "state", "State", 13, Some(SortKey::State)),
    figure(Column::Size, "size", "Size", 9, Some(SortKey::Size)),
    shortened("Total", figure(Column::Total, "total", "Size of all files", 9, None)),
    shortened("Left", figure(Column::Left, "left", "Remaining", 9, None)),
    shortened("Down", figure(Column::Down, "down", "Download rate", 11, Some(SortKey::Down))),
    shortened("Up", figure(Column::Up, "up", "Upload rate", 11, Some(SortKey::Up))),
    shortened("Recv", figure(Column::Downloaded, "downloaded", "Downloaded", 9, Some(SortKey::Downloaded))),
    shortened("Sent", figure(Column::Uploaded, "uploaded", "Uploaded", 9, Some(SortKey::Uploaded))),
    figure(Column::Ratio, "ratio", "Ratio", 6, Some(SortKey::Ratio)),
    shortened("ETA", figure(Column::Eta, "eta", "Time left", 7, Some(SortKey::Eta))),
    figure(Column::Seeds, "seeds", "Seeds", 9, Some(SortKey::Seeds)),
    figure(Column::Peers, "peers", "Peers", 9, Some(SortKey::Peers)),
    shortened("Queue", figure(Column::Queue, "queue", "Queue position", 5, Some(SortKey::Queue))),
    text(Column::Category, "category", "Category", 14, Some(SortKey::Category)),
    text(Column::Tags, "tags", "Tags", 16, None),
    figure(Column::Added, "added", "Added", 16, Some(SortKey::Added)),
    figure(Column::Finished, "finished", "Finished", 16, Some(SortKey::Finished)),
    shortened("Active", figure(Column::Active, "active_time", "Time active", 7, None)),
    shortened("Seeded", figure(Column::Seeding, "seeding_time", "Time seeding", 7, None)),
    shortened("Down max", figure(Column::DownLimit, "down_limit", "Download limit", 11, None)),
    shortened("Up max", figure(Column::UpLimit, "up_limit", "Upload limit", 11, None)),
    text(Column::Tracker, "tracker", "Tracker", 22, Some(SortKey::Tracker)),
    text(Column::Dir, "dir", "Folder", 24, Some(SortKey::Dir)),
    text(Column::Private, "private", "Private", 7, None),
    shortened("Hash", text(Column::Hash, "hash", "Info-hash", 40, None)),
    figure(Column::Id, "id", "ID", 6, Some(SortKey::Id)),
];

/// Columns until the user chooses others.
pub const DEFAULT: [Column; 11] = [
    Column::Name,
    Column::Progress,
    Column::State,
    Column::Size,
    Column::Down,
    Column::Up,
    Column::Eta,
    Column::Ratio,
    Column::Seeds,
    Column::Peers,
    Column::Added,
];

/// Default columns that a narrow window leaves out, the first one first.
pub const SPARE: [Column; 7] =
    [Column::Added, Column::Peers, Column::Seeds, Column::Ratio, Column::Size, Column::Eta, Column::State];

impl Column {
    /// Returns the properties.
    pub fn definition(self) -> &'static Definition {
        // The test `every_column_is_listed_once` keeps the first from being returned for another.
        COLUMNS.iter().find(|definition| definition.column == self).unwrap_or(&COLUMNS[0])
    }

    /// Returns the column with this name in stored choices.
    pub fn from_key(key: &str) -> Option<Self> {
        COLUMNS.iter().find(|definition| definition.key == key).map(|definition| definition.column)
    }

    /// Returns the text of a cell. Harmful characters are replaced; what is not known, or zero and of no interest, is
    /// blank.
    pub fn text(self, torrent: &Torrent) -> String {
        let size = |bytes: u64| if bytes == 0 { String::new() } else { Size(bytes).to_string() };
        let rate = |per_s: u64| if per_s == 0 { String::new() } else { Rate(per_s).to_string() };
        let moment = |unix_s: u64| Moment(i64::try_from(unix_s).unwrap_or(i64::MAX)).to_string();
        let of_swarm = |count: u32, all: Option<u32>| match all {
            Some(all) => format!("{count} ({all})"),
            None => count.to_string(),
        };
        match self {
            Self::Id => torrent.id.to_string(),
            Self::Name => cleaned(&torrent.name).into_owned(),
            Self::State => state::text(torrent),
            Self::Progress => Percent(torrent.progress).to_string(),
            Self::Size => size(torrent.size_bytes),
            Self::Total => size(torrent.total_bytes),
            Self::Left => size(torrent.left_bytes),
            Self::Down => rate(torrent.down_per_s),
            Self::Up => rate(torrent.up_per_s),
            Self::Downloaded => Size(torrent.downloaded_bytes).to_string(),
            Self::Uploaded => Size(torrent.uploaded_bytes).to_string(),
            Self::Ratio => torrent.ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
            Self::Eta => torrent.eta_s.map(|eta| Span(eta).to_string()).unwrap_or_default(),
            Self::Seeds => of_swarm(torrent.seeds, torrent.swarm_seeds),
            Self::Peers => of_swarm(torrent.peers, torrent.swarm_leechers),
            Self::Queue => torrent.queue_position.map(|at| at.to_string()).unwrap_or_default(),
            Self::Category => cleaned(torrent.category.as_deref().unwrap_or_default()).into_owned(),
            Self::Tags => cleaned(&torrent.tags.join(", ")).into_owned(),
            Self::Added => moment(torrent.added_unix_s),
            Self::Finished => torrent.finished_unix_s.map(moment).unwrap_or_default(),
            Self::Active => Span(torrent.active_s).to_string(),
            Self::Seeding => Span(torrent.seeding_s).to_string(),
            Self::DownLimit => {
                torrent.limits.down_per_s.map(|limit| Rate(limit).to_string()).unwrap_or_default()
            }
            Self::UpLimit => torrent.limits.up_per_s.map(|limit| Rate(limit).to_string()).unwrap_or_default(),
            Self::Tracker => cleaned(torrent.tracker.as_deref().unwrap_or_default()).into_owned(),
            Self::Dir => cleaned(&torrent.dir).into_owned(),
            Self::Private => match torrent.is_private {
                Some(true) => "Yes".to_owned(),
                Some(false) => "No".to_owned(),
                None => String::new(),
            },
            Self::Hash => torrent.hash.clone(),
        }
    }
}

/// Returns the default columns that have room. `width_of` is the width of a column in the same unit as `available`.
pub fn fitting(available: f32, width_of: impl Fn(Column) -> f32) -> Vec<Column> {
    let mut columns = DEFAULT.to_vec();
    for spare in SPARE {
        if columns.iter().map(|column| width_of(*column)).sum::<f32>() <= available {
            break;
        }
        columns.retain(|column| *column != spare);
    }
    columns
}
