//! Buffers that a thread keeps, so that kernels which run again and again neither allocate nor clear what they need
//! beside input and output.

use std::cell::Cell;

use half::{bf16, f16};

/// Something that buffers hold.
pub trait Item: Copy + Default + Send + Sync + 'static {
    /// Runs `work` with `len` items of this thread's buffer number `SLOT`; they are arbitrary. Small ones are kept for the
    /// next call, large ones are given back. Within [`attempt`](crate::allocate::attempt).
    fn with_buffer<const SLOT: usize, Y>(len: usize, work: impl FnOnce(&mut [Self]) -> Y) -> Y;
}

// One number for each buffer that is lent together with others of the same type.

/// What a pool folds.
pub(crate) const FOLDED: usize = 0;
/// Rows that are copied before they are folded, and their borders.
pub(crate) const STAGED: usize = 1;
/// The shares that the divisors of a pool are made of.
pub(crate) const SHARES: usize = 2;
/// The input and the output of a pool in another type.
pub(crate) const COPIED: usize = 3;
/// The panels of a left matrix.
pub(crate) const LEFT: usize = 0;
/// The panels of a right matrix.
pub(crate) const RIGHT: usize = 1;
/// The planes that a convolution reads, sorted, or rows of them.
pub(crate) const SORTED: usize = 2;
/// Sums of windows, or products of tiles.
pub(crate) const SUMS: usize = 3;

/// How many there are of each type.
const SLOTS: usize = 4;

/// A cache line, in bytes.
pub(crate) const ALIGNMENT: usize = 64;

/// The most that a buffer may keep, in bytes.
const KEPT_BYTES: usize = 32 << 20;

macro_rules! items {
    ($($type:ty)*) => {
        $(impl Item for $type {
            fn with_buffer<const SLOT: usize, Y>(len: usize, work: impl FnOnce(&mut [Self]) -> Y) -> Y {
                thread_local! {
                    static BUFFERS: [Cell<Vec<$type>>; SLOTS] =
                        const { [const { Cell::new(Vec::new()) }; SLOTS] };
                }
                // Taken, not borrowed: a thread that waits for others may do other work meanwhile.
                let mut buffer = BUFFERS.with(|buffers| buffers[SLOT].take());
                let room = len + ALIGNMENT / size_of::<$type>();
                if buffer.len() < room {
                    // What it holds need not be copied, nor kept meanwhile.
                    drop(std::mem::take(&mut buffer));
                    buffer = crate::allocate::filled(Default::default(), room);
                }
                // A vector that lies across two cache lines takes twice as long.
                let first = buffer.as_ptr().align_offset(ALIGNMENT).min(room - len);
                let result = work(&mut buffer[first..first + len]);
                if buffer.len() * size_of::<$type>() <= KEPT_BYTES {
                    BUFFERS.with(|buffers| buffers[SLOT].set(buffer));
                }
                result
            }
        })*
    };
}
items!(f32 f64 f16 bf16 u8 i8 u16 i32 i64 u32 u64);
