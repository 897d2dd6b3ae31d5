//! Where outputs go: files, a folder, stdout. All of them are complete before the first one appears.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use linn::text::{Quoted, listed};
use linn::{Tensor, write_tensor};

use super::whole_file::{self, WholeFile};
use super::{Failure, npy, npz, print_with, tensor_json};

/// A `[NAME=]SINK` of the command line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sink {
    /// The value that goes there; `None` for the outputs of the model.
    name: Option<String>,
    target: Target,
}

#[derive(Clone, Debug, PartialEq)]
enum Target {
    File(PathBuf, Format),
    Folder(PathBuf),
    Stdout,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Format {
    Npy,
    Npz,
    Pb,
    Json,
}

impl Sink {
    /// The sink that a text stands for. What is before the first `=` is the name of a value, unless one
    /// of `known` reaches further; nothing before it is no name.
    pub(super) fn parse(text: &str, known: &[&str]) -> Result<Sink, String> {
        let splits = text
            .match_indices('=')
            .map(|(at, _)| (&text[..at], &text[at + 1..]));
        let split = splits
            .clone()
            .find(|(name, _)| known.contains(name))
            .or_else(|| splits.clone().next());
        let (name, target) = match split {
            Some(("", target)) => (None, target),
            Some((name, target)) => (Some(name.to_string()), target),
            None => (None, text),
        };
        let target = Target::parse(target).ok_or_else(|| {
            format!(
                "{} is no sink: must be a file .npy, .npz, .pb or .json, a folder (with / at its end), or - for \
                 stdout",
                Quoted(target)
            )
        })?;
        Ok(Sink { name, target })
    }
}

impl Target {
    fn parse(text: &str) -> Option<Target> {
        if text == "-" {
            return Some(Target::Stdout);
        }
        if text.ends_with('/') || Path::new(text).is_dir() {
            return Some(Target::Folder(text.into()));
        }
        let format = match Path::new(text)
            .extension()?
            .to_str()?
            .to_ascii_lowercase()
            .as_str()
        {
            "npy" => Format::Npy,
            "npz" => Format::Npz,
            "pb" => Format::Pb,
            "json" => Format::Json,
            _ => return None,
        };
        Some(Target::File(text.into(), format))
    }
}

/// Which values go into which files, checked before anything is computed.
#[derive(Debug)]
pub(super) struct Plan {
    files: Vec<Planned>,
    stdout: Option<String>,
    folders: Vec<PathBuf>,
}

#[derive(Debug)]
struct Planned {
    path: PathBuf,
    format: Format,
    names: Vec<String>,
}

impl Plan {
    /// The plan for a model with these outputs.
    pub(super) fn new(sinks: &[Sink], outputs: &[&str]) -> Result<Plan, Failure> {
        let mut plan = Plan {
            files: Vec::new(),
            stdout: None,
            folders: Vec::new(),
        };
        for Sink { name, target } in sinks {
            let names = match name {
                Some(name) => vec![name.as_str()],
                None => outputs.to_vec(),
            };
            match target {
                Target::Stdout if plan.stdout.is_some() => {
                    return Err(Failure::Usage("two outputs go to stdout".to_string()));
                }
                Target::Stdout => plan.stdout = Some(only(&names, "-")?.to_string()),
                Target::Folder(folder) => {
                    plan.folders.push(folder.clone());
                    for name in names {
                        plan.add(folder.join(file_name(name)), Format::Npy, &[name]);
                    }
                }
                Target::File(path, Format::Npz) => plan.add(path.clone(), Format::Npz, &names),
                Target::File(path, format) => {
                    let name = only(&names, &path.to_string_lossy())?;
                    plan.add(path.clone(), *format, &[name]);
                }
            }
        }
        plan.check_collisions()?;
        Ok(plan)
    }

    fn add(&mut self, path: PathBuf, format: Format, names: &[&str]) {
        self.files.push(Planned {
            path,
            format,
            names: names.iter().map(|name| name.to_string()).collect(),
        });
    }

    fn check_collisions(&self) -> Result<(), Failure> {
        let mut seen: BTreeMap<PathBuf, &Planned> = BTreeMap::new();
        for planned in &self.files {
            if let Some(other) = seen.insert(identity(&planned.path), planned) {
                let mut names: Vec<&str> = Vec::new();
                for name in other.names.iter().chain(&planned.names) {
                    if !names.contains(&name.as_str()) {
                        names.push(name);
                    }
                }
                return Err(Failure::Usage(format!(
                    "{} would be written twice: for {}",
                    Quoted(&planned.path.to_string_lossy()),
                    listed(names.into_iter())
                )));
            }
        }
        Ok(())
    }

