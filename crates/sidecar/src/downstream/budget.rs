//! One budget for all bytes that are buffered on behalf of downstream calls, so that memory stays bounded whatever
//! callers and APIs send.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// The bytes that may still be buffered.
#[derive(Clone, Debug)]
pub(crate) struct Budget(Arc<AtomicUsize>);

impl Budget {
    /// A budget of so many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(bytes)))
    }

    /// A share of the budget, empty at first; given back when dropped.
    pub(crate) fn share(&self) -> Share {
        Share { budget: self.clone(), bytes: 0 }
    }
}

/// What one call has taken from the budget.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Budget,
    bytes: usize,
}

impl Share {
    /// Takes more bytes, all or none of them.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), Exhausted> {
        self.budget
            .0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(bytes))
            .map_err(|_| Exhausted)?;
        self.bytes += bytes;
        Ok(())
    }

    /// Gives bytes back before the end.
    pub(crate) fn give_back(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.budget.0.fetch_add(bytes, Ordering::AcqRel);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.give_back(self.bytes);
    }
}

/// The budget is used up by calls in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exhausted;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_never_add_up_to_more_than_the_budget() {
        let budget = Budget::new(10);
        let (mut one, mut two) = (budget.share(), budget.share());
        assert_eq!(one.take(6), Ok(()));
        assert_eq!(two.take(5), Err(Exhausted));
        one.give_back(100);
        assert_eq!(two.take(10), Ok(()));
        assert_eq!(one.take(1), Err(Exhausted));
        drop(two);
        assert_eq!(one.take(10), Ok(()));
    }
}
