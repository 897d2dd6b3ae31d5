//! Small random graphs of pools and the operators around them.

use linn::{DType, Tensor};

use crate::support::model::{Build, With, ints, node};
use crate::support::{Random, Report, f32s, i64s};

/// A graph under construction: the values so far, with their shapes.
struct Growing {
    build: Build,
    values: Vec<(String, Vec<usize>)>,
    unread: Vec<String>,
    text: String,
}

impl Growing {
    fn new(dims: &[usize]) -> Growing {
        let text: Vec<String> = dims.iter().map(ToString::to_string).collect();
        Growing {
            build: Build::new(18).input("x", DType::F32, &text.join(",")),
            values: vec![("x".to_string(), dims.to_vec())],
            unread: vec![],
            text: format!("x {dims:?}"),
        }
    }

    /// Appends a node that reads values and maybe an initializer, and writes a value of shape `dims`.
    fn push(
        &mut self,
        operator: &str,
        inputs: &[usize],
        constant: Option<&Tensor>,
        lists: &[(&str, &[i64])],
        dims: Vec<usize>,
    ) {
        let output = format!("v{}", self.values.len());
        let mut names: Vec<String> = inputs.iter().map(|&at| self.values[at].0.clone()).collect();
        self.unread.retain(|unread| !names.contains(unread));
        let mut build = std::mem::replace(&mut self.build, Build::new(18));
        if let Some(constant) = constant {
            let name = format!("c{}", self.values.len());
            build = build.initializer(&name, constant);
            names.push(name);
        }
        self.text += &format!("; {output} {dims:?} = {operator} {names:?} {lists:?}");
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let written = lists
            .iter()
            .fold(node(operator, &names, &[&output]), |node, (name, list)| {
                node.with(ints(name, list))
            });
        self.build = build.node(written);
        self.unread.push(output.clone());
        self.values.push((output, dims));
    }

    fn grow(&mut self, random: &mut Random) {
        let at = random.range(0, self.values.len() as i64 - 1) as usize;
        let dims = self.values[at].1.clone();
        let image = dims.len() == 4;
        match random.range(1, 9) {
            1 | 2 if image && dims[2..].iter().all(|&size| size >= 2) => {
                let output = [dims[0], dims[1], dims[2] / 2, dims[3] / 2];
                let operator = ["MaxPool", "AveragePool"][random.range(0, 1) as usize];
                let lists: [(&str, &[i64]); 2] = [("kernel_shape", &[2, 2]), ("strides", &[2, 2])];
                self.push(operator, &[at], None, &lists, output.to_vec());
            }
            3 if image => {
                let output = [dims[0], dims[1], dims[2], dims[3]];
                let lists: [(&str, &[i64]); 2] =
                    [("kernel_shape", &[3, 3]), ("pads", &[1, 1, 1, 1])];
                self.push("MaxPool", &[at], None, &lists, output.to_vec());
            }
            4 if image => {
                let operator = ["GlobalMaxPool", "GlobalAveragePool"][random.range(0, 1) as usize];
                self.push(operator, &[at], None, &[], vec![dims[0], dims[1], 1, 1]);
            }
            5 => {
                // Two values of one shape, or a value and a constant that is broadcast.
                let same = self.values.iter().position(|(_, other)| *other == dims);
                match same {
                    Some(other) if other != at => {
                        self.push("Add", &[at, other], None, &[], dims);
                    }
                    _ => {
                        let channels = if dims.len() > 1 { dims[1] } else { 1 };
                        let mut shape = vec![1; dims.len()];
                        if dims.len() > 1 {
                            shape[1] = channels;
                        }
                        let len = shape.iter().product::<usize>();
                        let constant: Vec<f64> =
                            (0..len).map(|_| random.range(-9, 9) as f64).collect();
                        self.push("Add", &[at], Some(&f32s(&shape, &constant)), &[], dims);
                    }
                }
            }
            6 => {
                // 0 keeps a dimension, -1 stands for the rest.
                let elements: usize = dims.iter().product();
                let shape = i64s(&[2], &[0, -1]);
                let output = vec![dims[0], elements / dims[0]];
                self.push("Reshape", &[at], Some(&shape), &[], output);
            }
            7 => {
                let output = vec![dims[0], dims[1..].iter().product()];
                self.push("Flatten", &[at], None, &[], output);
            }
            8 => self.push("Identity", &[at], None, &[], dims),
            // One Relu of a value: tract merges equal ones and then evaluates a placeholder that it left behind.
            _ if self
                .text
                .contains(&format!("Relu [{:?}]", self.values[at].0)) => {}
            _ => self.push("Relu", &[at], None, &[], dims),
        }
    }
}

#[test]
fn graphs() {
    let mut random = Random::new(4);
    let mut report = Report::default();
    while report.checks() < 150 {
        let dims: Vec<usize> = [(1, 2), (1, 3), (2, 9), (2, 9)]
            .iter()
            .map(|&(low, high)| random.range(low, high) as usize)
            .collect();
        let mut growing = Growing::new(&dims);
        for _ in 0..random.range(2, 9) {
            growing.grow(&mut random);
        }
        let Growing {
            build,
            unread,
            text,
            ..
        } = growing;
        let build = unread.iter().fold(build, |build, name| build.output(name));
        let values: Vec<f64> = (0..dims.iter().product::<usize>())
            .map(|_| random.range(-20, 20) as f64)
            .collect();
        let result = crate::agree(build.bytes(), &[f32s(&dims, &values)], 2e-6);
        report.check(text, result);
    }
    report.finish(150);
}
