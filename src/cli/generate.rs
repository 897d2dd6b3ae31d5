//! Generated inputs: `rand`, `zeros`, `ones` and `iota`, the same for the same seed on every machine.

use half::f16;
use linn::{DType, Shape, Tensor};

use super::number::{Number, integer, number_type};

/// What fills a generated tensor.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Generator {
    /// Random elements between two bounds, if given.
    Rand(Option<Bounds>),
    Zeros,
    Ones,
    /// 0, 1, 2 ... in C order.
    Iota,
}

/// The bounds of random elements, as text: their type decides how they are read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bounds {
    low: String,
    high: String,
}

impl Generator {
    /// The generator that a text names, if it names one.
    pub(super) fn parse(text: &str) -> Option<Result<Generator, String>> {
        match text {
            "rand" => Some(Ok(Generator::Rand(None))),
            "zeros" => Some(Ok(Generator::Zeros)),
            "ones" => Some(Ok(Generator::Ones)),
            "iota" => Some(Ok(Generator::Iota)),
            _ => {
                let bounds = text.strip_prefix("rand:")?;
                Some(Bounds::parse(bounds).map(|bounds| Generator::Rand(Some(bounds))))
            }
        }
    }

    /// A tensor of this type and shape. `stream` tells the inputs of a model apart that share a seed.
    pub(super) fn tensor(
        &self,
        dtype: DType,
        shape: &Shape,
        seed: u64,
        stream: &str,
    ) -> Result<Tensor, String> {
        number_type!(dtype, T => {
            let elements = self.elements::<T>(shape.elements(), Random::new(seed, stream))?;
            Tensor::new(shape, elements).map_err(|error| error.to_string())
        }, else match self {
            Generator::Zeros if dtype == DType::String => {
                Tensor::new(shape, vec![String::new(); shape.elements()]).map_err(|error| error.to_string())
            }
            _ => Err(format!("elements of type {dtype} cannot be generated")),
        })
    }

    fn elements<T: Number>(&self, len: usize, mut random: Random) -> Result<Vec<T>, String> {
        let constant = |value| {
            let element = T::from_integer(value)
                .ok_or_else(|| format!("{value} is not a value of type {}", T::DTYPE))?;
            Ok(vec![element; len])
        };
        match self {
            Generator::Zeros => constant(0),
            Generator::Ones => constant(1),
            Generator::Iota => {
                let count = (0..len as i128).map(|value| {
                    T::from_integer(value).ok_or_else(|| {
                        format!("iota reaches {value}, no value of type {}", T::DTYPE)
                    })
                });
                count.collect()
            }
            Generator::Rand(bounds) if T::FLOAT => {
                let (low, high) = match bounds {
                    Some(bounds) => bounds.floats()?,
                    // Smaller ones are subnormal, which no other type meets and which could cost time.
                    None if T::DTYPE == DType::F16 => (f16::MIN_POSITIVE.to_f64(), 1.0),
                    None => (0.0, 1.0),
                };
                (0..len).map(|_| random.float(low, high)).collect()
            }
            Generator::Rand(bounds) => {
                let (low, high) = match bounds {
                    Some(bounds) => bounds.integers()?,
                    None if T::DTYPE == DType::Bool => (0, 1),
                    // The 2-bit and 4-bit types end before 9.
                    None => (
                        0,
                        (1..=9)
                            .rev()
                            .find(|&high| T::from_integer(high).is_some())
                            .unwrap_or(1),
                    ),
                };
                for bound in [low, high] {
                    if T::from_integer(bound).is_none() {
                        return Err(format!("{bound} is not a value of type {}", T::DTYPE));
                    }
                }
                (0..len).map(|_| random.integer(low, high)).collect()
            }
        }
    }
}

impl Bounds {
    fn parse(text: &str) -> Result<Bounds, String> {
        let wanted = || "rand takes two numbers, as rand:-1,1, the smaller one first".to_string();
        let (low, high) = text.split_once(',').ok_or_else(wanted)?;
        let bounds = Bounds {
            low: low.trim().to_string(),
            high: high.trim().to_string(),
        };
        match bounds.floats() {
            Ok((low, high)) if (high - low).is_finite() && low <= high => Ok(bounds),
            _ => Err(wanted()),
        }
    }

    fn floats(&self) -> Result<(f64, f64), String> {
        let float = |text: &str| text.parse().map_err(|_| format!("{text} is not a number"));
        Ok((float(&self.low)?, float(&self.high)?))
    }

