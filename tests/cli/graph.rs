//! `linn graph`: drawings of models in every format.

#[path = "graph/document.rs"]
mod document;
#[path = "graph/languages.rs"]
mod languages;
#[path = "graph/models.rs"]
mod models;
#[path = "graph/picture.rs"]
mod picture;
#[path = "graph/pictures.rs"]
mod pictures;

use std::fs;
use std::process::Command;

use serde_json::Value;

use self::models::{choice, corners, hostile, nested, of_size, random};
use self::pictures::check_picture;
use crate::Files;
use crate::support::Report;
use crate::support::program::{linn, linn_fed};

/// All models that the repository has.
const MODELS: [&str; 11] = [
    "models/branches",
    "models/local_function",
    "models/light/bvlc_alexnet.onnx",
    "models/light/densenet121.onnx",
    "models/light/inception_v1.onnx",
    "models/light/inception_v2.onnx",
    "models/light/resnet50.onnx",
    "models/light/shufflenet.onnx",
    "models/light/squeezenet.onnx",
    "models/light/vgg19.onnx",
    "models/light/zfnet512.onnx",
];

/// Models made for the tests, by name: of all sizes, with graphs in nodes, with names that are markup.
fn made() -> Vec<(String, Vec<u8>)> {
    let seeds = (0..24).map(|seed| {
        (
            format!("random {seed}"),
            random(seed, 3 + 3 * seed as usize),
        )
    });
    let others = [
        ("hostile", hostile()),
        ("choice", choice()),
        ("corners", corners()),
        ("nested", nested()),
    ];
    seeds
        .chain(others.map(|(name, model)| (name.to_string(), model)))
        .collect()
}

/// A drawing of a model from stdin.
fn drawn(model: &[u8], args: &[&str]) -> String {
    let args = [&["graph", "-"], args].concat();
    linn_fed(&args, model).works().text()
}

fn document(model: &[u8], args: &[&str]) -> Value {
    let text = drawn(model, &[&["--format", "json"], args].concat());
    serde_json::from_str(&text).expect("a document")
}

/// The nodes and edges of a document: ids, and for each edge from, to, the name of its value, and whether it is for a
/// graph in the reader.
fn nodes_and_edges(document: &Value) -> (Vec<String>, Vec<[String; 4]>) {
    let text = |value: &Value| value.as_str().expect("a text").to_string();
    let graphs = document["graphs"].as_array().expect("graphs");
    let all = |key: &str| -> Vec<Value> {
        let lists = graphs
            .iter()
            .map(|graph| graph[key].as_array().expect("a list"));
        lists.flatten().cloned().collect()
    };
    let edges = all("edges").into_iter().map(|edge| {
        [
            text(&edge["from"]),
            text(&edge["to"]),
            text(&edge["value"]["name"]),
            edge["input"].is_null().to_string(),
        ]
    });
    (
        all("nodes").iter().map(|node| text(&node["id"])).collect(),
        edges.collect(),
    )
}

#[test]
fn graphviz_and_mermaid_are_told_of_all_nodes_and_edges() {
    let mut report = Report::default();
    let light = fs::read("models/light/inception_v1.onnx").expect("the model can be read");
    let models = made().into_iter().chain([("inception".to_string(), light)]);
    let parsers: [(&str, languages::Parser); 2] =
        [("dot", languages::dot), ("mermaid", languages::mermaid)];
    for (name, model) in models {
        for chosen in [&[][..], &["--shapes"], &["--around", "1", "--depth", "1"]] {
            let (nodes, edges) = nodes_and_edges(&document(&model, chosen));
            let edges = edges.into_iter().map(|[from, to, ..]| [from, to]);
            let edges: Vec<[String; 2]> = edges.collect();
            for (format, parse) in parsers {
                let text = drawn(&model, &[&["--format", format], chosen].concat());
                let result = parse(&text).and_then(|found| found.check(&nodes, &edges));
                report.check(format!("{name} {format} {chosen:?}"), result);
            }
        }
    }
    report.finish(100);
}

#[test]
fn a_large_graph_is_laid_out_and_a_larger_one_needs_a_choice() {
    let large = of_size(2990);
    check_picture(&large, &["--shapes"], false).expect("a picture");
    assert!(drawn(&large, &[]).lines().count() >= 2990);

    let larger = of_size(3100);
    for format in ["text", "svg"] {
        let ran = linn_fed(&["graph", "-", "--format", format], &larger);
        assert!(
            ran.stderr.contains("help: --around NODE draws a part"),
            "{}",
            ran.stderr
        );
        ran.fails(7, "the most are 3000");
    }
    for format in ["dot", "mermaid", "json"] {
        assert!(drawn(&larger, &["--format", format]).len() > 100_000);
    }
    let part = document(&larger, &["--around", "3000"]);
    assert!(nodes_and_edges(&part).0.len() < 3000);
}

