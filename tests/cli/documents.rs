//! docs/json.md has the keys that documents have, and no others.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use linn::DType;
use linn::proto::StringStringEntryProto;
use ndarray::array;
use ndarray_npy::write_npy;
use serde_json::Value;

use crate::Files;
use crate::support::model::{Build, With, node};
use crate::support::program::{case, linn, model};

/// The objects of the page by name, and which of their keys were seen.
#[derive(Default)]
struct Page {
    objects: BTreeMap<String, BTreeMap<String, Key>>,
    seen: BTreeSet<(String, String)>,
}

#[derive(Clone)]
struct Key {
    is_optional: bool,
    /// The object that it is, or that its elements are.
    object: Option<String>,
}

/// The object that a line links to.
fn link(line: &str) -> Option<String> {
    let (_, link) = line.split_once("](#")?;
    Some(link.split_once(')')?.0.to_string())
}

impl Page {
    fn read() -> Page {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/json.md");
        let text = fs::read_to_string(file).expect("the page is there");
        let (mut page, mut name) = (Page::default(), "");
        for line in text.lines() {
            if let Some(heading) = line.strip_prefix("## ").or(line.strip_prefix("### ")) {
                name = heading;
            } else if let Some(row) = line.strip_prefix("| `") {
                let (key, rest) = row.split_once("` | ").expect("a key and its type");
                let kind = rest.split(" | ").next().expect("a type");
                let of = Key {
                    is_optional: kind.ends_with('?'),
                    object: link(kind),
                };
                let object = page.objects.entry(name.to_string()).or_default();
                assert!(object.insert(key.to_string(), of).is_none(), "{line}");
            } else if line.contains("he keys of a [") {
                let from = link(line).expect("what they are the keys of");
                let mut keys = page.objects[&from].clone();
                for (key, of) in &mut keys {
                    of.is_optional = true;
                    page.seen.insert((name.to_string(), key.clone()));
                }
                page.objects
                    .entry(name.to_string())
                    .or_default()
                    .extend(keys);
            }
        }
        page
    }

    /// Checks the keys of a document, of which the schema names the object.
    fn check(&mut self, document: &Value) {
        let schema = document["schema"].as_str().expect("a schema");
        self.check_object(schema, document);
    }

    fn check_object(&mut self, name: &str, value: &Value) {
        if let Some(list) = value.as_array() {
            return list.iter().for_each(|value| self.check_object(name, value));
        }
        let Some(object) = value.as_object() else {
            return assert!(value.is_null(), "{name}: {value}");
        };
        let keys = self.objects.get(name).cloned();
        let keys = keys.unwrap_or_else(|| panic!("{name} is not in the page"));
        for (key, of) in &keys {
            let is_there = object.contains_key(key);
            assert!(
                is_there || of.is_optional,
                "{name}: {key} is missing: {value}"
            );
        }
        for (key, value) in object {
            let of = keys.get(key);
            let of = of.unwrap_or_else(|| panic!("{name}: {key} is not in the page"));
            self.seen.insert((name.to_string(), key.clone()));
            if let Some(object) = &of.object {
                self.check_object(object, value);
            }
        }
    }

    /// Keys of the page that no document had.
    fn unseen(&self) -> Vec<(&String, &String)> {
        let keys = self.objects.iter();
        let keys = keys.flat_map(|(name, keys)| keys.keys().map(move |key| (name, key)));
        let is_seen = |(name, key): &(&String, &String)| {
            self.seen.contains(&(name.to_string(), key.to_string()))
        };
        keys.filter(|pair| !is_seen(pair)).collect()
    }
}