    /// Checks that a file which appears with these can, and is none of them.
    pub(super) fn check_other(&self, path: &Path) -> Result<(), Failure> {
        let shown = path.to_string_lossy();
        if path.is_dir() {
            return Err(Failure::Usage(format!("{} is a folder", Quoted(&shown))));
        }
        let same = |planned: &&Planned| identity(&planned.path) == identity(path);
        match self.files.iter().find(same) {
            None => Ok(()),
            Some(planned) => Err(Failure::Usage(format!(
                "{} would be written twice, once for {}",
                Quoted(&shown),
                listed(planned.names.iter().map(String::as_str))
            ))),
        }
    }

    /// Every value that goes somewhere.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let in_files = self.files.iter().flat_map(|planned| &planned.names);
        in_files.chain(&self.stdout).map(String::as_str)
    }

    /// Whether nothing goes anywhere.
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.stdout.is_none()
    }

    /// Whether a tensor goes to stdout.
    pub(super) fn uses_stdout(&self) -> bool {
        self.stdout.is_some()
    }

    /// Writes everything: all files are complete before the first one is moved to its place.
    pub(super) fn write<'a>(
        &self,
        find: impl Fn(&str) -> Option<&'a Tensor>,
    ) -> Result<(), Failure> {
        self.write_with(None, find)
    }

    /// As [`Plan::write`], and another file with these.
    pub(super) fn write_with<'a>(
        &self,
        other: Option<WholeFile>,
        find: impl Fn(&str) -> Option<&'a Tensor>,
    ) -> Result<(), Failure> {
        let found = |name: &String| -> Result<(String, &'a Tensor), Failure> {
            let missing = || Failure::Input(format!("no value {}", Quoted(name)));
            Ok((name.clone(), find(name).ok_or_else(missing)?))
        };
        for folder in &self.folders {
            whole_file::make_folder(folder)?;
        }
        let mut ready = Vec::new();
        for planned in &self.files {
            let tensors: Vec<_> = planned.names.iter().map(found).collect::<Result<_, _>>()?;
            ready.push(whole(planned, &tensors)?);
        }
        whole_file::appear(ready.into_iter().chain(other))?;
        if let Some(name) = &self.stdout {
            let (name, tensor) = found(name)?;
            print_with(|to| tensor_json::write(&name, tensor, to))?;
        }
        Ok(())
    }
}

/// The one value that a sink for one tensor takes.
fn only<'a>(names: &[&'a str], sink: &str) -> Result<&'a str, Failure> {
    match names {
        [name] => Ok(name),
        _ => {
            let failure = Failure::Usage(format!(
                "{} takes one tensor, the model has {} outputs: {}",
                Quoted(sink),
                names.len(),
                listed(names.iter().copied())
            ));
            Err(failure.help(
                "say which one, as -o NAME=SINK, or write all of them to an .npz file or a folder",
            ))
        }
    }
}

/// The name of a value as that of a file.
fn file_name(name: &str) -> String {
    file_stem(name) + ".npy"
}

/// The name of a value as that of a file without its ending.
pub(super) fn file_stem(name: &str) -> String {
    let kept = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let mut stem: String = name
        .chars()
        .map(|c| if kept(c) { c } else { '_' })
        .collect();
    if stem.bytes().all(|byte| byte == b'.') {
        // Also the empty name. A stem of dots alone would be hidden, or the folder above.
        stem = "_".repeat(stem.len().max(1));
    }
    stem
}

/// A path that is equal for equal files, as far as their folder exists.
fn identity(path: &Path) -> PathBuf {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    match (folder.canonicalize(), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.components().collect(),
    }
}

/// The file of some tensors, complete but not yet in its place.
fn whole(planned: &Planned, tensors: &[(String, &Tensor)]) -> Result<WholeFile, Failure> {
    if let Format::Npy | Format::Npz = planned.format {
        for (name, tensor) in tensors {
            npy::check(tensor.dtype())
                .map_err(|reason| Failure::Usage(format!("{}: {reason}", Quoted(name))))?;
        }
    }
    WholeFile::new(&planned.path, |mut to| {
        encode(planned.format, tensors, &mut to)
    })
}

