//! What each operator of the pooling family takes and refuses: ranks, empty tensors, its own attributes and
//! inputs. What is known from the file is refused when the model is loaded, the rest when it is run.

mod pools;
mod regions;
#[path = "../support/mod.rs"]
mod support;
mod windows;

use linn::{Class, Model, Tensor};
use support::model::{OneNode, dims_text};
use support::{Report, feed};

/// How much of the inputs' shapes the model declares.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Known {
    Shapes,
    Ranks,
    Nothing,
}

fn declared(node: &OneNode, inputs: &[Tensor], known: Known) -> OneNode {
    inputs.iter().fold(node.clone(), |node, input| match known {
        Known::Shapes => node.input(input.dtype(), &dims_text(input)),
        Known::Ranks => {
            let dims = vec!["?"; input.shape().len()];
            node.input(input.dtype(), &dims.join(","))
        }
        Known::Nothing => node.input_of_any_rank(input.dtype()),
    })
}

/// Checks that `node` refuses `inputs` with these words: when loaded if the model declares at least `needed`,
/// else when run.
fn refuses(report: &mut Report, node: &OneNode, inputs: &[Tensor], needed: Known, words: &[&str]) {
    for known in [Known::Shapes, Known::Ranks, Known::Nothing] {
        let at_load = known == Known::Shapes || known == needed || needed == Known::Nothing;
        let loaded = Model::from_bytes(declared(node, inputs, known).bytes());
        let (error, class) = match (loaded, at_load) {
            (Err(error), true) => (Some(error), Class::Invalid),
            (Ok(model), false) => (feed(&model, inputs).err(), Class::Run),
            (Ok(_), true) => (None, Class::Invalid),
            (Err(error), false) => {
                report.check(
                    format!("{words:?}, {known:?} declared"),
                    Err(format!("refused too early: {error}")),
                );
                continue;
            }
        };
        let result = match error {
            None => Err("it was accepted".to_string()),
            Some(error) => {
                let text = error.to_string();
                match words.iter().find(|word| !text.contains(**word)) {
                    None if error.class() == class => Ok(()),
                    _ => Err(format!("{:?}: {text}", error.class())),
                }
            }
        };
        report.check(format!("{words:?}, {known:?} declared"), result);
    }
}

/// Checks that values refuse a model that loads, whatever it declares.
fn fails(report: &mut Report, node: &OneNode, inputs: &[Tensor], words: &str) {
    for known in [Known::Shapes, Known::Ranks, Known::Nothing] {
        let result = match Model::from_bytes(declared(node, inputs, known).bytes()) {
            Err(error) => Err(format!("it does not load: {error}")),
            Ok(model) => match feed(&model, inputs) {
                Ok(_) => Err("it runs".to_string()),
                Err(error) if error.class() == Class::Run && error.to_string().contains(words) => {
                    Ok(())
                }
                Err(error) => Err(format!("{:?}: {error}", error.class())),
            },
        };
        report.check(format!("{words}, {known:?} declared"), result);
    }
}
