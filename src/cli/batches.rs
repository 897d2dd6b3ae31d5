//! Many values of a model, a few at a time, so that they need not be held all at once.

/// Bytes of values that are held at the same time; one value may have more.
const BATCH_BYTES: usize = 1 << 28;

/// Cuts a list of values into parts: the first one by itself, then as many again as fit, going by those just seen.
pub(super) struct Batches<'n> {
    rest: &'n [&'n str],
    count: usize,
}

impl<'n> Batches<'n> {
    pub(super) fn new(names: &'n [&'n str]) -> Batches<'n> {
        Batches {
            rest: names,
            count: 1,
        }
    }

    /// The next values, if there are any left.
    pub(super) fn next(&mut self) -> Option<&'n [&'n str]> {
        let (batch, rest) = self.rest.split_at(self.count.min(self.rest.len()));
        self.rest = rest;
        (!batch.is_empty()).then_some(batch)
    }

    /// Says how many bytes `batch` took.
    pub(super) fn saw(&mut self, batch: &[&str], bytes: usize) {
        let each = (bytes / batch.len().max(1)).max(1);
        self.count = (2 * self.count).min(BATCH_BYTES / each).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_grow_while_values_are_small() {
        let names = ["x"; 20];
        let mut batches = Batches::new(&names);
        let mut lens = Vec::new();
        for bytes in [100, 200, BATCH_BYTES, 4, 0] {
            let Some(batch) = batches.next() else { break };
            lens.push(batch.len());
            batches.saw(batch, bytes);
        }
        assert_eq!(lens, [1, 2, 4, 4, 8]);
        assert_eq!(batches.next().map(<[_]>::len), Some(1));
        assert!(batches.next().is_none());
    }
}
