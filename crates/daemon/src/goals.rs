//! Conversion of goals between front ends and the policy.

use crate::error::DaemonError;
use ztor_api as api;
use ztor_base::Duration;
use ztor_policy::{Goal, GoalAction, Goals, Ratio};

/// Largest ratio, which is kept in thousandths.
const MAX_RATIO: f64 = 4_000_000.0;
/// Longest time in seconds: 1,000 years.
const MAX_S: f64 = 31_556_952_000.0;

/// Returns the goals for the policy.
pub(crate) fn goals_of(goals: &api::Goals) -> Result<Goals, DaemonError> {
    Ok(Goals {
        ratio: goal_of(goals.ratio, "ratio", MAX_RATIO, |ratio| {
            Ratio::from_thousandths((ratio * 1000.0).ceil() as u32)
        })?,
        seeding_time: goal_of(goals.seeding_s, "seeding_s", MAX_S, time_of)?,
        idle_time: goal_of(goals.idle_s, "idle_s", MAX_S, time_of)?,
        action: goals.action.map(|action| match action {
            api::GoalAction::Remove => GoalAction::Remove,
            api::GoalAction::RemoveWithData => GoalAction::RemoveWithData,
            _ => GoalAction::Stop,
        }),
    })
}

fn time_of(seconds: f64) -> Duration {
    Duration::from_secs(seconds.ceil() as u64)
}

fn goal_of<T>(goal: api::Goal, name: &str, max: f64, make: fn(f64) -> T) -> Result<Goal<T>, DaemonError> {
    match goal {
        api::Goal::Inherit => Ok(Goal::Inherit),
        api::Goal::Unlimited => Ok(Goal::Unlimited),
        api::Goal::At(value) if (0.0..=max).contains(&value) => Ok(Goal::At(make(value))),
        api::Goal::At(value) => {
            Err(DaemonError::BadValue(format!("cannot use the goal {name} = {value}: give 0 to {max}")))
        }
    }
}

/// Returns the goals for front ends.
pub(crate) fn to_api(goals: Goals) -> api::Goals {
    let seconds = |time: Duration| time.as_secs() as f64;
    api::Goals {
        ratio: to_goal(goals.ratio, |ratio| f64::from(ratio.as_thousandths()) / 1000.0),
        seeding_s: to_goal(goals.seeding_time, seconds),
        idle_s: to_goal(goals.idle_time, seconds),
        action: goals.action.map(|action| match action {
            GoalAction::Remove => api::GoalAction::Remove,
            GoalAction::RemoveWithData => api::GoalAction::RemoveWithData,
            GoalAction::Stop | GoalAction::SuperSeed => api::GoalAction::Stop,
        }),
    }
}

fn to_goal<T>(goal: Goal<T>, value: impl Fn(T) -> f64) -> api::Goal {
    match goal {
        Goal::Inherit => api::Goal::Inherit,
        Goal::Unlimited => api::Goal::Unlimited,
        Goal::At(at) => api::Goal::At(value(at)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn goals_round_trip_and_values_out_of_range_are_errors() {
        let goals = api::Goals {
            ratio: api::Goal::At(1.5),
            seeding_s: api::Goal::Unlimited,
            idle_s: api::Goal::At(60.0),
            action: Some(api::GoalAction::Remove),
        };
        assert_eq!(to_api(goals_of(&goals).unwrap()), goals);
        for value in [-1.0, f64::NAN, f64::INFINITY, 5e6] {
            let goals = api::Goals { ratio: api::Goal::At(value), ..goals };
            assert!(goals_of(&goals).is_err(), "{value}");
        }
    }
}
