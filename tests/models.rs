//! The models of `models/`: they are what the example writes, and they give what is written down in them.

use std::error::Error;
use std::fs;
use std::path::Path;

use linn::{Model, Tensor, TensorView, read_tensor};

#[allow(dead_code, reason = "its `main` is not called here")]
#[path = "../examples/make_models.rs"]
mod make_models;

const MODELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models");

#[test]
fn the_example_writes_the_committed_models() -> Result<(), Box<dyn Error>> {
    let fresh = tempfile::tempdir()?;
    let mut written = Vec::new();
    for example in make_models::examples() {
        example.write(fresh.path())?;
        written.push(example.name.to_string());
    }
    written.sort();
    let same = "run `cargo run --example make_models`, and look at what it changes";
    assert_eq!(written, folders(Path::new(MODELS))?, "{same}");
    for name in &written {
        let [fresh, committed] = [fresh.path(), Path::new(MODELS)].map(|models| models.join(name));
        let files = files(&fresh)?;
        assert_eq!(files, self::files(&committed)?, "{name}: {same}");
        for file in files {
            assert!(
                fs::read(fresh.join(&file))? == fs::read(committed.join(&file))?,
                "{name}/{file} differs: {same}"
            );
        }
    }
    Ok(())
}

#[test]
fn every_model_gives_what_is_written_down() -> Result<(), Box<dyn Error>> {
    for name in folders(Path::new(MODELS))? {
        let folder = Path::new(MODELS).join(&name);
        let model = Model::load(folder.join("model.onnx"))?;
        assert_eq!(model.warnings(), [], "{name}");
        let inputs = tensors(&folder, "input")?;
        let outputs = model.run(
            inputs
                .iter()
                .map(|(name, tensor)| (name, TensorView::from(tensor))),
        )?;
        let expected = tensors(&folder, "output")?;
        assert_eq!(outputs.len(), expected.len(), "{name}");
        for (output, expected) in &expected {
            // To the last bit: every mean and norm here is rounded once.
            assert_eq!(outputs.get(output), Some(expected), "{name}: {output}");
        }
    }
    Ok(())
}

#[test]
fn the_readme_of_the_models_lists_them() -> Result<(), Box<dyn Error>> {
    let text = fs::read_to_string(Path::new(MODELS).join("README.md"))?;
    let listed: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let mut sorted = listed.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, folders(Path::new(MODELS))?);
    Ok(())
}

/// The folders of models, without that of the light ones, which are not written here.
fn folders(path: &Path) -> std::io::Result<Vec<String>> {
    let mut names = names(path, true)?;
    names.retain(|name| name != "light");
    Ok(names)
}

/// The files of a model's folder, by their path in it.
fn files(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut files = names(folder, false)?;
    for data_set in names(folder, true)? {
        for file in names(&folder.join(&data_set), false)? {
            files.push(format!("{data_set}/{file}"));
        }
    }
    Ok(files)
}

fn names(path: &Path, folders: bool) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() == folders {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// The tensors `KIND_0.pb`, `KIND_1.pb` and so on of the one data set, with their names.
fn tensors(folder: &Path, kind: &str) -> Result<Vec<(String, Tensor)>, Box<dyn Error>> {
    let data_set = folder.join("test_data_set_0");
    let mut tensors = Vec::new();
    for index in 0.. {
        let file = data_set.join(format!("{kind}_{index}.pb"));
        if !file.exists() {
            break;
        }
        tensors.push(read_tensor(fs::read(file)?)?);
    }
    Ok(tensors)
}
