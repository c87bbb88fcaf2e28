//! Tests of the whole policy, with a driver that carries out its effects.
#![allow(clippy::unwrap_used, reason = "tests")]

mod driver;
mod goals;
mod labels;
mod properties;
mod queue;
mod restarts;
mod schedules;
mod seeds;
mod weeks;
mod work;
