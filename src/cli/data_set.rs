//! The test data beside a model in the layout of the ONNX backend tests: `test_data_set_0/input_N.pb`.

use std::fs;
use std::path::{Path, PathBuf};

use linn::text::Plain;
use linn::{ValueInfo, read_tensor};

use super::Failure;
use super::inputs::Inputs;
use super::source::Loader;

/// The inputs in `folder` for a model with inputs `infos`; `None` if there is no such folder.
///
/// A tensor belongs to the input that it is named after, else to the one in its place.
pub(super) fn inputs(
    folder: &Path,
    infos: &[ValueInfo],
    loader: &mut Loader,
) -> Result<Option<Inputs>, Failure> {
    if !folder.is_dir() {
        return Ok(None);
    }
    let files = numbered(folder)?;
    // Old models list their weights among the inputs, and their data leave those out.
    let required: Vec<&ValueInfo> = infos.iter().filter(|info| !info.optional).collect();
    let places = match files.len() <= required.len() {
        true => required,
        false => infos.iter().collect(),
    };
    let mut inputs = Inputs::new();
    for (number, path) in files {
        let shown = Plain(&path.to_string_lossy()).to_string();
        let broken = |reason: String| Failure::Input(format!("{shown}: {reason}"));
        let bytes = loader.read(Some(&path))?;
        let (name, tensor) = read_tensor(bytes).map_err(|error| broken(error.to_string()))?;
        let info = infos
            .iter()
            .find(|info| info.name == name)
            .or_else(|| places.get(number).copied())
            .ok_or_else(|| broken("the model has no input for it".to_string()))?;
        inputs.push((info.name.clone(), tensor));
    }
    Ok(Some(inputs))
}

/// The files `input_N.pb` in the order of their numbers: 10 comes after 2.
fn numbered(folder: &Path) -> Result<Vec<(usize, PathBuf)>, Failure> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(Failure::io(folder))? {
        let path = entry.map_err(Failure::io(folder))?.path();
        let number = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| {
                name.strip_prefix("input_")?
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
