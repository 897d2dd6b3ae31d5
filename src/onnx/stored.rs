//! The elements of a tensor as bytes: in memory, or in a file that is read as they are decoded.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::allocate;
use crate::error::{OpError, Quoted};
use crate::stop;

/// Where they are.
pub(super) enum Stored {
    Memory(Bytes),
    /// A part of a file, which had as many bytes when it was looked at.
    File {
        file: Arc<File>,
        range: Range<u64>,
        /// Its name in the model, if it is not that of the model.
        location: Option<String>,
    },
}

/// Bytes of a file that are read at once; whole elements of any type.
const BLOCK: usize = 1 << 16;

impl Stored {
    pub(super) fn len(&self) -> usize {
        match self {
            Stored::Memory(bytes) => bytes.len(),
            Stored::File { range, .. } => (range.end - range.start) as usize,
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
        let (file, range, location) = match self {
            Stored::Memory(bytes) => {
                for block in bytes.chunks(BLOCK) {
                    stop::check()?;
                    take(block)?;
                }
                return Ok(());
            }
            Stored::File {
                file,
                range,
                location,
            } => (file, range, location),
        };
        let fail = |error| match location {
            Some(location) => {
                let reason = format!("{} cannot be read: {error}", Quoted(location));
                OpError::invalid("external data", reason)
            }
            None => OpError::invalid("", format!("cannot be read from the model's file: {error}")),
        };
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

/// Raw data of initializers that are still in the file of their model, by the number of the initializer.
#[derive(Debug, Default)]
pub(crate) struct InFile {
    file: Option<Arc<File>>,
    places: HashMap<usize, Range<u64>>,
}

impl InFile {
    pub(super) fn new(file: File, places: HashMap<usize, Range<u64>>) -> InFile {
        InFile {
            file: Some(Arc::new(file)),
            places,
        }
    }

    pub(super) fn of(&self, number: usize) -> Option<Stored> {
        let range = self.places.get(&number)?.clone();
        Some(Stored::File {
            file: self.file.clone()?,
            range,
            location: None,
        })
    }
}
