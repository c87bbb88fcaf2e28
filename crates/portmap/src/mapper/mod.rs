//! The machine that keeps ports mapped.

mod epoch;
mod side;
mod status;
mod task;
#[cfg(test)]
mod tests;

use crate::transport::Family;
use fastrand::Rng;
use side::Side;
pub use status::{MappingStatus, SideState, SideStatus, Status};
pub use task::{Absent, Done, Failure, Job, JobId, Lease, Map, Mapped, Place, Refusal, Task, Want};
use ztor_base::Instant;

/// Keeps a port mapped at the gateways of both address families.
///
/// A driver reports the [`Place`] of each family and what is wanted, carries out the [`Job`]s of
/// [`poll_job`](Self::poll_job), at most one at a time per family, and reports each result within a bounded time.
/// [`poll_timeout`](Self::poll_timeout) names the time of the next job.
///
/// Protocols are tried in turn until one works, which is used from then on. A mapping is renewed at half of its
/// lifetime; as long as that fails, it is tried again after half of the time that is left. A gateway that has lost its
/// mappings gets them again: its epoch or a check every five minutes shows that. After a failure of all protocols, the
/// pause grows from 30 seconds to half an hour.
#[derive(Debug)]
pub struct Mapper {
    sides: [Side; 2],
    /// `None` if nothing is to be mapped.
    want: Option<Want>,
    rng: Rng,
    next_job: u64,
    /// Status without times when it was last reported.
    reported: Option<Status>,
}

impl Mapper {
    /// Creates a machine that maps nothing yet. The seed makes its nonces, and must not be guessable.
    pub fn new(seed: u64) -> Self {
        Self {
            sides: Family::ALL.map(Side::new),
            want: None,
            rng: Rng::with_seed(seed),
            next_job: 0,
            reported: None,
        }
    }

    /// Changes what is mapped. Mappings that are not wanted any more are removed; with `None` all are.
    pub fn set_want(&mut self, now: Instant, want: Option<Want>) {
        if want == self.want {
            return;
        }
        self.want = want;
        for side in &mut self.sides {
            side.want_changed(now, self.want.as_ref());
        }
    }

    /// Reports the place of this machine in the network of one family. In another place everything begins again: the
    /// mappings of the old one expire.
    pub fn set_place(&mut self, now: Instant, family: Family, place: Result<Place, Absent>) {
        self.side_mut(family).set_place(now, place);
    }

    /// Reports that a gateway may have lost its mappings, as it has announced itself, or that time has passed in which
    /// this machine could not renew them. They are checked soon. As anyone can send an announcement, repeated ones
    /// have no effect.
    pub fn suspect(&mut self, now: Instant, family: Family) {
        self.side_mut(family).suspect(now);
    }

    /// Returns a job to carry out, if one is due.
    pub fn poll_job(&mut self, now: Instant) -> Option<Job> {
        let Self { sides, want, rng, next_job, .. } = self;
        for side in sides {
            let id = JobId(*next_job);
            if let Some(task) = side.next_task(now, want.as_ref(), id, rng) {
                *next_job += 1;
                return Some(Job { id, family: side.family(), task });
            }
        }
        None
    }

    /// Handles the result of a job. That of an earlier place has no effect.
    pub fn handle(&mut self, now: Instant, id: JobId, result: Result<Done, Failure>) {
        let Self { sides, want, rng, .. } = self;
        if let Some(side) = sides.iter_mut().find(|side| side.is_running(id)) {
            side.handle(now, want.as_ref(), result, rng);
        }
    }

    /// Returns the time of the next job; `None` if none is planned, apart from those under way.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.sides.iter().filter_map(|side| side.poll_timeout(self.want.as_ref())).min()
    }

    /// Returns true if no job is under way and no mapping is left, as at the end of a removal.
    pub fn is_idle(&self) -> bool {
        self.sides.iter().all(Side::is_idle)
    }

    /// Returns the state of both families.
    pub fn status(&self, now: Instant) -> Status {
        Status { sides: self.sides.each_ref().map(|side| side.status(Some(now), self.want.as_ref())) }
    }

    /// Returns true if more than times has changed in the status since the last call.
    pub fn take_change(&mut self) -> bool {
        let status =
            Status { sides: self.sides.each_ref().map(|side| side.status(None, self.want.as_ref())) };
        let has_changed = self.reported.as_ref() != Some(&status);
        self.reported = Some(status);
        has_changed
    }

    fn side_mut(&mut self, family: Family) -> &mut Side {
        let [v4, v6] = &mut self.sides;
        match family {
            Family::V4 => v4,
            Family::V6 => v6,
        }
    }
}
