//! Summary of several runs in a few numbers.

/// Median and range of several values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) count: usize,
}

impl Spread {
    /// Summarizes values; `None` if there are none.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (&min, &max) = (values.first()?, values.last()?);
        let middle = values.len() / 2;
        let median =
            if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 };
        Some(Self { median, min, max, count: values.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_of_values_has_their_median_and_range() {
        let spread = |values: &[f64]| Spread::of(values.iter().copied());
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[2.0]), Some(Spread { median: 2.0, min: 2.0, max: 2.0, count: 1 }));
        assert_eq!(spread(&[9.0, 1.0]), Some(Spread { median: 5.0, min: 1.0, max: 9.0, count: 2 }));
        assert_eq!(spread(&[3.0, 100.0, 1.0]), Some(Spread { median: 3.0, min: 1.0, max: 100.0, count: 3 }));
    }
}
