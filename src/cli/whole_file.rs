//! Files that appear whole or not at all: written beside their place, then moved there.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::Failure;

/// What a file is written through.
pub(super) trait WriteSeek: Write + Seek {}

impl<W: Write + Seek> WriteSeek for W {}

/// A file that is complete, but not yet in its place.
pub(super) enum WholeFile {
    Temporary {
        file: NamedTempFile,
        path: PathBuf,
    },
    /// What is no regular file, as a pipe or a device, cannot be replaced.
    Special {
        bytes: Vec<u8>,
        path: PathBuf,
    },
}

impl WholeFile {
    /// What `write` writes, to appear at `path`, with the permissions of a file that is there already.
    pub(super) fn new(
        path: &Path,
        write: impl FnOnce(&mut dyn WriteSeek) -> io::Result<()>,
    ) -> Result<WholeFile, Failure> {
        let failed = Failure::io(path);
        // A link stays a link: the file that it points to is replaced.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let existing = fs::metadata(&path).ok();
        if existing.as_ref().is_some_and(|found| !found.is_file()) {
            let mut bytes = io::Cursor::new(Vec::new());
            write(&mut bytes).map_err(failed)?;
            return Ok(WholeFile::Special {
                bytes: bytes.into_inner(),
                path,
            });
        }
        let mut file = temporary_beside(&path).map_err(&failed)?;
        let mut buffer = BufWriter::new(file.as_file_mut());
        write(&mut buffer)
            .and_then(|()| buffer.flush())
            .map_err(&failed)?;
        drop(buffer);
        if let Some(found) = existing {
            file.as_file()
                .set_permissions(found.permissions())
                .map_err(&failed)?;
        }
        Ok(WholeFile::Temporary { file, path })
    }

    /// Puts the file in its place.
    pub(super) fn appear(self) -> Result<(), Failure> {
        match self {
            WholeFile::Temporary { file, path } => match file.persist(&path) {
                Ok(_) => Ok(()),
                Err(error) => Err(Failure::io(&path)(error.error)),
            },
            WholeFile::Special { bytes, path } => File::options()
                .write(true)
                .open(&path)
                .and_then(|mut file| file.write_all(&bytes))
                .map_err(Failure::io(&path)),
        }
    }
}

/// An empty file in the folder of `path`, so that it can be moved to `path` in one step.
fn temporary_beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".linn-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As for any new file; the user's umask takes away from it.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    // The crate's text names the temporary file, which says nothing to a user.
    builder
        .tempfile_in(folder)
        .map_err(|error| match error.kind() {
            kind @ io::ErrorKind::NotFound if !folder.exists() => {
                io::Error::new(kind, "its folder does not exist")
            }
            kind => io::Error::from(kind),
        })
}
