//! `--top` and `--labels`: the classes that a model is surest of.

mod labels;
mod ranking;

use std::path::PathBuf;

use clap::ValueEnum;
use linn::text::Quoted;
use linn::{Scalar, Tensor};

use super::source::Loader;
use super::{Failure, note};
use labels::Labels;
use ranking::Ranked;
pub(super) use ranking::{Ranking, add_json, text};

/// Whether and how the largest scores are shown.
#[derive(clap::Args)]
pub(super) struct Top {
    /// Show the K largest scores of each output that is a row of them, or a batch of rows [default: 5 with --labels]
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    top: Option<u32>,

    /// The names of the classes: one a line, or a JSON list or object
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,

    /// Whether scores are turned into probabilities first: auto does so where they are none
    #[arg(long, value_name = "WHEN", value_enum)]
    softmax: Option<Softmax>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Softmax {
    Auto,
    Always,
    Never,
}

impl Top {
    /// What makes rankings, if they are asked for.
    pub(super) fn ranker(&self, loader: &mut Loader) -> Result<Option<Ranker>, Failure> {
        if self.top.is_none() && self.labels.is_none() && self.softmax.is_none() {
            return Ok(None);
        }
        let labels = self.labels.as_ref();
        Ok(Some(Ranker {
            count: self.top.unwrap_or(5) as usize,
            labels: labels.map(|file| Labels::read(file, loader)).transpose()?,
            softmax: self.softmax.unwrap_or(Softmax::Auto),
        }))
    }
}

/// Makes rankings of outputs.
pub(super) struct Ranker {
    count: usize,
    labels: Option<Labels>,
    softmax: Softmax,
}

impl Ranker {
    /// The rankings of those outputs that are rows of scores.
    ///
    /// # Errors
    /// None is, or none has as many classes as there are labels.
    pub(super) fn rankings(
        &self,
        outputs: &[(&str, &Tensor)],
    ) -> Result<Vec<Option<Ranking>>, Failure> {
        let rankings: Vec<Option<Ranking>> = outputs
            .iter()
            .map(|(name, tensor)| self.ranking(name, tensor))
            .collect();
        if rankings.iter().any(Option::is_some) {
            return Ok(rankings);
        }
        let found: Vec<String> = outputs
            .iter()
            .map(|(name, tensor)| format!("{} is {tensor}", Quoted(name)))
            .collect();
        let found = found.join(", ");
        let mut classes = outputs.iter().filter_map(|(name, tensor)| {
            Some((name, classes(tensor.shape()).filter(|_| is_real(tensor))?))
        });
        Err(match (&self.labels, classes.next()) {
            (Some(labels), Some((name, count))) => {
                labels.wrong(&format!("the output {} has {count} classes", Quoted(name)))
            }
            _ => Failure::Input(format!("no output is a row of scores: {found}")),
        })
    }

    fn ranking(&self, name: &str, tensor: &Tensor) -> Option<Ranking> {
        let count = classes(tensor.shape()).filter(|_| is_real(tensor))?;
        if self
            .labels
            .as_ref()
            .is_some_and(|labels| labels.len() != count)
        {
            return None;
        }
        let view = tensor.as_view();
        let rows = tensor.shape().elements() / count;
        // A row at a time: there may be many.
        let row = |row: usize| -> Vec<f64> {
            let scores = (row * count..(row + 1) * count).map(|at| view.scalar(at));
            scores
                .map(|score| score.and_then(Scalar::to_f64).unwrap_or(f64::NAN))
                .collect()
        };
        let is_float = matches!(view.scalar(0), Some(Scalar::F32(_) | Scalar::F64(_)));
        let is_softmax = match self.softmax {
            Softmax::Always => true,
            Softmax::Never => false,
            // Integers are scores on a scale of their own.
            Softmax::Auto => is_float && !(0..rows).all(|index| are_probabilities(&row(index))),
        };
        if is_softmax && self.softmax == Softmax::Auto {
            let name = Quoted(name);
            note(format!(
                "{name} holds no probabilities, so softmax is taken of it (--softmax never leaves it as it is)"
            ));
        }
        let rank = |index: usize| match is_softmax {
            true => self.largest(&softmax(&row(index))),
            false => self.largest(&row(index)),
        };
        Some(Ranking {
            rows: (0..rows).map(rank).collect(),
            is_softmax,
        })
    }

