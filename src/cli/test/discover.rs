//! The cases under the folders of the command line, and their names.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex_lite::Regex;

use crate::cli::Failure;

/// Levels below a folder of the command line at which cases are looked for: `suite/case`.
const LEVELS: usize = 2;

/// One conformance case.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) folder: PathBuf,
    /// The folder's name.
    base: String,
    /// The name of the folder around it.
    pub(super) suite: String,
    /// The folder's name, with the suite in front where two cases would share it.
    pub(super) name: String,
}

/// All cases under the folders of the command line.
pub(super) struct Found {
    pub(super) cases: Vec<Case>,
    names: HashSet<String>,
    /// The folders around cases that were named one by one.
    parents: HashSet<PathBuf>,
}

impl Case {
    fn new(folder: PathBuf) -> Case {
        let name = |path: Option<&Path>| {
            path.and_then(Path::file_name)
                .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
        };
        let base = name(Some(&folder));
        Case {
            suite: name(folder.parent()),
            name: base.clone(),
            base,
            folder,
        }
    }

    /// The names by which an expectation may call it, the most exact one first.
    pub(super) fn names(&self) -> [String; 3] {
        [self.name.clone(), self.suite_and_base(), self.base.clone()]
    }

    fn suite_and_base(&self) -> String {
        format!("{}/{}", self.suite, self.base)
    }

    pub(super) fn matches(&self, any: &[Regex]) -> bool {
        any.iter()
            .any(|regex| regex.is_match(&self.name) || regex.is_match(&self.base))
    }
}

impl Found {
    /// Whether a case has this name, or is beside one that was named alone.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.names.contains(name)
            || self
                .parents
                .iter()
                .any(|parent| is_case(&parent.join(name)))
    }
}

/// Finds the cases, in the order of `dirs` and by name within each.
pub(super) fn discover(dirs: &[PathBuf]) -> Result<Found, Failure> {
    let mut folders = Vec::new();
    let mut parents = HashSet::new();
    for dir in dirs {
        let before = folders.len();
        let root = absolute(dir)?;
        if !root.is_dir() {
            return Err(Failure::Usage(format!("{} is not a folder", dir.display())));
        }
        if is_case(&root) {
            parents.extend(root.parent().map(Path::to_path_buf));
            folders.push(root);
        } else {
            collect(&root, LEVELS, &mut folders)?;
        }
        if folders.len() == before {
            return Err(Failure::Usage(format!(
                "no cases under {}: looked for */model.onnx and */*/model.onnx",
                dir.display()
            )));
        }
    }
    let mut seen = HashSet::new();
    folders.retain(|folder| seen.insert(folder.clone()));
    let mut cases = folders.into_iter().map(Case::new).collect::<Vec<_>>();
    tell_apart(&mut cases);
    Ok(Found {
        names: cases.iter().flat_map(Case::names).collect(),
        cases,
        parents,
    })
}

/// The path from the root, ending in the folder's own name, links kept as they are.
fn absolute(dir: &Path) -> Result<PathBuf, Failure> {
    fs::metadata(dir).map_err(Failure::io(dir))?;
    match dir.file_name() {
        Some(_) => std::path::absolute(dir),
        None => fs::canonicalize(dir),
    }
    .map_err(Failure::io(dir))
}

/// A case that lacks its model, or is a link to nowhere, is one all the same: it must fail, not vanish.
fn is_case(folder: &Path) -> bool {
    let has_model = || folder.join("model.onnx").symlink_metadata().is_ok();
    let has_data = || {
        fs::read_dir(folder).is_ok_and(|entries| {
            entries.flatten().any(|entry| {
                entry
                    .file_name()
                    .to_string_lossy()
                    .starts_with("test_data_set_")
            })
        })
    };
    has_model() || has_data()
}

fn collect(dir: &Path, levels: usize, folders: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let mut children = fs::read_dir(dir)
        .and_then(|entries| {
            entries
                .map(|entry| Ok(entry?.path()))
                .collect::<Result<Vec<_>, _>>()
        })
        .map_err(Failure::io(dir))?;
    children.sort();
    for child in children {
        let is_broken_link = child.is_symlink() && !child.exists();
        if is_broken_link || (child.is_dir() && is_case(&child)) {
            folders.push(child);
        } else if levels > 1 && child.is_dir() {
            collect(&child, levels - 1, folders)?;
        }
    }
    Ok(())
}

/// Gives cases of one name their suites in front; where that is not enough, the whole path.
fn tell_apart(cases: &mut [Case]) {
    for longer in [Case::suite_and_base, |case: &Case| {
        case.folder.display().to_string()
    }] {
        let mut count = HashMap::<String, usize>::new();
        for case in &*cases {
            *count.entry(case.name.clone()).or_default() += 1;
        }
        for case in cases.iter_mut().filter(|case| count[&case.name] > 1) {
            case.name = longer(case);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_short_as_they_can_be() {
        let mut cases = [
            "/a/x/one",
            "/a/x/two",
            "/a/y/two",
            "/b/y/three",
            "/c/y/three",
        ]
        .map(|folder| Case::new(PathBuf::from(folder)));
        tell_apart(&mut cases);
        let names = cases.each_ref().map(|case| case.name.as_str());
        assert_eq!(names, ["one", "x/two", "y/two", "/b/y/three", "/c/y/three"]);
    }
}