    fn integers(&self) -> Result<(i128, i128), String> {
        let integer = |text| integer(text).ok_or_else(|| format!("{text} is not an integer"));
        Ok((integer(&self.low)?, integer(&self.high)?))
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct Random(u64);

impl Random {
    fn new(seed: u64, stream: &str) -> Random {
        // FNV-1a over the name, so that each input has numbers of its own.
        let name = stream
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
            });
        Random(Random(seed).next() ^ name)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `low` up to, not including, `high`; `low` where they are equal.
    fn float<T: Number>(&mut self, low: f64, high: f64) -> Result<T, String> {
        // A narrow type may round a number up to `high` or out of its range: then another one is drawn.
        for _ in 0..64 {
            let unit = (self.next() >> 11) as f64 / (1u64 << 53) as f64;
            let element = T::from_float(low + unit * (high - low));
            if let Some(element) = element
                && (low == high || element.scalar().to_f64().is_none_or(|value| value < high))
            {
                return Ok(element);
            }
        }
        Err(format!(
            "no values of type {} from {low} to {high}",
            T::DTYPE
        ))
    }

    /// An integer from `low` to `high`, both included.
    fn integer<T: Number>(&mut self, low: i128, high: i128) -> Result<T, String> {
        let count = high.abs_diff(low) + 1;
        let offset = (u128::from(self.next()) * count) >> 64;
        T::from_integer(low + offset as i128)
            .ok_or_else(|| format!("no values of type {} from {low} to {high}", T::DTYPE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generate(text: &str, dtype: DType, len: usize) -> Result<Tensor, String> {
        let generator = Generator::parse(text).ok_or("no generator")??;
        generator.tensor(dtype, &Shape::new(&[len]).unwrap(), 0, "x")
    }

    #[test]
    fn every_type_of_number_can_be_generated_and_stays_inside_its_bounds() {
        for &dtype in DType::ALL.iter().filter(|dtype| **dtype != DType::String) {
            let tensor = generate("rand", dtype, 500).unwrap();
            let (low, high) = match dtype {
                dtype if dtype.name().starts_with(['f', 'b']) => (0.0, 1.0),
                _ => (0.0, 9.0),
            };
            for scalar in tensor.as_view().scalars() {
                let inside = scalar.to_f64().is_none_or(|x| low <= x && x <= high);
                assert!(inside, "{dtype} {scalar}");
            }
            let ones = generate("ones", dtype, 2).unwrap();
            assert!(
                ones.as_view()
                    .scalar(1)
                    .unwrap()
                    .to_f64()
                    .is_none_or(|x| x == 1.0)
            );
        }
        let wide = generate(
            "rand:-9223372036854775808,9223372036854775807",
            DType::I64,
            100,
        )
        .unwrap();
        let values = wide.as_slice::<i64>().unwrap();
        assert!(values.iter().any(|x| *x < -(1 << 60)) && values.iter().any(|x| *x > 1 << 60));
        let halves = generate("rand", DType::F16, 5000).unwrap();
        let normal = |x: f64| (f64::from(f16::MIN_POSITIVE)..1.0).contains(&x);
        assert!(
            halves
                .as_view()
                .scalars()
                .all(|x| x.to_f64().is_some_and(normal))
        );
    }

    #[test]
    fn numbers_depend_on_seed_and_name_alone() {
        let shape = Shape::new(&[4]).unwrap();
        let rand = |seed, name: &str| Generator::Rand(None).tensor(DType::F32, &shape, seed, name);
        assert_eq!(rand(0, "x"), rand(0, "x"));
        assert_ne!(rand(0, "x"), rand(0, "y"));
        assert_ne!(rand(0, "x"), rand(1, "x"));
        let known = generate("rand", DType::U8, 8).unwrap();
        assert_eq!(
            known.as_slice(),
            Some(KNOWN),
            "the numbers of a seed never change"
        );
    }
    const KNOWN: &[u8] = &[5, 5, 4, 5, 8, 8, 1, 4];

    #[test]
    fn what_a_type_does_not_hold_is_an_error() {
        assert_eq!(
            generate("iota", DType::U8, 300).unwrap_err(),
            "iota reaches 256, no value of type u8"
        );
        assert!(generate("iota", DType::Bool, 3).is_err());
        assert!(generate("rand:0,300", DType::U8, 3).is_err());
        assert!(generate("rand:0.5,2", DType::U8, 3).is_err());
        assert!(generate("rand:1,0", DType::F32, 3).is_err());
        assert!(generate("rand:nan,0", DType::F32, 3).is_err());
        assert!(generate("rand:1000,1001", DType::F4E2M1, 3).is_err());
        assert!(generate("rand", DType::String, 3).is_err());
        assert!(generate("zeros", DType::String, 3).is_ok());
    }
}