    /// The classes with the largest scores; of equal ones the first, and NaN last.
    fn largest(&self, row: &[f64]) -> Vec<Ranked> {
        let mut classes: Vec<usize> = (0..row.len()).collect();
        let key = |class: &usize| match row[*class] {
            score if score.is_nan() => f64::NEG_INFINITY,
            score => score,
        };
        classes.sort_by(|a, b| key(b).total_cmp(&key(a)));
        let ranked = |class: usize| Ranked {
            class,
            label: self
                .labels
                .as_ref()
                .and_then(|labels| labels.get(class))
                .map(str::to_string),
            score: row[class],
        };
        classes.into_iter().take(self.count).map(ranked).collect()
    }
}

/// How many scores a row has in a tensor of shape `[C]`, or `[N,C]` with axes of size 1 anywhere behind the first.
fn classes(shape: &[usize]) -> Option<usize> {
    if !(1..=4).contains(&shape.len()) || shape.contains(&0) {
        return None;
    }
    let inner = match shape {
        [only] => return Some(*only),
        [_, inner @ ..] => inner,
        [] => return None,
    };
    let mut others = inner.iter().filter(|size| **size != 1);
    match (others.next(), others.next()) {
        (Some(count), None) => Some(*count),
        _ => None,
    }
}

fn is_real(tensor: &Tensor) -> bool {
    let first = tensor.as_view().scalar(0).map(|scalar| match scalar {
        Scalar::Bool(_) => None,
        scalar => scalar.to_f64(),
    });
    first.flatten().is_some()
}

fn are_probabilities(row: &[f64]) -> bool {
    let sum: f64 = row.iter().sum();
    row.iter().all(|x| (0.0..=1.0).contains(x)) && (sum - 1.0).abs() < 1e-2
}

fn softmax(row: &[f64]) -> Vec<f64> {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = row.iter().map(|x| (x - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranker(count: usize, softmax: Softmax) -> Ranker {
        Ranker {
            count,
            labels: None,
            softmax,
        }
    }

    fn shown(shape: &[usize], data: Vec<f32>, softmax: Softmax) -> String {
        let tensor = Tensor::new(shape, data).unwrap();
        let outputs = [("y", &tensor)];
        let rankings = ranker(2, softmax).rankings(&outputs).unwrap();
        text(&outputs, &rankings, false)
    }

    #[test]
    fn rows_of_scores_are_ranked_one_after_another() {
        let rows = shown(&[2, 3], vec![0.25, 0.5, 0.25, 0.0, 0.0, 1.0], Softmax::Auto);
        assert_eq!(
            rows,
            "y  f32[2,3]  row 0\n  1  0.5000  ████████████████\n  0  0.2500  ████████\n\
             y  f32[2,3]  row 1\n  2  1.0000  ████████████████\n  0  0.0000\n"
        );
        assert_eq!(
            shown(&[1, 3, 1, 1], vec![f32::NAN, 2.0, -1.0], Softmax::Never),
            "y  f32[1,3,1,1]\n  1   2.0000  ████████████████\n  2  -1.0000\n"
        );
    }

    #[test]
    fn softmax_is_taken_of_what_are_no_probabilities() {
        let scores = vec![1000.0, 1000.0];
        let half =
            "y  f32[2]  softmax\n  0  0.5000  ████████████████\n  1  0.5000  ████████████████\n";
        assert_eq!(shown(&[2], scores.clone(), Softmax::Auto), half);
        assert_eq!(shown(&[2], vec![0.5, 0.5], Softmax::Always), half);
        assert!(!shown(&[2], vec![0.5, 0.5], Softmax::Auto).contains("softmax"));
        assert!(!shown(&[2], scores, Softmax::Never).contains("softmax"));
        // Integers stay what they are.
        let bytes = Tensor::new(&[1, 2], vec![200u8, 3]).unwrap();
        let rankings = ranker(1, Softmax::Auto).rankings(&[("y", &bytes)]).unwrap();
        assert!(!rankings[0].as_ref().unwrap().is_softmax);
    }

    #[test]
    fn what_is_no_row_of_scores_is_refused() {
        for shape in [
            &[1, 2, 2][..],
            &[2, 2, 1, 2],
            &[1, 1, 1, 1, 4],
            &[0],
            &[],
            &[4, 1],
        ] {
            let len = shape.iter().product::<usize>();
            let tensor = Tensor::new(shape, vec![0.0f32; len]).unwrap();
            let ranked = ranker(1, Softmax::Auto).rankings(&[("y", &tensor)]);
            assert!(
                ranked.is_err_and(|failure| failure.exit_code() == 5),
                "{shape:?}"
            );
        }
        let texts = Tensor::new(&[1], vec!["a".to_string()]).unwrap();
        assert!(ranker(1, Softmax::Auto).rankings(&[("y", &texts)]).is_err());
    }
}
