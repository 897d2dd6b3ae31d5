//! Models and inputs whose paths come on stdin, one line a model: `scripts/mutants.py --program` sends damaged copies, too
//! many for a process each.

use std::io::{BufRead, Write, stdin, stdout};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use linn::{Class, Dim, Error, Model, Options, Outputs, Tensor, read_tensor};

/// As `--max-memory 256M` of the program.
const MEMORY: usize = 256 << 20;

/// For each line, the path of a model and behind tabs its inputs as `name=path` or `name=zeros`, answers with the exit code
/// that the program would have, 101 for a panic, and the message.
#[test]
#[ignore = "it reads the paths of models from stdin"]
fn served() {
    for line in stdin().lock().lines() {
        let line = line.expect("a line of paths");
        let (code, message) = match catch_unwind(AssertUnwindSafe(|| run(&line))) {
            Ok(Ok(_)) => (0, String::new()),
            Ok(Err((class, error))) => (exit_code(class), error.to_string()),
            Err(_) => (101, "panicked".to_string()),
        };
        println!("served {code} {message}");
        stdout().flush().expect("somebody listens");
    }
}

fn run(line: &str) -> Result<Outputs, (Class, Error)> {
    let mut options = Options::default();
    options.memory_limit = MEMORY;
    let with_class = |error: Error| (error.class(), error);
    let mut words = line.split('\t');
    let path = Path::new(words.next().unwrap_or_default());
    let model = Model::load_with(path, &options).map_err(with_class)?;
    let mut inputs = Vec::new();
    for word in words {
        let (name, source) = word.split_once('=').expect("a name and a path");
        let tensor = match source {
            "zeros" => zeros(&model, name),
            // A broken input is the caller's, whatever the error says of the bytes.
            _ => {
                let bytes = std::fs::read(source).expect("it is there");
                let (_, tensor) = read_tensor(bytes).map_err(|error| (Class::Input, error))?;
                tensor
            }
        };
        inputs.push((name, tensor));
    }
    let inputs = inputs.iter().map(|(name, tensor)| (*name, tensor));
    model.run(inputs).map_err(with_class)
}

/// Of the shape that the model declares, if that is a small one; else of one element.
fn zeros(model: &Model, name: &str) -> Tensor {
    let info = model.inputs().iter().find(|info| info.name == name);
    let declared = info.and_then(|info| info.dims.as_deref()).unwrap_or(&[]);
    let size = |dim: &Dim| match dim {
        Dim::Known(size) => *size,
        _ => 1,
    };
    let dims: Vec<usize> = declared.iter().map(size).collect();
    let elements = dims.iter().copied().fold(1, usize::saturating_mul);
    let (dims, elements) = match elements <= 1 << 22 {
        true => (dims, elements),
        false => (vec![1], 1),
    };
    Tensor::new(&dims, vec![0f32; elements]).expect("they fit")
}

fn exit_code(class: Class) -> u8 {
    match class {
        Class::Invalid => 3,
        Class::Unsupported => 4,
        Class::Input => 5,
        Class::Run => 6,
        Class::Limit => 7,
        _ => 8,
    }
}