#[test]
fn the_page_of_documents_has_their_keys() {
    let mut page = Page::read();
    let files = Files::new();
    let folder = case("test_maxpool_2d_default");
    let file = model("test_maxpool_2d_default");
    let json = |args: &[&str]| {
        let ran = linn(&[args, &["--format", "json"]].concat());
        match ran.code {
            Some(0 | 1) => ran.json(),
            _ => {
                let last = ran.stderr.lines().last().expect("something is said");
                serde_json::from_str(last).expect("it is a document")
            }
        }
    };

    fs::write(files.path("names.txt"), "a\nb\nc\n").unwrap();
    let scores = Build::new(17).input("x", DType::F32, "1,3");
    let scores = scores
        .node(node("Relu", &["x"], &["y"]))
        .output("y")
        .bytes();
    let scorer = files.at("scores.onnx");
    fs::write(&scorer, scores).unwrap();
    page.check(&json(&["run", &folder, "--expect", "--profile"]));
    for by in ["--profile=node", "--profile=shape"] {
        page.check(&json(&[
            "run",
            &scorer,
            by,
            "--labels",
            &files.at("names.txt"),
        ]));
    }
    let values = files.at("values");
    linn(&["run", &file, "--save-all", &values]).works();
    let index = fs::read(files.path("values/values.json")).unwrap();
    page.check(&serde_json::from_slice(&index).unwrap());
    page.check(&linn(&["run", &file, "-o", "-"]).works().json());
    let described = "models/branches";
    page.check(&json(&["inspect", described]));
    let mut told = Build::new(20)
        .input("x", DType::F32, "2")
        .node(node("Neg", &["x"], &["y"]))
        .output("y");
    told.0.metadata_props.push(StringStringEntryProto {
        key: "author".to_string(),
        value: "somebody".to_string(),
    });
    fs::write(files.path("told.onnx"), told.bytes()).unwrap();
    page.check(&json(&["inspect", &files.at("told.onnx")]));
    page.check(&json(&["graph", described]));
    page.check(&json(&["ops", "--types", "u8"]));
    page.check(&json(&["env"]));
    page.check(&json(&["pool", "max", "-i", "4x4", "-k", "2", "--explain"]));
    page.check(&linn(&["test", &folder, "--json", "-"]).works().json());

    let base = files.at("base.json");
    let bench = [
        "bench",
        &scorer,
        "--threads",
        "1",
        "--time",
        "60ms",
        "--warmup",
        "0s",
    ];
    linn(&[&bench[..], &["--save", &base]].concat()).works();
    let more = ["--baseline", &base, "--fail-over", "1000000%", "--profile"];
    page.check(&json(&[&bench[..], &more].concat()));

    let sum = |w: f32, output: &str| {
        let w = linn::Tensor::new(&[2], vec![w, 1.0]).unwrap();
        let build = Build::new(20)
            .input("x", DType::F32, "2")
            .initializer("w", &w);
        let build = build.node(node("Add", &["x", "w"], &["t"]));
        build
            .node(node("Neg", &["t"], &[output]))
            .output(output)
            .bytes()
    };
    fs::write(files.path("a.onnx"), sum(1.0, "y")).unwrap();
    fs::write(files.path("b.onnx"), sum(1.5, "z")).unwrap();
    write_npy(files.path("longer.npy"), &array![2f32, 3.0, 4.0]).unwrap();
    let (a, b) = (files.at("a.onnx"), files.at("b.onnx"));
    let compared = json(&["compare", &a, &b, "--first-diff"]);
    assert_eq!(compared["outputs"][0]["other_name"], "z");
    page.check(&compared);
    page.check(&json(&["compare", &a, &files.at("longer.npy")]));

    // Failures: of arguments, inputs, a node when it is read and when it runs, and what linn lacks.
    page.check(&json(&["run", &a, "--sede", "1"]));
    page.check(&json(&["run", &a, "-i", &files.at("longer.npy")]));
    let pool = node("MaxPool", &["x"], &["y"]);
    let pool = Build::new(12).input("x", DType::F32, "1,1,4,4").node(pool);
    let wrong = files.at("wrong.onnx");
    fs::write(&wrong, pool.output("y").bytes()).unwrap();
    page.check(&json(&["run", &wrong]));
    let gather = node("Gather", &["x", "i"], &["y"]);
    let gather = Build::new(17)
        .input("x", DType::F32, "2")
        .input("i", DType::I64, "1")
        .node(gather);
    fs::write(&wrong, gather.output("y").bytes()).unwrap();
    let failed = json(&["run", &wrong, "-i", "x=[1,2]", "-i", "i=[7]"]);
    assert_eq!(failed["class"], "run");
    assert_eq!(failed["inputs"], "f32[2], i64[1]");
    page.check(&failed);
    let lacking = node("Nothing", &["x"], &["y"]).of("com.microsoft");
    let lacking = Build::new(17)
        .import("com.microsoft", 1)
        .input("x", DType::F32, "2")
        .node(lacking);
    fs::write(&wrong, lacking.output("y").bytes()).unwrap();
    let lacking = json(&["run", &wrong]);
    assert_eq!(lacking["domain"], "com.microsoft");
    page.check(&lacking);
    let checked = linn(&["check", &wrong, &file, "--format", "json"]).json();
    page.check(&checked);

    assert_eq!(page.unseen(), []);
}
