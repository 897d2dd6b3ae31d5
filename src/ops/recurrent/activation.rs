//! The activation functions of recurrent operators, by name.

use crate::error::{OpError, Quoted};

/// A function of one number, with the parameters that it has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Activation {
    function: fn(f64, f64, f64) -> f64,
    alpha: f64,
    beta: f64,
}

/// A function: its name, itself, and the defaults of alpha and beta where it has them.
type Entry = (
    &'static str,
    fn(f64, f64, f64) -> f64,
    Option<f64>,
    Option<f64>,
);

const ALL: &[Entry] = &[
    ("Relu", |x, _, _| if x < 0.0 { 0.0 } else { x }, None, None),
    ("Tanh", |x, _, _| x.tanh(), None, None),
    ("Sigmoid", |x, _, _| 1.0 / (1.0 + (-x).exp()), None, None),
    (
        "Affine",
        |x, alpha, beta| alpha * x + beta,
        Some(1.0),
        Some(0.0),
    ),
    (
        "LeakyRelu",
        |x, alpha, _| if x < 0.0 { alpha * x } else { x },
        Some(0.01),
        None,
    ),
    (
        "ThresholdedRelu",
        |x, alpha, _| if x > alpha { x } else { 0.0 },
        Some(1.0),
        None,
    ),
    (
        "ScaledTanh",
        |x, alpha, beta| alpha * (beta * x).tanh(),
        Some(1.0),
        Some(1.0),
    ),
    (
        "HardSigmoid",
        |x, alpha, beta| (alpha * x + beta).clamp(0.0, 1.0),
        Some(0.2),
        Some(0.5),
    ),
    (
        "Elu",
        |x, alpha, _| if x < 0.0 { alpha * x.exp_m1() } else { x },
        Some(1.0),
        None,
    ),
    ("Softsign", |x, _, _| x / (1.0 + x.abs()), None, None),
    (
        "Softplus",
        |x, _, _| x.max(0.0) + (-x.abs()).exp().ln_1p(),
        None,
        None,
    ),
];

impl Activation {
    /// The functions `names`; those with parameters take them in order, while there are some.
    pub(super) fn all(
        names: &[&str],
        alphas: &[f32],
        betas: &[f32],
    ) -> Result<Vec<Activation>, OpError> {
        let (mut alphas, mut betas) = (alphas.iter(), betas.iter());
        let parameter = |default: Option<f64>, given: &mut std::slice::Iter<'_, f32>| match default
        {
            None => 0.0,
            Some(default) => given.next().map_or(default, |&given| given.into()),
        };
        let mut activations = Vec::with_capacity(names.len());
        for (at, name) in names.iter().enumerate() {
            let found = ALL
                .iter()
                .find(|(known, ..)| known.eq_ignore_ascii_case(name));
            let Some((_, function, alpha, beta)) = found else {
                let known: Vec<&str> = ALL.iter().map(|(name, ..)| *name).collect();
                return Err(OpError::invalid(
                    format!("activations[{at}]"),
                    format!("is {}, must be one of {}", Quoted(name), known.join(", ")),
                ));
            };
            activations.push(Activation {
                function: *function,
                alpha: parameter(*alpha, &mut alphas),
                beta: parameter(*beta, &mut betas),
            });
        }
        Ok(activations)
    }

    #[inline]
    pub(super) fn apply(&self, x: f64) -> f64 {
        (self.function)(x, self.alpha, self.beta)
    }
}
