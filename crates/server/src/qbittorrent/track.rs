//! Numbers of answers, by which a client says what it knows.

/// Largest number of an answer; 1 follows it. 0 stands for a client that knows nothing.
const MAX_RID: u32 = 1_000_000;

/// The last answer to a client, and the one before it that the client had.
#[derive(Debug)]
pub(crate) struct Track<S> {
    /// The answer that the client had when it asked for the last one.
    accepted: Option<(u32, S)>,
    sent: Option<(u32, S)>,
}

impl<S> Default for Track<S> {
    fn default() -> Self {
        Self { accepted: None, sent: None }
    }
}

impl<S: Clone> Track<S> {
    /// Records an answer with the `present` state to a client that has the answer `rid`. Returns the number of the answer,
    /// and the state that the client has; `None` if that is unknown, so that it needs everything.
    ///
    /// An answer that was lost is sent again with what has changed since.
    pub(crate) fn answer(&mut self, rid: u32, present: S) -> (u32, Option<S>) {
        let last = self.sent.as_ref().map_or(0, |(last, _)| *last);
        if rid != 0 && rid == last {
            self.accepted = self.sent.take();
        }
        let known = self.accepted.as_ref().filter(|(accepted, _)| rid != 0 && *accepted == rid);
        let known = known.map(|(_, state)| state.clone());
        if known.is_none() {
            self.accepted = None;
        }
        let next = last % MAX_RID + 1;
        self.sent = Some((next, present));
        (next, known)
    }

    /// Continues after an answer, for tests.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn after(rid: u32, state: S) -> Self {
        Self { accepted: None, sent: Some((rid, state)) }
    }
}

/// Returns the number in a parameter; 0 for anything else.
pub(super) fn rid_of(value: Option<i64>) -> u32 {
    value.and_then(|value| u32::try_from(value).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_goes_on_from_the_last_or_the_one_before() {
        let mut track = Track::default();
        assert_eq!(track.answer(0, 'a'), (1, None));
        assert_eq!(track.answer(1, 'b'), (2, Some('a')));
        // The second answer was lost.
        assert_eq!(track.answer(1, 'c'), (3, Some('a')));
        assert_eq!(track.answer(1, 'd'), (4, Some('a')));
        assert_eq!(track.answer(4, 'e'), (5, Some('d')));
        // Two answers back is unknown.
        assert_eq!(track.answer(1, 'f'), (6, None));
        assert_eq!(track.answer(4, 'g'), (7, None));
        assert_eq!(track.answer(7, 'h'), (8, Some('g')));
        assert_eq!(track.answer(0, 'i'), (9, None));
    }

    #[test]
    fn numbers_wrap_to_one() {
        let mut track = Track::after(MAX_RID - 1, 'a');
        assert_eq!(track.answer(MAX_RID - 1, 'b'), (MAX_RID, Some('a')));
        assert_eq!(track.answer(MAX_RID, 'c'), (1, Some('b')));
        assert_eq!(track.answer(1, 'd'), (2, Some('c')));
        assert_eq!(rid_of(Some(-1)), 0);
        assert_eq!(rid_of(Some(i64::MAX)), 0);
    }
}
