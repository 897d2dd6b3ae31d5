//! The elements of a tensor as bytes: in memory, or in a file that is read as they are decoded.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::allocate;
use crate::error::OpError;
use crate::stop;

/// Where they are.
pub(super) enum Stored {
    Memory(Bytes),
    /// A part of a file, which had as many bytes when it was looked at.
    File(Arc<File>, Range<u64>),
}

/// Bytes of a file that are read at once; whole elements of any type.
const BLOCK: usize = 1 << 16;

impl Stored {
    pub(super) fn len(&self) -> usize {
        match self {
            Stored::Memory(bytes) => bytes.len(),
            Stored::File(_, range) => (range.end - range.start) as usize,
        }
    }

    /// Calls `take` with all bytes, block by block.
    ///
    /// # Errors
    /// The file cannot be read, the work is to stop, or what `take` fails with.
    pub(super) fn each_block(
        &self,
        mut take: impl FnMut(&[u8]) -> Result<(), OpError>,
    ) -> Result<(), OpError> {
        let (file, range) = match self {
            Stored::Memory(bytes) => return take(bytes),
            Stored::File(file, range) => (file, range),
        };
        let fail = |error| OpError::invalid("", format!("cannot be read: {error}"));
        let mut file = &**file;
        file.seek(SeekFrom::Start(range.start)).map_err(fail)?;
        let mut left = self.len();
        let mut block = allocate::filled(0, BLOCK.min(left));
        while left > 0 {
            stop::check()?;
            let block = &mut block[..BLOCK.min(left)];
            file.read_exact(block).map_err(fail)?;
            take(block)?;
            left -= block.len();
        }
        Ok(())
    }
}

/// Raw data of initializers that have been left in the file of their model, by the number of the initializer.
#[derive(Debug, Default)]
pub(crate) struct Left {
    file: Option<Arc<File>>,
    places: HashMap<usize, Range<u64>>,
}

impl Left {
    pub(super) fn new(file: File, places: HashMap<usize, Range<u64>>) -> Left {
        Left {
            file: Some(Arc::new(file)),
            places,
        }
    }

    pub(super) fn of(&self, number: usize) -> Option<Stored> {
        let range = self.places.get(&number)?.clone();
        Some(Stored::File(self.file.clone()?, range))
    }
}
