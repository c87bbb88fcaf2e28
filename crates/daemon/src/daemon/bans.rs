//! Bans: those by the user, which outlive the process, and those of the session.

use super::Daemon;
use super::saving::fact;
use crate::clock::now_unix_s;
use crate::error::DaemonError;
use crate::store::{Store, StoreError, Table};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use ztor_api::{Ban, BanKind, BanRequest};
use ztor_session::ip_filter::IpRange;
use ztor_session::{Author, BanStatus, MAX_USER_BANS, Reply, UserBan};

/// Maximum number of addresses of one request.
const MAX_ADDRESSES: usize = 1000;
/// Longest time of a ban with an end, in seconds: ten years.
const MAX_TIME_S: u64 = 315_360_000;
/// Maximum number of characters of a reason.
const MAX_REASON: usize = 200;

/// A ban by the user in the state database.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct StoredBan {
    addresses: String,
    reason: String,
    added_unix_s: u64,
    ends_unix_s: Option<u64>,
}

/// The bans by the user.
#[derive(Debug, Default)]
pub(super) struct UserBans(Mutex<BTreeMap<IpRange, StoredBan>>);

impl UserBans {
    /// Reads the bans of earlier runs. Those that cannot be used are left out.
    pub(super) fn open(store: &Store) -> Result<Self, StoreError> {
        let rows = store.get_json::<Vec<StoredBan>>(Table::Fact, fact::BANS)?.unwrap_or_default();
        let bans = rows.into_iter().filter_map(|ban| match ban.addresses.parse() {
            Ok(range) => Some((range, ban)),
            Err(error) => {
                tracing::error!(%error, "leaving out a ban");
                None
            }
        });
        Ok(Self(Mutex::new(bans.take(MAX_USER_BANS).collect())))
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<IpRange, StoredBan>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Daemon {
    /// Returns the bans in force, those by the user first.
    ///
    /// # Errors
    /// The session does not answer.
    pub async fn bans(&self) -> Result<Vec<Ban>, DaemonError> {
        let automatic = self.0.session.bans().await?;
        let now = now_unix_s();
        let users = self.0.bans.all();
        let mut bans: Vec<Ban> =
            users.values().filter(|ban| !ban.is_over(now)).map(StoredBan::to_api).collect();
        drop(users);
        bans.extend(automatic.iter().map(|ban| of_session(ban, now)));
        Ok(bans)
    }

    /// Bans addresses. Returns when that is in force and durable.
    ///
    /// # Errors
    /// An address cannot be used, there are too many bans, or the state cannot be saved.
    pub async fn ban(&self, request: &BanRequest) -> Result<(), DaemonError> {
        self.add_bans(request)?;
        self.apply_bans().await?;
        self.commit().await
    }

    fn add_bans(&self, request: &BanRequest) -> Result<(), DaemonError> {
        let ranges = ranges_of(request)?;
        let now = now_unix_s();
        let mut all = self.0.bans.all();
        all.retain(|_, ban| !ban.is_over(now));
        let new = ranges.iter().filter(|range| !all.contains_key(range)).count();
        if all.len() + new > MAX_USER_BANS {
            let message =
                format!("there are too many bans: at most {MAX_USER_BANS}; use an IP filter instead");
            return Err(DaemonError::Conflict(message));
        }
        for range in ranges {
            let ban = StoredBan {
                addresses: range.to_string(),
                reason: request.reason.trim().to_owned(),
                added_unix_s: now,
                ends_unix_s: request.time_s.map(|time| now.saturating_add(time)),
            };
            tracing::info!(addresses = ban.addresses, time_s = request.time_s, "banned by the user");
            all.insert(range, ban);
        }
        self.put_bans(&all);
        Ok(())
    }

    /// Lifts the ban of an address, a network or a range as in the list of bans, and the automatic bans in it. Returns
    /// when that is in force and durable.
    ///
    /// # Errors
    /// The address is not banned, or the state cannot be saved.
    pub async fn unban(&self, address: &str) -> Result<(), DaemonError> {
        let range: IpRange = address.parse().map_err(bad_value)?;
        let automatic = self.0.session.bans().await?;
        let is_in = |ban: &BanStatus| range_of(ban.author).is_some_and(|of| range.has(of.first()));
        let is_automatic = automatic.iter().any(is_in);
        self.remove_ban(range, is_automatic)?;
        self.0.session.lift_bans_in(range).await?;
        self.apply_bans().await?;
        self.commit().await
    }

    /// Removes a ban by the user. There must be one unless `is_automatic` is true.
    fn remove_ban(&self, range: IpRange, is_automatic: bool) -> Result<(), DaemonError> {
        let mut all = self.0.bans.all();
        let is_users = all.remove(&range).is_some();
        if !is_users && !is_automatic {
            let mut around = all.keys().filter(|other| other.has(range.first()));
            let hint = around.next().map(|other| format!("; it is in {other}, which is banned as a whole"));
            let message = format!("{range} is not banned{}", hint.unwrap_or_default());
            return Err(DaemonError::NotFound(message));
        }
        if is_users {
            self.put_bans(&all);
        }
        Ok(())
    }

    fn put_bans(&self, all: &BTreeMap<IpRange, StoredBan>) {
        let rows: Vec<&StoredBan> = all.values().collect();
        self.0.store.put_json(Table::Fact, fact::BANS, &rows);
    }

    /// Passes the bans by the user to the session, which ends them itself. They are in force when it has replied.
    pub(super) fn apply_bans(&self) -> Reply<()> {
        let now = now_unix_s();
        let all = self.0.bans.all();
        let in_force = all.iter().filter(|(_, ban)| !ban.is_over(now));
        let bans: Vec<UserBan> = in_force
            .map(|(range, ban)| {
                let left = |end: u64| Duration::from_secs(end.saturating_sub(now));
                UserBan { range: *range, ends_in: ban.ends_unix_s.map(left) }
            })
            .collect();
        self.0.session.set_user_bans(bans)
    }
}

impl StoredBan {
    fn is_over(&self, now_unix_s: u64) -> bool {
        self.ends_unix_s.is_some_and(|end| end <= now_unix_s)
    }

    fn to_api(&self) -> Ban {
        Ban {
            address: self.addresses.clone(),
            client: None,
            kind: BanKind::User,
            reason: self.reason.clone(),
            added_unix_s: Some(self.added_unix_s),
            ends_unix_s: self.ends_unix_s,
        }
    }
}

/// Returns the addresses of a request.
fn ranges_of(request: &BanRequest) -> Result<Vec<IpRange>, DaemonError> {
    let BanRequest { addresses, time_s, reason } = request;
    if addresses.is_empty() || addresses.len() > MAX_ADDRESSES {
        let message = format!("cannot ban {} addresses: give 1 to {MAX_ADDRESSES}", addresses.len());
        return Err(DaemonError::BadValue(message));
    }
    if time_s.is_some_and(|time| time == 0 || time > MAX_TIME_S) {
        let message = format!("cannot use the time of a ban: give 1 to {MAX_TIME_S} seconds, or none");
        return Err(DaemonError::BadValue(message));
    }
    if reason.chars().count() > MAX_REASON || reason.chars().any(char::is_control) {
        let message =
            format!("cannot use the reason of a ban: give one line of at most {MAX_REASON} characters");
        return Err(DaemonError::BadValue(message));
    }
    addresses.iter().map(|address| address.parse().map_err(bad_value)).collect()
}

fn bad_value(error: ztor_session::ip_filter::ParseRangeError) -> DaemonError {
    DaemonError::BadValue(error.to_string())
}

fn of_session(ban: &BanStatus, now_unix_s: u64) -> Ban {
    let (address, client) = match ban.author {
        Author::Host(host) => (host.to_string(), None),
        Author::Peer(ip, id) => (ip.to_string(), Some(id.to_string())),
    };
    Ban {
        address,
        client,
        kind: BanKind::Automatic,
        reason: ban.reason.to_string(),
        added_unix_s: None,
        ends_unix_s: Some(now_unix_s.saturating_add(ban.ends_in.as_secs())),
    }
}

/// Returns the addresses of a host or peer.
fn range_of(author: Author) -> Option<IpRange> {
    match author {
        Author::Host(host) => host.to_string().parse().ok(),
        Author::Peer(ip, _) => Some(ip.into()),
    }
}
