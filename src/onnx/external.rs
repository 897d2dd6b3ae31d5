//! External data: tensor elements in files beside the model.
//!
//! A location is a relative path of plain names, every one of them a real folder and the last a regular
//! file: no devices or pipes, and no links unless they lead beneath a folder that the caller has named, so that a
//! model reads nothing outside its own folder and that one.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::proto::TensorProto;
use super::stored::Stored;
use crate::error::{OpError, Quoted, Remedy};

/// Where external data come from: the memory of the caller, and the folder of the model if it came from one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Folder {
    path: Option<PathBuf>,
    /// The folder that links may lead into.
    root: Option<PathBuf>,
    /// By location; what is here is not looked for in the folder.
    memory: BTreeMap<String, Bytes>,
}

impl Folder {
    /// Nowhere: there are no external data.
    pub(crate) fn none() -> Folder {
        Folder::default()
    }

    /// The folder that holds the model file `model`, if it came from one, and may have links to files beneath
    /// `root`; before it, what `memory` has.
    pub(crate) fn of(
        model: Option<&Path>,
        root: Option<&Path>,
        memory: &BTreeMap<String, Bytes>,
    ) -> Folder {
        let folder = |model: &Path| model.parent().map(Path::to_path_buf).unwrap_or_default();
        Folder {
            path: model.map(folder),
            root: root.map(Path::to_path_buf),
            memory: memory.clone(),
        }
    }

    /// The `wanted` bytes that the external data of `tensor` describe.
    pub(super) fn find(&self, tensor: &TensorProto, wanted: usize) -> Result<Stored, OpError> {
        let entries = Entries::parse(tensor)?;
        let location = Quoted(entries.location).to_string();
        let fail =
            |reason: String| OpError::invalid("external data", format!("{location} {reason}"));
        if let Some(length) = entries.length
            && length != wanted as u64
        {
            return Err(fail(format!(
                "has length {length}, its type and dimensions need {wanted} bytes"
            )));
        }
        let enough = |available: Option<u64>, bytes: u64| match available {
            Some(available) if available >= wanted as u64 => Ok(()),
            Some(available) => Err(fail(format!(
                "has {available} bytes from offset {}, {wanted} are needed",
                entries.offset
            ))),
            None => Err(fail(format!(
                "has {bytes} bytes, the offset is {}",
                entries.offset
            ))),
        };
        if let Some(data) = self.memory.get(entries.location) {
            let bytes = data.len() as u64;
            enough(bytes.checked_sub(entries.offset), bytes)?;
            let offset = entries.offset as usize;
            return Ok(Stored::Memory(data.slice(offset..offset + wanted)));
        }
        let Some(folder) = &self.path else {
            return Err(fail(
                "cannot be read: the model was not loaded from a file".to_string(),
            ));
        };
        let path =
            contained(folder, self.root.as_deref(), entries.location).map_err(|refusal| {
                match refusal {
                    Refusal::Link(reason) => {
                        fail(reason.to_string()).with(Remedy::ExternalDataRoot)
                    }
                    Refusal::Other(reason) => fail(reason),
                }
            })?;
        let file = File::open(path).map_err(|error| fail(error.to_string()))?;
        let metadata = file.metadata().map_err(|error| fail(error.to_string()))?;
        if !metadata.is_file() {
            return Err(fail("is not a regular file".to_string()));
        }
        let bytes = metadata.len();
        enough(bytes.checked_sub(entries.offset), bytes)?;
        let end = entries.offset + wanted as u64;
        Ok(Stored::File {
            file: Arc::new(file),
            range: entries.offset..end,
            location: Some(entries.location.to_string()),
        })
    }
}

/// The keys of `TensorProto.external_data`.
struct Entries<'a> {
    location: &'a str,
    offset: u64,
    length: Option<u64>,
}

impl Entries<'_> {
    fn parse(tensor: &TensorProto) -> Result<Entries<'_>, OpError> {
        let fail = |reason: String| OpError::invalid("external data", reason);
        let (mut location, mut offset, mut length, mut checksum) = (None, None, None, None);
        for entry in &tensor.external_data {
            let slot = match entry.key.as_str() {
                "location" => &mut location,
                "offset" => &mut offset,
                "length" => &mut length,
                "checksum" => &mut checksum,
                other => return Err(fail(format!("has the unknown key {}", Quoted(other)))),
            };
            if slot.replace(entry.value.as_str()).is_some() {
                return Err(fail(format!("has the key '{}' twice", entry.key)));
            }
        }
        let number = |name: &str, value: Option<&str>| {
            value
                .map(|value| {
                    value.parse::<u64>().map_err(|_| {
                        fail(format!(
                            "has the {name} {}, must be a number of bytes",
                            Quoted(value)
                        ))
                    })
                })
                .transpose()
        };
        Ok(Entries {
            location: location.ok_or_else(|| fail("has no location".to_string()))?,
            offset: number("offset", offset)?.unwrap_or(0),
            length: number("length", length)?,
        })
    }
}

/// Why a location is not read.
enum Refusal {
    /// It is behind a link.
    Link(&'static str),
    Other(String),
}

impl From<&str> for Refusal {
    fn from(reason: &str) -> Refusal {
        Refusal::Other(reason.to_string())
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Refusal {
        Refusal::Other(error.to_string())
    }
}

/// The path of `location` beneath `folder`, reached through real folders only, or where links lead beneath `root`.
fn contained(folder: &Path, root: Option<&Path>, location: &str) -> Result<PathBuf, Refusal> {
    if location.is_empty() {
        return Err("is an empty location".into());
    }
    let plain = !location.contains(['\0', '\\'])
        && Path::new(location)
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !plain {
        return Err("is not a relative path inside the model's folder".into());
    }
    let mut path = match folder.as_os_str().is_empty() {
        true => PathBuf::from("."),
        false => folder.to_path_buf(),
    };
    let (mut is_file, mut is_link) = (false, false);
    for part in Path::new(location).components() {
        let Component::Normal(name) = part else {
            continue;
        };
        path.push(name);
        let kind = path.symlink_metadata()?.file_type();
        is_link |= kind.is_symlink();
        if is_link && root.is_none() {
            return Err(Refusal::Link(
                "is reached through a link, which could lead out of the model's folder",
            ));
        }
        is_file = kind.is_file();
    }
    if let (true, Some(root)) = (is_link, root) {
        return linked(&path, root);
    }
    match is_file {
        true => Ok(path),
        false => Err("is not a regular file".into()),
    }
}

/// The file that `path` leads to through links, if it is beneath `root`.
fn linked(path: &Path, root: &Path) -> Result<PathBuf, Refusal> {
    let (target, root) = (path.canonicalize()?, root.canonicalize()?);
    if !target.starts_with(root) {
        return Err(Refusal::Link(
            "is reached through a link that leads out of the folder that links may lead into",
        ));
    }
    // A pipe or a device must not even be opened.
    match target.is_file() {
        true => Ok(target),
        false => Err("is not a regular file".into()),
    }
}
