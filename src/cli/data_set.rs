//! The test data beside a model in the layout of the ONNX backend tests: `test_data_set_0/input_N.pb`.

use std::fs;
use std::path::{Path, PathBuf};

use linn::text::Plain;
use linn::{Tensor, ValueInfo, read_tensor};

use super::Failure;
use super::inputs::{Inputs, Role};
use super::source::Loader;

/// The inputs in `folder` for a model with inputs `infos`, made to fit them.
pub(super) fn inputs(
    folder: &Path,
    infos: &[ValueInfo],
    loader: &mut Loader,
) -> Result<Inputs, Failure> {
    let mut inputs = Inputs::new();
    for stored in tensors(folder, Role::Input, infos, loader)? {
        let tensor = loader.admit(stored.tensor, stored.info.into(), Some(&stored.shown))?;
        inputs.push((stored.info.name.clone(), tensor));
    }
    Ok(inputs)
}

/// The outputs that are stored in `folder` for a model with outputs `infos`.
pub(super) fn outputs(
    folder: &Path,
    infos: &[ValueInfo],
    loader: &mut Loader,
) -> Result<Inputs, Failure> {
    let stored = tensors(folder, Role::Output, infos, loader)?.into_iter();
    Ok(stored
        .map(|stored| (stored.info.name.clone(), stored.tensor))
        .collect())
}

/// A tensor of a folder, the input or output that it is for, and its file.
struct Stored<'a> {
    info: &'a ValueInfo,
    tensor: Tensor,
    shown: String,
}

/// The tensors in `folder` for the inputs or outputs `infos`, as `role` says. A tensor belongs to the one that it is
/// named after, else to the one in its place.
fn tensors<'a>(
    folder: &Path,
    role: Role,
    infos: &'a [ValueInfo],
    loader: &mut Loader,
) -> Result<Vec<Stored<'a>>, Failure> {
    let what = role.name();
    let files = numbered(folder, what)?;
    // Old models list their weights among the inputs, and their data leave those out.
    let required: Vec<&ValueInfo> = infos.iter().filter(|info| !info.optional).collect();
    if files.is_empty() && !required.is_empty() {
        let shown = folder.to_string_lossy();
        let failure = Failure::Broken {
            file: Plain(&shown).to_string(),
            reason: format!("holds no {what}_0.pb"),
        };
        let inside = folder.join("test_data_set_0");
        return Err(match inside.is_dir() {
            true => failure.help(format!(
                "did you mean {}?",
                Plain(&inside.to_string_lossy())
            )),
            false => failure,
        });
    }
    let places = match files.len() <= required.len() {
        true => required,
        false => infos.iter().collect(),
    };
    let mut all = Vec::new();
    for (number, path) in files {
        let shown = Plain(&path.to_string_lossy()).to_string();
        let broken = |reason: String| Failure::Broken {
            file: shown.clone(),
            reason,
        };
        let bytes = loader.read(Some(&path))?;
        let (name, tensor) = read_tensor(bytes).map_err(|error| broken(error.to_string()))?;
        let info = infos
            .iter()
            .find(|info| info.name == name)
            .or_else(|| places.get(number).copied())
            .ok_or_else(|| broken(format!("the model has no {what} for it")))?;
        all.push(Stored {
            info,
            tensor,
            shown,
        });
    }
    Ok(all)
}

/// The files `input_N.pb` or `output_N.pb`, in the order of their numbers: 10 comes after 2.
fn numbered(folder: &Path, what: &str) -> Result<Vec<(usize, PathBuf)>, Failure> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(Failure::io(folder))? {
        let path = entry.map_err(Failure::io(folder))?.path();
        let number = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| {
                name.strip_prefix(what)?
                    .strip_prefix('_')?
                    .strip_suffix(".pb")?
                    .parse()
                    .ok()
            });
        if let Some(number) = number {
            files.push((number, path));
        }
    }
    files.sort();
    Ok(files)
}
