//! Runs a model of one input on every `.npy` file of a folder, on all cores, and writes the outputs beside one another.
//!
//!     cargo run --example batch_folder -- MODEL FOLDER TARGET

use std::error::Error;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use linn::Model;
use ndarray::ArrayD;
use ndarray_npy::{ReadNpyExt, write_npy};
use rayon::prelude::*;

type Anything = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Anything> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [model, folder, target] = arguments.as_slice() else {
        return Err("usage: batch_folder MODEL FOLDER TARGET".into());
    };
    let model = Model::load(model)?;
    fs::create_dir_all(target)?;
    let mut files: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_, std::io::Error>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "npy"));
    files.sort();
    // One model serves all threads; its buffers go from run to run.
    let lines: Vec<String> = files
        .par_iter()
        .map(|file| run(&model, file, target))
        .collect::<Result<_, _>>()?;
    for line in &lines {
        println!("{line}");
    }
    println!("{} files", lines.len());
    Ok(())
}

fn run(model: &Model, file: &Path, target: &Path) -> Result<String, Anything> {
    let named = |error: &dyn Error| format!("{}: {error}", file.display());
    let x = ArrayD::<f32>::read_npy(File::open(file)?).map_err(|error| named(&error))?;
    let name = model.inputs().first().map(|input| input.name.as_str());
    let name = name.ok_or("the model has no input")?;
    let outputs = model.run([(name, &x)]).map_err(|error| named(&error))?;
    let y = outputs[0].view::<f32>()?;
    let to = target.join(file.file_name().unwrap_or_default());
    write_npy(&to, &y).map_err(|error| named(&error))?;
    Ok(format!(
        "{} {} -> {}",
        file.display(),
        model.inputs()[0],
        outputs[0]
    ))
}
