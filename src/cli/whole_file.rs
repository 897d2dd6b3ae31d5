//! Files that appear whole or not at all: written beside their place, then moved there.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::NamedTempFile;

use super::Failure;

/// What a file is written through.
pub(super) trait WriteSeek: Write + Seek {}

impl<W: Write + Seek> WriteSeek for W {}

/// The temporary files that are there, and the folders that were made for files. Whoever holds it begins, moves or
/// removes some; an interrupt does so last.
static UNFINISHED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn unfinished() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    // A panic elsewhere leaves the set as it was.
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes the temporary files, and the folders that are empty then. While the guard is held, no file is begun, and none
/// appears.
pub(super) fn remove_unfinished() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    let unfinished = unfinished();
    // What is in a folder comes after it.
    for path in unfinished.iter().rev() {
        let _ = fs::remove_file(path).or_else(|_| fs::remove_dir(path));
    }
    unfinished
}

/// A file that is complete, but not yet in its place.
pub(super) enum WholeFile {
    Temporary {
        file: Temporary,
        path: PathBuf,
    },
    /// What is no regular file, as a pipe or a device, cannot be replaced.
    Special {
        bytes: Vec<u8>,
        path: PathBuf,
    },
}

/// A file in [`UNFINISHED`], which is removed when this is dropped.
pub(super) struct Temporary(Option<NamedTempFile>);

impl Temporary {
    /// An empty file in the folder of `path`, so that it can be moved to `path` in one step.
    fn beside(path: &Path) -> io::Result<Temporary> {
        let mut unfinished = unfinished();
        let file = temporary_beside(path)?;
        unfinished.insert(file.path().to_path_buf());
        Ok(Temporary(Some(file)))
    }

    fn file(&mut self) -> &mut File {
        let file = self.0.as_mut().expect("it is taken out by its move alone");
        file.as_file_mut()
    }

    /// Moves the file, while `unfinished` is held.
    fn persist(mut self, path: &Path, unfinished: &mut BTreeSet<PathBuf>) -> Result<(), Failure> {
        let Some(file) = self.0.take() else {
            return Ok(());
        };
        unfinished.remove(file.path());
        match file.persist(path) {
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::io(path)(error.error)),
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(file) = self.0.take() {
            let mut unfinished = unfinished();
            unfinished.remove(file.path());
            drop(file);
        }
    }
}

/// Makes a folder for files that will appear, and those around it, where they are missing.
pub(super) fn make_folder(folder: &Path) -> Result<(), Failure> {
    let mut unfinished = unfinished();
    let missing = folder
        .ancestors()
        .filter(|path| !path.as_os_str().is_empty());
    let missing: Vec<PathBuf> = missing
        .take_while(|path| !path.exists())
        .map(Path::to_path_buf)
        .collect();
    if folder.exists() && !folder.is_dir() {
        return Err(Failure::io(folder)(io::Error::other("is no folder")));
    }
    fs::create_dir_all(folder).map_err(Failure::io(folder))?;
    unfinished.extend(missing);
    Ok(())
}

/// Puts files in their places: first what is no regular file and may take its time, then the others with no interrupt
/// between them.
pub(super) fn appear(files: impl IntoIterator<Item = WholeFile>) -> Result<(), Failure> {
    let mut temporary = Vec::new();
    for file in files {
        match file {
            WholeFile::Temporary { file, path } => temporary.push((file, path)),
            WholeFile::Special { bytes, path } => File::options()
                .write(true)
                .open(&path)
                .and_then(|mut file| file.write_all(&bytes))
                .map_err(Failure::io(&path))?,
        }
    }
    let mut unfinished = unfinished();
    // Those that are left after a failure are dropped, which takes the lock, when this one is free again.
    let mut left = temporary.into_iter();
    let moved = left.try_for_each(|(file, path)| file.persist(&path, &mut unfinished));
    drop(unfinished);
    moved
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
        let mut file = Temporary::beside(&path).map_err(&failed)?;
        let mut buffer = BufWriter::new(file.file());
        write(&mut buffer)
            .and_then(|()| buffer.flush())
            .map_err(&failed)?;
        drop(buffer);
        if let Some(found) = existing {
            file.file()
                .set_permissions(found.permissions())
                .map_err(&failed)?;
        }
        Ok(WholeFile::Temporary { file, path })
    }

    /// Puts the file in its place.
    pub(super) fn appear(self) -> Result<(), Failure> {
        appear([self])
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn is_known(path: &Path) -> bool {
        unfinished().contains(path)
    }

    fn write(path: &Path, text: &str) -> WholeFile {
        WholeFile::new(path, |to| to.write_all(text.as_bytes())).unwrap()
    }

    /// Where the file is until it appears.
    fn place(file: &mut WholeFile) -> PathBuf {
        match file {
            WholeFile::Temporary { file, .. } => file.0.as_ref().unwrap().path().to_path_buf(),
            WholeFile::Special { .. } => panic!("it is a regular file"),
        }
    }

    #[test]
    fn temporary_files_are_known_while_they_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let mut dropped = write(&at("dropped"), "text");
        let place_of_dropped = place(&mut dropped);
        assert!(is_known(&place_of_dropped) && place_of_dropped.exists());
        drop(dropped);
        assert!(!is_known(&place_of_dropped) && !place_of_dropped.exists());

        let mut kept = write(&at("kept"), "text");
        let place_of_kept = place(&mut kept);
        kept.appear().unwrap();
        assert!(!is_known(&place_of_kept) && !place_of_kept.exists());
        assert_eq!(fs::read(at("kept")).unwrap(), b"text");

        // The second cannot, the third does not any more; none is left.
        let mut files = ["first", "folder", "third"].map(|name| write(&at(name), name));
        let places = files.each_mut().map(place);
        fs::create_dir_all(at("folder/in it")).unwrap();
        assert!(appear(files).is_err());
        assert!(places.iter().all(|path| !is_known(path) && !path.exists()));
        assert!(at("first").exists() && !at("third").exists());
    }

    #[test]
    fn folders_that_were_made_are_known() {
        let folder = tempfile::tempdir().unwrap();
        let made = folder.path().join("one/two");
        make_folder(&made).unwrap();
        assert!(made.is_dir());
        assert!(is_known(&made) && is_known(made.parent().unwrap()));
        assert!(!is_known(folder.path()));
        // What comes first is what is taken away last.
        let mut temporary = write(&made.join("file"), "");
        assert!(place(&mut temporary) > made && made.as_path() > made.parent().unwrap());
    }
}
