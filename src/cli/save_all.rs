//! `--save-all`: every value that a run computes, each in a file.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use linn::{Tensor, write_tensor};
use serde_json::{Value, json};

use super::batches::Batches;
use super::inputs::Inputs;
use super::model_file::Loaded;
use super::sink::file_stem;
use super::whole_file::WholeFile;
use super::{Failure, npy};

/// The most bytes of a name that become part of that of a file.
const LONGEST: usize = 200;

/// Writes every value that the model computes for these inputs into `folder`, in the order in which it does, and last
/// an index of them. Not all values are held at once: the model is run several times if they are many.
pub(super) fn save_all(folder: &Path, loaded: &Loaded, inputs: &Inputs) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(Failure::io(folder))?;
    let names: Vec<&str> = loaded.model.computed().collect();
    let mut files = FileNames::default();
    let mut index = Vec::new();
    let mut batches = Batches::new(&names);
    while let Some(batch) = batches.next() {
        let given = inputs.iter().map(|(name, tensor)| (name, tensor));
        let values = loaded
            .model
            .fetch(given, batch)
            .map_err(|error| loaded.blame(error))?;
        let mut bytes = 0;
        for (name, tensor) in values.iter() {
            let file = files.of(name, tensor);
            write(&folder.join(&file), name, tensor)?;
            index.push(entry(name, &file, tensor));
            bytes += tensor.bytes();
        }
        batches.saw(batch, bytes);
    }
    let document = json!({
        "schema": "linn.values/1",
        "linn": env!("CARGO_PKG_VERSION"),
        "values": index,
    });
    let file = WholeFile::new(&folder.join("values.json"), |mut to| {
        std::io::Write::write_all(&mut to, format!("{document}\n").as_bytes())
    })?;
    file.appear()
}

fn entry(name: &str, file: &Path, tensor: &Tensor) -> Value {
    json!({
        "name": name,
        "file": file.to_string_lossy(),
        "dtype": tensor.dtype().name(),
        "shape": tensor.shape().to_vec(),
    })
}

/// Arrays of numpy; what those cannot hold is a TensorProto.
fn write(path: &Path, name: &str, tensor: &Tensor) -> Result<(), Failure> {
    let file = WholeFile::new(path, |mut to| match npy::check(tensor.dtype()) {
        Ok(()) => npy::write(tensor, &mut to),
        Err(_) => std::io::Write::write_all(&mut to, &write_tensor(name, tensor)),
    })?;
    file.appear()
}

/// Names of files, no two of which are the same, also where case does not count.
#[derive(Default)]
struct FileNames(HashSet<String>);

impl FileNames {
    fn of(&mut self, name: &str, tensor: &Tensor) -> PathBuf {
        let ending = match npy::check(tensor.dtype()) {
            Ok(()) => "npy",
            Err(_) => "pb",
        };
        let mut stem = file_stem(name);
        // It is ASCII.
        stem.truncate(LONGEST);
        let mut unique = stem.clone();
        let mut count = 1;
        while !self.0.insert(unique.to_ascii_lowercase()) {
            count += 1;
            unique = format!("{stem}-{count}");
        }
        PathBuf::from(format!("{unique}.{ending}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_a_file_of_its_own() {
        let number = Tensor::new(&[1], vec![1.0f32]).unwrap();
        let text = Tensor::new(&[1], vec!["a".to_string()]).unwrap();
        let mut files = FileNames::default();
        let mut of = |name: &str, tensor| files.of(name, tensor).to_string_lossy().into_owned();
        assert_eq!(of("/a/b:0", &number), "_a_b_0.npy");
        assert_eq!(of("/A/b.0", &number), "_A_b.0.npy");
        assert_eq!(of("/A/B_0", &number), "_A_B_0-2.npy");
        assert_eq!(of("_a_b_0-2", &text), "_a_b_0-2-2.pb");
        assert_eq!(of("..", &text), "__.pb");
        assert!(of(&"é".repeat(999), &number).len() < 255);
        assert!(of(&"ü".repeat(999), &number).len() < 255);
    }
}
