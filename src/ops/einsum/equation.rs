//! The equation of Einsum: which axes of the operands and of the output are the same.

use crate::error::{OpError, Quoted};

/// An axis of the equation. Letters are themselves; those that an ellipsis stands for are numbered from the
/// last one on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    Letter(char),
    Rest(usize),
}

/// One side of a comma, or of the arrow: letters before and behind an ellipsis, if there is one.
#[derive(Clone, Debug, Default, PartialEq)]
struct Term {
    before: Vec<char>,
    behind: Option<Vec<char>>,
}

#[derive(Debug)]
pub(super) struct Equation {
    terms: Vec<Term>,
    /// Without it, the output has the letters that are there once, in alphabetical order.
    output: Option<Term>,
}

fn invalid(equation: &str, reason: impl std::fmt::Display) -> OpError {
    OpError::invalid("equation", format!("is {}, {reason}", Quoted(equation)))
}

impl Term {
    fn parse(text: &str, equation: &str) -> Result<Term, OpError> {
        let letters = |text: &str| -> Result<Vec<char>, OpError> {
            let wrong = text.chars().find(|letter| !letter.is_ascii_alphabetic());
            match wrong {
                None => Ok(text.chars().collect()),
                Some(_) => Err(invalid(
                    equation,
                    "must hold letters, commas, an arrow and ellipses alone",
                )),
            }
        };
        match text.split_once("...") {
            None => Ok(Term {
                before: letters(text)?,
                behind: None,
            }),
            Some((before, behind)) => Ok(Term {
                before: letters(before)?,
                behind: Some(letters(behind)?),
            }),
        }
    }

    /// The labels of a tensor of `rank` axes; `None` if it has not that many.
    fn labels(&self, rank: usize) -> Option<Vec<Label>> {
        let behind = self.behind.as_deref().unwrap_or_default();
        let rest = rank.checked_sub(self.before.len() + behind.len())?;
        if rest > 0 && self.behind.is_none() {
            return None;
        }
        let letters = |letters: &[char]| {
            letters
                .iter()
                .copied()
                .map(Label::Letter)
                .collect::<Vec<_>>()
        };
        let rest = (0..rest).rev().map(Label::Rest).collect();
        Some([letters(&self.before), rest, letters(behind)].concat())
    }
}

impl Equation {
    pub(super) fn parse(text: &str) -> Result<Equation, OpError> {
        let bare: String = text
            .chars()
            .filter(|letter| !letter.is_whitespace())
            .collect();
        let (operands, output) = match bare.split_once("->") {
            Some((operands, output)) => (operands, Some(Term::parse(output, text)?)),
            None => (bare.as_str(), None),
        };
        let terms = operands.split(',').map(|term| Term::parse(term, text));
        let terms: Vec<Term> = terms.collect::<Result<_, _>>()?;
        if let Some(output) = &output {
            let all: Vec<char> =
                [&output.before, output.behind.as_deref().unwrap_or_default()].concat();
            for (at, letter) in all.iter().enumerate() {
                if all[..at].contains(letter) {
                    return Err(invalid(text, format!("has {letter} twice in the output")));
                }
                let known = |term: &Term| {
                    let behind = term.behind.as_deref().unwrap_or_default();
                    term.before.contains(letter) || behind.contains(letter)
                };
                if !terms.iter().any(known) {
                    return Err(invalid(text, format!("has {letter} in the output alone")));
                }
            }
        }
        Ok(Equation { terms, output })
    }

    /// How many operands there are.
    pub(super) fn operands(&self) -> usize {
        self.terms.len()
    }

    /// The labels of operand `index`, which has `rank` axes.
    pub(super) fn labels(&self, index: usize, rank: usize) -> Result<Vec<Label>, OpError> {
        let term = &self.terms[index];
        term.labels(rank).ok_or_else(|| {
            let letters = term.before.len() + term.behind.as_ref().map_or(0, Vec::len);
            let least = if term.behind.is_some() {
                "at least "
            } else {
                ""
            };
            OpError::invalid(
                format!("Inputs[{index}]"),
                format!("has {rank} axes, the equation gives it {least}{letters}"),
            )
        })
    }

    /// The labels of the output, for operands of these labels.
    pub(super) fn output(&self, operands: &[Vec<Label>]) -> Vec<Label> {
        let all = || operands.iter().flatten();
        let rest = all().filter_map(|label| match label {
            Label::Rest(number) => Some(number + 1),
            Label::Letter(_) => None,
        });
        let rest = rest.max().unwrap_or(0);
        match &self.output {
            Some(term) => {
                let behind = term.behind.as_deref().unwrap_or_default();
                let rest = if term.behind.is_some() { rest } else { 0 };
                let rank = term.before.len() + behind.len() + rest;
                term.labels(rank).expect("the rank was made to fit")
            }
            None => {
                let mut letters: Vec<char> = all()
                    .filter_map(|label| match label {
                        Label::Letter(letter) => Some(*letter),
                        Label::Rest(_) => None,
                    })
                    .collect();
                letters.sort_unstable();
                let once = letters
                    .chunk_by(|a, b| a == b)
                    .filter(|letters| letters.len() == 1);
                let once = once.map(|letters| Label::Letter(letters[0]));
                (0..rest).rev().map(Label::Rest).chain(once).collect()
            }
        }
    }
}
