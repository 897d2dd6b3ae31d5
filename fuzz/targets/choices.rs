//! Bytes as choices, one after the other. Where they end, every further choice is the first one.

/// What is left of an input.
pub(crate) struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Choices<'a> {
        Choices(data)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.0.split_off_first().copied().unwrap_or(0)
    }

    /// A number below `end`, which is at most 256.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    /// A number from `first` to `last`, at most 256 of them.
    pub(crate) fn range(&mut self, first: i64, last: i64) -> i64 {
        first + self.below((last - first + 1) as usize) as i64
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.below(2) == 1
    }

    /// True once in `count`, and not at the end of the bytes.
    pub(crate) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == count - 1
    }

    pub(crate) fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }

    /// So many numbers from `first` to `last`.
    pub(crate) fn list(&mut self, len: usize, first: i64, last: i64) -> Vec<i64> {
        (0..len).map(|_| self.range(first, last)).collect()
    }

    /// A whole number that is rather small, or at an edge of its type or of a part of it.
    pub(crate) fn odd_number(&mut self) -> i64 {
        const EDGES: [i64; 16] = [
            i64::MIN,
            i64::MIN + 1,
            i32::MIN as i64,
            -1,
            1 << 16,
            1 << 24,
            i32::MAX as i64,
            1 << 31,
            u32::MAX as i64,
            1 << 32,
            1 << 40,
            1 << 61,
            1 << 62,
            (1 << 62) + 1,
            i64::MAX - 1,
            i64::MAX,
        ];
        match self.byte() {
            small @ 0..160 => i64::from(small % 20),
            larger @ 160..200 => i64::from(larger - 150) * 7,
            edge @ 200..250 => EDGES[usize::from(edge) % EDGES.len()],
            _ => i64::from_le_bytes(std::array::from_fn(|_| self.byte())),
        }
    }
}
