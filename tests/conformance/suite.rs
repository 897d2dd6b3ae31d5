//! Made-up suites in a temporary folder, and runs of `linn test` on them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use linn::proto::{
    GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TypeProto, ValueInfoProto, type_proto,
};
use linn::{DType, Element, Tensor};
use prost::Message;
use serde_json::Value;
use tempfile::TempDir;

/// What a run of the program printed, and how it ended.
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// Ends the test unless the run ended with this code.
    #[track_caller]
    pub fn code(self, code: i32) -> Run {
        let Run { stdout, stderr, .. } = &self;
        assert_eq!(self.code, Some(code), "\n{stdout}\n{stderr}");
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }

    /// The line of the summary.
    pub fn last_line(&self) -> &str {
        self.stdout.lines().last().unwrap_or_default()
    }
}

/// Runs the program in the folder `at`.
pub fn linn(at: &Path, arguments: &[&str]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_linn"))
        .current_dir(at)
        .env_remove("CLICOLOR_FORCE")
        .args(arguments)
        .output()
        .expect("the program starts");
    Run {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
    }
}

/// A folder in which suites are put together.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Folder {
        Folder(TempDir::new().expect("a temporary folder"))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn test(&self, arguments: &[&str]) -> Run {
        linn(self.path(), &[&["test"], arguments].concat())
    }

    /// Writes a file and the folders around it.
    pub fn write(&self, file: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("folders are made");
        fs::write(&path, bytes).expect("the file is written");
        path
    }

    pub fn tensor<T: Element>(&self, file: &str, name: &str, dims: &[usize], data: &[T]) {
        let tensor = Tensor::new(dims, data.to_vec()).expect("the elements fit");
        self.write(file, linn::write_tensor(name, &tensor));
    }

    /// A case with one GlobalMaxPool, whose stored output is `want`; the right one is 3.
    pub fn maximum(&self, case: &str, want: f32) {
        self.write(
            &format!("{case}/model.onnx"),
            model("GlobalMaxPool", 1, DType::F32),
        );
        self.data_set(case, 0, want);
    }

    /// A case with one GlobalAveragePool, whose stored output is `want`; the right one is 2.
    pub fn mean(&self, case: &str, want: f32) {
        self.write(
            &format!("{case}/model.onnx"),
            model("GlobalAveragePool", 1, DType::F32),
        );
        self.data_set(case, 0, want);
    }

    pub fn data_set(&self, case: &str, number: usize, want: f32) {
        let set = format!("{case}/test_data_set_{number}");
        self.tensor(
            &format!("{set}/input_0.pb"),
            "x0",
            &[1, 1, 3],
            &[1f32, 3.0, 2.0],
        );
        self.tensor(&format!("{set}/output_0.pb"), "y0", &[1, 1, 1], &[want]);
    }
}

/// A model of `count` nodes side by side, each from `x{i}` of shape [1,1,3] to `y{i}`.
pub fn model(operator: &str, count: usize, dtype: DType) -> Vec<u8> {
    let value = |name: String| ValueInfoProto {
        name,
        r#type: Some(TypeProto {
            value: Some(type_proto::Value::TensorType(type_proto::Tensor {
                elem_type: dtype as i32,
                shape: None,
            })),
            ..TypeProto::default()
        }),
        ..ValueInfoProto::default()
    };
    let node = |index: usize| NodeProto {
        input: vec![format!("x{index}")],
        output: vec![format!("y{index}")],
        op_type: operator.to_string(),
        ..NodeProto::default()
    };
    ModelProto {
        ir_version: Some(10),
        opset_import: vec![OperatorSetIdProto {
            version: Some(22),
            ..OperatorSetIdProto::default()
        }],
        graph: Some(GraphProto {
            name: "pools".to_string(),
            node: (0..count).map(node).collect(),
            input: (0..count).map(|index| value(format!("x{index}"))).collect(),
            output: (0..count).map(|index| value(format!("y{index}"))).collect(),
            ..GraphProto::default()
        }),
        ..ModelProto::default()
    }
    .encode_to_vec()
}
