//! What a thread keeps between pools: buffers that are neither allocated nor cleared again.

use std::cell::Cell;

use half::{bf16, f16};

/// Something that buffers hold.
pub trait Item: Copy + Default + Send + Sync + 'static {
    /// Runs `work` with `len` items of this thread's buffer number `SLOT`; they are arbitrary.
    fn with_buffer<const SLOT: usize, Y>(len: usize, work: impl FnOnce(&mut [Self]) -> Y) -> Y;
}

/// The buffer of what is folded.
pub(super) const FOLDED: usize = 0;
/// The buffer of rows that are copied before they are folded, and of their borders.
pub(super) const STAGED: usize = 1;

/// The buffer of the shares that divisors are made of.
pub(super) const SHARES: usize = 2;

/// The buffer of input and output in another type.
pub(super) const COPIED: usize = 3;

/// A cache line, in bytes.
const ALIGNMENT: usize = 64;

/// What a buffer may keep, in bytes; what is beyond is given back.
const KEPT_BYTES: usize = 8 << 20;

macro_rules! items {
    ($($type:ty)*) => {
        $(impl Item for $type {
            fn with_buffer<const SLOT: usize, Y>(len: usize, work: impl FnOnce(&mut [Self]) -> Y) -> Y {
                thread_local! {
                    static BUFFERS: [Cell<Vec<$type>>; 4] = const { [const { Cell::new(Vec::new()) }; 4] };
                }
                // Taken, not borrowed: a thread that waits for others may start another pool.
                let mut buffer = BUFFERS.with(|buffers| buffers[SLOT].take());
                let room = len + ALIGNMENT / size_of::<$type>();
                if buffer.len() < room {
                    buffer.resize(room, Default::default());
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
items!(f32 f64 f16 bf16 u8 i8 u16 u64);