#[test]
fn a_text_has_a_line_for_each_item_and_rails_beside_it() {
    let text = linn(&["graph", "models/branches"]).works().text();
    let wanted = "\
models/branches, 5 nodes

○       input        x
├─●  0  MaxPool         kernel_shape [2,2] strides [2,2]
● │  1  AveragePool     kernel_shape [2,2] strides [2,2]
●─╯  2  Add
●    3  Relu
●    4  Flatten         axis 1
◎       output       y
";
    assert_eq!(text, wanted);
    let shapes = linn(&["graph", "models/branches", "--shapes", "--dim", "N=3"])
        .works()
        .text();
    assert!(
        shapes.contains("Relu                                              f32[3,2,?,?]\n"),
        "{shapes}"
    );
}

/// The text of a model with these variables set, and nothing else that says what the terminal is like.
fn in_terminal(args: &[&str], variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_linn"));
    for name in ["COLUMNS", "LANG", "LC_ALL", "LC_CTYPE", "TERM"] {
        command.env_remove(name);
    }
    let ran = command
        .arg("graph")
        .args(args)
        .envs(variables.iter().copied())
        .output();
    let ran = ran.expect("the program starts");
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    String::from_utf8(ran.stdout).expect("stdout is text")
}

#[test]
fn lines_of_a_text_fit_the_terminal_and_its_characters() {
    let model = "models/light/inception_v1.onnx";
    let whole = in_terminal(&[model, "--shapes"], &[]);
    let count = whole.lines().count();
    for width in [200, 100, 60, 20, 5, 1] {
        let columns = width.to_string();
        let text = in_terminal(&[model, "--shapes"], &[("COLUMNS", &columns)]);
        assert_eq!(text.lines().count(), count);
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(widest.is_some_and(|widest| widest <= width), "{text}");
        assert!(width > 100 || text.contains('…'), "{text}");
    }
    for plain in [
        ("TERM", "dumb"),
        ("LANG", "C"),
        ("LC_ALL", "de_DE.ISO-8859-1"),
    ] {
        let text = in_terminal(&[model], &[plain, ("COLUMNS", "50")]);
        assert!(text.is_ascii(), "{text}");
        assert!(text.contains("*-+-+-'") && text.contains('~'), "{text}");
    }
    let text = in_terminal(&[model], &[("LANG", "C.UTF-8")]);
    assert!(text.contains("●─┴─┴─╯"), "{text}");
}

#[test]
fn a_part_is_what_few_edges_lead_to() {
    let model = "models/light/squeezenet.onnx";
    let text = linn(&["graph", model, "--around", "n9", "--depth", "2"])
        .works()
        .text();
    let wanted = "\
models/light/squeezenet.onnx, 7 nodes, 2 edges around n9

┊        ...     r4
├─●  44  Conv    n5   kernel_shape [1,1]
│ ●  45  Relu    n6
● │  46  Conv    n7   kernel_shape [3,3] pads [1,1,1,1]
● │  47  Relu    n8
◆─╯  48  Concat  n9   axis 1
●    49  Conv    n10  kernel_shape [1,1]
●    50  Relu    n11
┊        ...     r11
";
    assert_eq!(text, wanted);
    let document = |args: &[&str]| {
        let args = [&["graph", model, "--format", "json"], args].concat();
        linn(&args).works().json()
    };
    let by_name = document(&["--around", "n9"]);
    // By the value that it writes, and by its number.
    let graph = &by_name["graphs"][0];
    let nodes = graph["nodes"].as_array().expect("nodes");
    let focus: Vec<&Value> = nodes.iter().filter(|node| node["focus"] == true).collect();
    assert_eq!(focus.len(), 1);
    let written = focus[0]["outputs"][0]["name"].as_str().expect("a name");
    assert_eq!(by_name, document(&["--around", written]));
    assert_eq!(
        by_name,
        document(&["--around", &focus[0]["index"].to_string()])
    );
    assert_eq!(by_name, document(&["--around", "n9", "--depth", "2"]));
    let count = |depth: &str| {
        nodes_and_edges(&document(&["--around", "n9", "--depth", depth]))
            .0
            .len()
    };
    // Alone with the values that lead there and away.
    assert_eq!(count("0"), 1 + 2 + 1);
    assert!(count("1") < count("3"));
    let whole = nodes_and_edges(&document(&[])).0.len();
    assert_eq!(count("1000"), whole);
}

#[test]
fn a_node_that_is_not_there_is_said_and_a_near_one_named() {
    let around = |node: &str| linn(&["graph", "models/light/squeezenet.onnx", "--around", node]);
    let ran = around("data_1");
    assert!(
        ran.stderr.contains("help: did you mean 'data_0'?"),
        "{}",
        ran.stderr
    );
    ran.fails(2, "the model has no node 'data_1'");
    around("9999").fails(2, "the model has no node '9999'");
    let ran = linn_fed(&["graph", "-", "--around", "twin"], &models::twins());
    assert!(
        ran.stderr.contains("help: name one by its number: 0, 1"),
        "{}",
        ran.stderr
    );
    ran.fails(2, "2 nodes are called 'twin'");
    let ran = linn(&["graph", "models/branches", "--depth", "3"]);
    ran.fails_as_usage("--around");
}

