//! Pictures of all models: nothing covers anything, and nothing is left out.

use std::collections::HashSet;
use std::fs;

use super::picture::Picture;
use super::{MODELS, document, drawn, made, nodes_and_edges};
use crate::support::Report;
use crate::support::program::linn;

/// Checks a picture against the document of the same drawing.
pub(super) fn check_picture(model: &[u8], args: &[&str], pixels: bool) -> Result<(), String> {
    let svg = drawn(model, &[&["--format", "svg"], args].concat());
    let picture = Picture::parse(&svg)?;
    picture.check_places()?;
    if pixels {
        picture.check_pixels(&svg)?;
    }
    let (nodes, edges) = nodes_and_edges(&document(model, args));
    if picture.boxes.len() != nodes.len() {
        return Err(format!(
            "{} boxes for {} nodes",
            picture.boxes.len(),
            nodes.len()
        ));
    }
    // What stands right below a node reads it without an edge.
    let distinct: HashSet<&[String; 4]> = edges.iter().collect();
    let wanted = distinct.len() - picture.joints();
    match picture.arrows.len() == wanted {
        true => Ok(()),
        false => Err(format!(
            "{} arrows for {wanted} edges",
            picture.arrows.len()
        )),
    }
}

#[test]
fn in_pictures_nothing_covers_anything_and_nothing_is_cut_off() {
    let mut report = Report::default();
    for model in MODELS {
        let file = match model.ends_with(".onnx") {
            true => model.to_string(),
            false => format!("{model}/model.onnx"),
        };
        let bytes = fs::read(file).expect("the model can be read");
        for args in [&["--shapes"][..], &[], &["--optimized", "--shapes"]] {
            // What is optimized has no other kinds of boxes.
            let pixels = !args.contains(&"--optimized");
            report.check(
                format!("{model} {args:?}"),
                check_picture(&bytes, args, pixels),
            );
        }
    }
    for (name, model) in made() {
        for args in [&["--shapes"][..], &["--constants"], &["--around", "1"]] {
            report.check(
                format!("{name} {args:?}"),
                check_picture(&model, args, true),
            );
        }
    }
    report.finish(80);
}

/// The picture in the README: a pool and what becomes of its output.
const SHOWN: [&str; 8] = [
    "graph",
    "models/light/inception_v1.onnx",
    "--around",
    "n9",
    "--depth",
    "4",
    "--shapes",
    "--format=svg",
];

#[test]
fn the_picture_of_the_readme_is_what_the_program_draws() {
    let drawn = linn(&SHOWN).works().text();
    if std::env::var_os("UPDATE_README").is_some() {
        fs::write("docs/graph.svg", drawn).expect("the picture can be written");
        return;
    }
    let shown = fs::read_to_string("docs/graph.svg").expect("the picture can be read");
    assert!(
        shown == drawn,
        "UPDATE_README=1 cargo test --test cli writes docs/graph.svg anew"
    );
}