fn encode(
    format: Format,
    tensors: &[(String, &Tensor)],
    to: &mut (impl Write + io::Seek),
) -> io::Result<()> {
    let pairs = || {
        tensors
            .iter()
            .map(|(name, tensor)| (name.as_str(), *tensor))
    };
    if format == Format::Npz {
        return npz::write(pairs(), to);
    }
    for (name, tensor) in pairs() {
        match format {
            Format::Npy => npy::write(tensor, to)?,
            Format::Pb => to.write_all(&write_tensor(name, tensor))?,
            Format::Json => tensor_json::write(name, tensor, to)?,
            Format::Npz => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn sinks(texts: &[&str], outputs: &[&str]) -> Vec<Sink> {
        texts
            .iter()
            .map(|text| Sink::parse(text, outputs).unwrap())
            .collect()
    }

    fn fails(texts: &[&str], outputs: &[&str]) -> String {
        Plan::new(&sinks(texts, outputs), outputs)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn the_grammar_of_sinks() {
        let parse =
            |text: &str| Sink::parse(text, &["a=b", "y"]).map(|sink| (sink.name, sink.target));
        let file = |path: &str, format| Target::File(path.into(), format);
        assert_eq!(parse("y.NPY"), Ok((None, file("y.NPY", Format::Npy))));
        assert_eq!(
            parse("y=a.json"),
            Ok((Some("y".into()), file("a.json", Format::Json)))
        );
        assert_eq!(
            parse("/relu:0=x.pb"),
            Ok((Some("/relu:0".into()), file("x.pb", Format::Pb)))
        );
        assert_eq!(
            parse("a=b=c=d.npz"),
            Ok((Some("a=b".into()), file("c=d.npz", Format::Npz)))
        );
        assert_eq!(parse("=a=b.npy"), Ok((None, file("a=b.npy", Format::Npy))));
        assert_eq!(parse("-"), Ok((None, Target::Stdout)));
        assert_eq!(parse("new/"), Ok((None, Target::Folder("new/".into()))));
        assert_eq!(parse("."), Ok((None, Target::Folder(".".into()))));
        for text in ["", "y", "y.txt", "y=", ".npy/.."] {
            assert!(parse(text).is_err() || text == ".npy/..", "{text}");
        }
    }

    #[test]
    fn what_cannot_be_written_is_said_before_running() {
        assert!(
            fails(&["y.npy"], &["a", "b"])
                .contains("takes one tensor, the model has 2 outputs: 'a', 'b'")
        );
        assert_eq!(
            fails(&["a=-", "b=-"], &["a", "b"]),
            "two outputs go to stdout"
        );
        assert!(
            fails(&["a=x.npy", "b=./x.npy"], &["a", "b"]).contains("written twice: for 'a', 'b'")
        );
        assert!(fails(&["new/"], &["a/b", "a:b"]).contains("written twice: for 'a/b', 'a:b'"));
        assert!(
            Plan::new(
                &sinks(&["all.npz", "new/", "a=-"], &["a", "b"]),
                &["a", "b"]
            )
            .is_ok()
        );
    }

    #[test]
    fn names_of_values_become_harmless_names_of_files() {
        assert_eq!(file_name("/neck/pool:0"), "_neck_pool_0.npy");
        assert_eq!(file_name("Y-1_b.c"), "Y-1_b.c.npy");
        assert_eq!(file_name(".."), "__.npy");
        assert_eq!(file_name(""), "_.npy");
        assert_eq!(file_name("é\n"), "__.npy");
    }

    #[test]
    fn files_are_complete_or_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        let good = Tensor::new(&[1], vec![1.0f32]).unwrap();
        let bad = Tensor::new(&[1], vec!["text".to_string()]).unwrap();
        let find = |name: &str| match name {
            "good" => Some(&good),
            "bad" => Some(&bad),
            _ => None,
        };
        fs::write(at("old.npy"), "old").unwrap();
        let plan = |texts: &[String]| {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            Plan::new(&sinks(&texts, &[]), &["good"]).unwrap()
        };
        let failing = plan(&[
            format!("={}", at("old.npy")),
            format!("bad={}", at("new.npy")),
        ]);
        assert_eq!(failing.write(find).unwrap_err().exit_code(), 2);
        assert_eq!(fs::read(at("old.npy")).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

        let working = plan(&[
            format!("={}", at("old.npy")),
            format!("bad={}", at("new.pb")),
        ]);
        working.write(find).unwrap();
        assert_eq!(
            npy::read(&fs::read(at("old.npy")).unwrap()),
            Ok(good.clone())
        );
        let (name, tensor) = linn::read_tensor(fs::read(at("new.pb")).unwrap()).unwrap();
        assert_eq!((name.as_str(), &tensor), ("bad", &bad));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