#[test]
fn constants_are_drawn_on_demand() {
    let model = "models/light/squeezenet.onnx";
    let operators = |args: &[&str]| -> Vec<String> {
        let args = [&["graph", model, "--format", "json"], args].concat();
        let document = linn(&args).works().json();
        let nodes = document["graphs"][0]["nodes"]
            .as_array()
            .expect("nodes")
            .clone();
        let operators = nodes.iter().filter_map(|node| node["operator"].as_str());
        operators.map(str::to_string).collect()
    };
    let fills = |operators: Vec<String>| {
        operators
            .iter()
            .filter(|name| *name == "ConstantOfShape")
            .count()
    };
    assert_eq!(fills(operators(&[])), 0);
    assert!(fills(operators(&["--constants"])) > 30);
    // One that is asked for is drawn.
    let inspected = linn(&["inspect", model, "--format", "json"]).works().json();
    let nodes = inspected["nodes"].as_array().expect("nodes");
    let fill = nodes
        .iter()
        .position(|node| node["operator"] == "ConstantOfShape");
    let around = fill.expect("a node").to_string();
    assert!(fills(operators(&["--around", &around, "--depth", "1"])) >= 1);
}

#[test]
fn graphs_in_nodes_have_titles_and_lead_to_their_node() {
    let model = choice();
    let text = drawn(&model, &[]);
    assert!(
        text.contains("then_branch\n") && text.contains("else_branch\n"),
        "{text}"
    );
    assert!(text.contains("from outside"), "{text}");
    let document = document(&model, &[]);
    let graphs = document["graphs"].as_array().expect("graphs");
    assert_eq!(graphs.len(), 3);
    let owners: Vec<&Value> = graphs.iter().map(|graph| &graph["owner"]).collect();
    assert!(owners[0].is_null() && owners[1].is_u64() && owners[1] == owners[2]);
    let edges = graphs[0]["edges"].as_array().expect("edges");
    let captured: Vec<&Value> = edges
        .iter()
        .filter(|edge| edge["value"]["name"] == "outer")
        .collect();
    assert_eq!(captured.len(), 1);
    assert!(captured[0]["input"].is_null());
    assert!(drawn(&model, &["--format", "dot"]).contains("subgraph cluster_1 {"));
    assert!(drawn(&model, &["--format", "mermaid"]).contains("subgraph g1["));
}

#[test]
fn a_drawing_goes_to_a_file_that_says_what_it_is() {
    let files = Files::new();
    let starts = [
        ("a.svg", "<svg "),
        ("a.dot", "digraph "),
        ("a.mmd", "flowchart TD\n"),
        ("a.json", "{\"schema\":\"linn.graph/1\""),
        ("a.txt", "models/branches, 5 nodes\n\n○"),
    ];
    for (name, start) in starts {
        let ran = linn(&["graph", "models/branches", "-o", &files.at(name)]).works();
        assert_eq!((ran.text().as_str(), ran.stderr.as_str()), ("", ""));
        let text = fs::read_to_string(files.path(name)).expect("the file is there");
        assert!(text.starts_with(start), "{text}");
        let format = ["svg", "dot", "mermaid", "json", "text"];
        let format = starts
            .iter()
            .position(|(other, _)| *other == name)
            .map(|at| format[at]);
        let args = [
            "graph",
            "models/branches",
            "--format",
            format.expect("a format"),
            "-o",
            "-",
        ];
        assert_eq!(linn(&args).works().text(), text);
    }
    let other = files.at("a.picture");
    linn(&["graph", "models/branches", "-o", &other])
        .fails(2, "must end in .txt, .dot, .mmd, .svg or .json");
    linn(&["graph", "models/branches", "-o", &other, "--format", "svg"]).works();

    // What fails leaves what was there, and nothing new.
    let kept = fs::read(files.path("a.svg")).expect("the file is there");
    let names = files.names();
    let svg = files.at("a.svg");
    linn_fed(&["graph", "-", "-o", &svg], &of_size(3100)).fails(7, "the most are 3000");
    linn(&["graph", "models/none.onnx", "-o", &svg]).fails(8, "models/none.onnx");
    let nowhere = files.at("none/a.svg");
    linn(&["graph", "models/branches", "-o", &nowhere]).fails(8, "its folder does not exist");
    assert_eq!(
        fs::read(files.path("a.svg")).expect("the file is there"),
        kept
    );
    assert_eq!(files.names(), names);
}

#[test]
fn models_that_are_not_drawn_say_why() {
    linn_fed(&["graph", "-"], b"no model").fails(3, "not an ONNX model");
    linn(&["graph", "models/none.onnx"]).fails(8, "models/none.onnx");
    linn(&["graph", "models/branches", "--dim", "M=1"]).fails(5, "M");
    linn_fed(&["graph", "-"], &models::unsupported()).fails(4, "Frobnicate");
}
