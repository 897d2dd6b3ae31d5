//! The format `.npz` of numpy: a zip archive with a `.npy` file for each array.

use std::io::{self, Cursor, Read, Seek, Write};

use bytes::Bytes;
use linn::Tensor;
use linn::text::{Plain, Quoted, listed};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::npy;

/// How a zip archive begins, with files and without.
pub(super) const MAGIC: [&[u8]; 2] = [b"PK\x03\x04", b"PK\x05\x06"];

/// Why an array could not be read.
#[derive(Debug, PartialEq)]
pub(super) enum NpzError {
    /// The archive or the array in it is broken, or the key is not there.
    Broken(String),
    /// More bytes than the limit would have to be unpacked.
    Limit(String),
}

/// An archive in memory.
pub(super) struct Npz {
    archive: ZipArchive<Cursor<Bytes>>,
    /// The arrays' names, in the order of the archive.
    keys: Vec<String>,
    /// How many more bytes may be unpacked: an archive of a few kilobytes can claim to hold terabytes.
    left: u64,
}

impl Npz {
    /// Opens an archive of which at most `limit` bytes will be unpacked.
    pub(super) fn open(bytes: Bytes, limit: usize) -> Result<Npz, NpzError> {
        let archive = ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
        let keys = archive
            .file_names()
            .filter_map(|name| Some(name.ok()?.strip_suffix(".npy")?.to_string()))
            .collect();
        Ok(Npz {
            archive,
            keys,
            left: limit as u64,
        })
    }

    /// The names of the arrays.
    pub(super) fn keys(&self) -> &[String] {
        &self.keys
    }

    /// The names of the arrays, for a message.
    pub(super) fn listed(&self) -> String {
        listed(self.keys.iter().map(String::as_str))
    }

    /// The array called `key`, which may have numpy's `.npy` behind it.
    pub(super) fn read(&mut self, key: &str) -> Result<Tensor, NpzError> {
        let known = |key: &str| self.keys.iter().any(|known| known == key);
        let key = match key.strip_suffix(".npy") {
            Some(stem) if !known(key) => stem,
            _ => key,
        };
        if !known(key) {
            return Err(NpzError::Broken(format!(
                "no array {}; it holds {}",
                Quoted(key),
                self.listed()
            )));
        }
        let file = self
            .archive
            .by_name(&format!("{key}.npy"))
            .map_err(broken)?;
        let too_large = || {
            NpzError::Limit(format!(
                "array {} unpacks to more than the {} bytes that are left of the memory limit",
                Quoted(key),
                self.left
            ))
        };
        if file.size() > self.left {
            return Err(too_large());
        }
        // What the archive declares need not be true, so what comes out is counted too.
        let mut bytes = Vec::new();
        file.take(self.left + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| NpzError::Broken(format!("array {}: {error}", Quoted(key))))?;
        if bytes.len() as u64 > self.left {
            return Err(too_large());
        }
        self.left -= bytes.len() as u64;
        npy::read(&bytes)
            .map_err(|reason| NpzError::Broken(format!("array {}: {reason}", Quoted(key))))
    }
}

fn broken(error: impl std::fmt::Display) -> NpzError {
    NpzError::Broken(format!("not an .npz file: {}", Plain(&error.to_string())))
}

/// Writes arrays with their names, uncompressed as `numpy.savez` does.
pub(super) fn write<'a>(
    arrays: impl IntoIterator<Item = (&'a str, &'a Tensor)>,
    to: impl Write + Seek,
) -> io::Result<()> {
    let mut archive = ZipWriter::new(to);
    for (name, tensor) in arrays {
        // From 4 GiB on, sizes need the 64-bit form of the format; the header is the slack.
        let large = tensor.bytes() as u64 > u64::from(u32::MAX) - (1 << 16);
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .large_file(large);
        archive.start_file(format!("{name}.npy"), options)?;
        npy::write(tensor, &mut archive)?;
    }
    archive.finish()?.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(data: Vec<f32>) -> Tensor {
        Tensor::new(&[data.len()], data).unwrap()
    }

    fn archive(arrays: &[(&str, &Tensor)]) -> Bytes {
        let mut to = Cursor::new(Vec::new());
        write(arrays.iter().copied(), &mut to).unwrap();
        to.into_inner().into()
    }

    #[test]
    fn arrays_come_back_by_key() {
        let (x, y) = (tensor(vec![1.0, 2.0]), tensor(vec![3.0]));
        let bytes = archive(&[("x", &x), ("/neck/pool:0", &y)]);
        let mut npz = Npz::open(bytes, 1 << 20).unwrap();
        assert_eq!(npz.keys(), ["x", "/neck/pool:0"]);
        assert_eq!(npz.read("x"), Ok(x.clone()));
        assert_eq!(npz.read("x.npy"), Ok(x));
        assert_eq!(npz.read("/neck/pool:0"), Ok(y));
        assert_eq!(
            npz.read("z"),
            Err(NpzError::Broken(
                "no array 'z'; it holds 'x', '/neck/pool:0'".to_string()
            ))
        );
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file("x.npy", SimpleFileOptions::default())
            .unwrap();
        npy::write(&tensor(vec![0.0; 1 << 20]), &mut zip).unwrap();
        let bytes: Bytes = zip.finish().unwrap().into_inner().into();
        assert!(bytes.len() < 1 << 14);
        let reads = |bytes: Bytes, limit| Npz::open(bytes, limit).unwrap().read("x");
        assert!(reads(bytes.clone(), 5 << 20).is_ok());
        assert!(matches!(
            reads(bytes.clone(), 1 << 20),
            Err(NpzError::Limit(_))
        ));

        // The same with a declared size of 8 bytes, in the local and in the central header.
        let mut lying = bytes.to_vec();
        let size = ((4u32 << 20) + 128).to_le_bytes();
        let places: Vec<usize> = (0..lying.len() - 4)
            .filter(|&at| lying[at..at + 4] == size)
            .collect();
        assert!(!places.is_empty());
        for at in places {
            lying[at..at + 4].copy_from_slice(&8u32.to_le_bytes());
        }
        assert!(reads(lying.into(), 1 << 20).is_err());
    }

    #[test]
    fn broken_archives_are_errors() {
        let bytes = archive(&[("x", &tensor(vec![1.0, 2.0]))]);
        for len in 0..bytes.len() {
            let opened = Npz::open(bytes.slice(..len), 1 << 20);
            assert!(opened.and_then(|mut npz| npz.read("x")).is_err());
        }
        for at in 0..bytes.len() {
            let mut changed = bytes.to_vec();
            changed[at] ^= 0xff;
            let _ = Npz::open(changed.into(), 1 << 20).and_then(|mut npz| npz.read("x"));
        }
    }
}
