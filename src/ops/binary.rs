//! Functions of two elements, with broadcasting: arithmetic, comparisons, logic, bits and slopes.
//!
//! Specification: the page of each, as <https://onnx.ai/onnx/operators/onnx__Add.html>
//! Integers wrap; division by an integer 0 gives 0, as in numpy. Shifts by the number of bits or more leave 0.

use half::{bf16, f16};

use super::broadcast::Broadcast;
use super::elementwise::{self, Zip, rows};
use super::number::{Integer, Number, is_float};
use super::{Fact, Follow, Inputs, Op, Operator, Outputs, Step, elements, required};
use crate::allocate;
use crate::error::{OpError, Quoted};
use crate::onnx::attributes::Attributes;
use crate::tensor::{DType, Element, Tensor, TensorView, dispatch};

/// `A` and `B` to `C`, of the shape that both broadcast to.
#[derive(Debug)]
struct Binary {
    broadcast: Broadcast,
    function: Function,
    /// What the inputs are called.
    names: [&'static str; 2],
}

#[derive(Clone, Copy, Debug)]
enum Function {
    Arithmetic(Arithmetic),
    Compare(Compare),
    Logic(Logic),
    Shift(Shift),
}

#[derive(Clone, Copy, Debug)]
enum Arithmetic {
    Add,
    Sub,
    Mul,
    Div,
    Modulo,
    Remainder,
    /// The second factor counts where the first is negative.
    PRelu,
}

#[derive(Clone, Copy, Debug)]
enum Compare {
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// Of truth values, or of bits.
#[derive(Clone, Copy, Debug)]
enum Logic {
    And,
    Or,
    Xor,
}

#[derive(Clone, Copy, Debug)]
enum Shift {
    Left,
    Right,
}

/// `CONST "Name" newest => function;`
macro_rules! table {
    ($($op:ident $name:literal $newest:literal => $function:expr;)*) => {
        $(pub(super) const $op: Op = Op {
            domain: "ai.onnx",
            name: $name,
            newest: $newest,
            read: |attributes| Ok(Box::new(Binary::read(attributes, $function)?)),
            exact: false,
        };)*
    };
}
table! {
    ADD "Add" 14 => Function::Arithmetic(Arithmetic::Add);
    AND "And" 7 => Function::Logic(Logic::And);
    BITWISE_AND "BitwiseAnd" 18 => Function::Logic(Logic::And);
    BITWISE_OR "BitwiseOr" 18 => Function::Logic(Logic::Or);
    BITWISE_XOR "BitwiseXor" 18 => Function::Logic(Logic::Xor);
    DIV "Div" 14 => Function::Arithmetic(Arithmetic::Div);
    EQUAL "Equal" 19 => Function::Compare(Compare::Equal);
    GREATER "Greater" 13 => Function::Compare(Compare::Greater);
    GREATER_OR_EQUAL "GreaterOrEqual" 16 => Function::Compare(Compare::GreaterOrEqual);
    LESS "Less" 13 => Function::Compare(Compare::Less);
    LESS_OR_EQUAL "LessOrEqual" 16 => Function::Compare(Compare::LessOrEqual);
    MUL "Mul" 14 => Function::Arithmetic(Arithmetic::Mul);
    OR "Or" 7 => Function::Logic(Logic::Or);
    SUB "Sub" 14 => Function::Arithmetic(Arithmetic::Sub);
    XOR "Xor" 7 => Function::Logic(Logic::Xor);
}

pub(super) const BIT_SHIFT: Op = Op {
    domain: "ai.onnx",
    name: "BitShift",
    newest: 11,
    read: |attributes| {
        let function = match attributes.string("direction")? {
            Some("LEFT") => Shift::Left,
            Some("RIGHT") => Shift::Right,
            other => {
                return Err(OpError::invalid(
                    "direction",
                    format!(
                        "is {}, must be 'LEFT' or 'RIGHT'",
                        Quoted(other.unwrap_or_default())
                    ),
                ));
            }
        };
        Ok(Box::new(Binary {
            names: ["X", "Y"],
            ..Binary::read(attributes, Function::Shift(function))?
        }))
    },
    exact: false,
};

pub(super) const MOD: Op = Op {
    domain: "ai.onnx",
    name: "Mod",
    newest: 13,
    read: |attributes| {
        let function = match attributes.flag("fmod")? {
            true => Arithmetic::Remainder,
            false => Arithmetic::Modulo,
        };
        let function = Function::Arithmetic(function);
        Ok(Box::new(Binary::read(attributes, function)?))
    },
    exact: false,
};

pub(super) const PRELU: Op = Op {
    domain: "ai.onnx",
    name: "PRelu",
    newest: 16,
    read: |attributes| {
        attributes.ignore(
            "consumed_inputs",
            "a hint on buffers, without effect on results",
        );
        Ok(Box::new(Binary {
            // Before version 7 the slope is one number, or one for each channel.
            broadcast: match attributes.version() {
                ..7 => Broadcast::Onto(Some(1)),
                _ => Broadcast::Second,
            },
            function: Function::Arithmetic(Arithmetic::PRelu),
            names: ["X", "slope"],
        }))
    },
    exact: false,
};

impl Binary {
    fn read(attributes: &mut Attributes<'_>, function: Function) -> Result<Binary, OpError> {
        Ok(Binary {
            broadcast: Broadcast::read(attributes)?,
            function,
            names: ["A", "B"],
        })
    }

    fn zip<T: Element, Y: Element>(
        &self,
        a: &TensorView<'_>,
        b: &TensorView<'_>,
        outputs: &mut Outputs<'_, '_>,
        function: Zip<T, T, Y>,
    ) -> Result<(), OpError> {
        let (a_fact, b_fact) = (Fact::from(a), Fact::from(b));
        let [a_name, b_name] = self.names;
        let [shape, a_shape, b_shape] = self
            .broadcast
            .shapes((a_name, &a_fact), (b_name, &b_fact))?;
        let (a, b) = ((elements(a), &*a_shape), (elements(b), &*b_shape));
        elementwise::zip(a, b, outputs.make(&shape)?, function);
        Ok(())
    }
}

impl Binary {
    /// Computes in the place of input `index` if the output has its shape.
    fn zip_in_place<T: Element + Copy>(
        &self,
        index: usize,
        y: &mut Tensor,
        x: &TensorView<'_>,
        function: Zip<T, T, T>,
    ) -> Result<bool, OpError> {
        let (own, other) = (Fact::from(&y.as_view()), Fact::from(x));
        let [a, b] = match index {
            0 => [&own, &other],
            _ => [&other, &own],
        };
        let names = self.names;
        let [shape, a, b] = self.broadcast.shapes((names[0], a), (names[1], b))?;
        if shape != *y.shape() {
            return Ok(false);
        }
        let (own, other) = if index == 0 { (a, b) } else { (b, a) };
        let y = y.as_mut_slice().expect("the type was dispatched on");
        elementwise::zip_in_place((y, &own), (elements(x), &other), index == 0, function);
        Ok(true)
    }
}

fn arithmetic<T: Number>(function: Arithmetic) -> Zip<T, T, T> {
    match function {
        Arithmetic::Add => |a, b, y| rows(a, b, y, |a, b| a.plus(*b)),
        Arithmetic::Sub => |a, b, y| rows(a, b, y, |a, b| a.minus(*b)),
        Arithmetic::Mul => |a, b, y| rows(a, b, y, |a, b| a.times(*b)),
        Arithmetic::Div => |a, b, y| rows(a, b, y, |a, b| a.over(*b)),
        Arithmetic::Modulo => |a, b, y| rows(a, b, y, |a, b| a.modulo(*b)),
        Arithmetic::Remainder => |a, b, y| rows(a, b, y, |a, b| a.remainder(*b)),
        Arithmetic::PRelu => |a, b, y| {
            rows(
                a,
                b,
                y,
                |a, b| {
                    if *a < T::default() { a.times(*b) } else { *a }
                },
            );
        },
    }
}

fn compare<T: Element + PartialOrd>(function: Compare) -> Zip<T, T, bool> {
    match function {
        Compare::Equal => |a, b, y| rows(a, b, y, |a, b| a == b),
        Compare::Greater => |a, b, y| rows(a, b, y, |a, b| a > b),
        Compare::GreaterOrEqual => |a, b, y| rows(a, b, y, |a, b| a >= b),
        Compare::Less => |a, b, y| rows(a, b, y, |a, b| a < b),
        Compare::LessOrEqual => |a, b, y| rows(a, b, y, |a, b| a <= b),
    }
}

fn logic(function: Logic) -> Zip<bool, bool, bool> {
    match function {
        Logic::And => |a, b, y| rows(a, b, y, |a, b| *a && *b),
        Logic::Or => |a, b, y| rows(a, b, y, |a, b| *a || *b),
        Logic::Xor => |a, b, y| rows(a, b, y, |a, b| a != b),
    }
}

fn bits<T: Integer>(function: Logic) -> Zip<T, T, T> {
    match function {
        Logic::And => |a, b, y| rows(a, b, y, |a, b| a.and(*b)),
        Logic::Or => |a, b, y| rows(a, b, y, |a, b| a.or(*b)),
        Logic::Xor => |a, b, y| rows(a, b, y, |a, b| a.xor(*b)),
    }
}

fn shift<T: Integer>(function: Shift) -> Zip<T, T, T> {
    match function {
        Shift::Left => |a, b, y| rows(a, b, y, |a, b| a.shift_left(*b)),
        Shift::Right => |a, b, y| rows(a, b, y, |a, b| a.shift_right(*b)),
    }
}

impl Binary {
    /// What is done to the elements of input `index` where the other one is a constant for each channel.
    fn affine(
        &self,
        function: Arithmetic,
        index: usize,
        inputs: &[Option<Fact>],
    ) -> Option<Follow> {
        let [Some(a), Some(b)] = inputs else {
            return None;
        };
        let (x, other) = if index == 0 { (a, b) } else { (b, a) };
        let numbers = other.value.as_ref()?.as_slice::<f32>()?;
        let named = ((self.names[0], a), (self.names[1], b));
        let mut aligned = self.broadcast.align(named.0, named.1).ok()??;
        let constant = std::mem::take(&mut aligned[1 - index]);
        let dims = x.dims.as_ref()?;
        if constant.len() != aligned[index].len() || dims.len() != constant.len() {
            return None;
        }
        let wide = |axis: &usize| constant[*axis] != Some(1);
        let axis = (0..constant.len()).find(wide).unwrap_or(0);
        let own = axis < dims.len() && (constant[axis] == dims[axis] || numbers.len() == 1);
        if !own || numbers.len() != constant.get(axis).copied().flatten()? {
            return None;
        }
        let of = |number: f64| match (function, index) {
            (Arithmetic::Add, _) => Some((1.0, number)),
            (Arithmetic::Mul, _) => Some((number, 0.0)),
            (Arithmetic::Sub, 0) => Some((1.0, -number)),
            (Arithmetic::Sub, _) => Some((-1.0, number)),
            (Arithmetic::Div, 0) => Some((number.recip(), 0.0)),
            _ => None,
        };
        let mut factors = allocate::with_capacity(numbers.len());
        let mut summands = allocate::with_capacity(numbers.len());
        for number in numbers {
            let (factor, summand) = of(f64::from(*number))?;
            if !factor.is_finite() || !summand.is_finite() {
                return None;
            }
            factors.push(factor);
            summands.push(summand);
        }
        Some(Follow::Affine {
            axis,
            factors,
            summands,
        })
    }
}

impl Operator for Binary {
    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, OpError> {
        let (a, b) = (required(inputs, 0), required(inputs, 1));
        if is_float(a.dtype) && matches!(self.function, Function::Arithmetic(Arithmetic::Modulo)) {
            return Err(OpError::invalid(
                "fmod",
                format!("is 0, must be 1 for elements of type {}", a.dtype),
            ));
        }
        let dtype = match self.function {
            Function::Compare(_) => DType::Bool,
            _ => a.dtype,
        };
        let dims = self
            .broadcast
            .dims((self.names[0], a), (self.names[1], b))?;
        Ok(vec![Fact::new(dtype, dims)])
    }

    fn follow(&self, index: usize, inputs: &[Option<Fact>]) -> Option<Follow> {
        let Function::Arithmetic(function) = self.function else {
            return None;
        };
        if let (Arithmetic::Add, Some(sum)) = (function, Follow::sum(index, inputs)) {
            return Some(sum);
        }
        self.affine(function, index, inputs)
    }

    fn step(&self, _inputs: &[Option<Fact>]) -> Option<Step> {
        match (&self.broadcast, self.function) {
            (Broadcast::Both, Function::Arithmetic(function)) => match function {
                Arithmetic::Add => Some(Step::Sum),
                Arithmetic::Sub => Some(Step::Difference),
                Arithmetic::Mul => Some(Step::Product),
                Arithmetic::Div => Some(Step::Quotient),
                _ => None,
            },
            _ => None,
        }
    }

    fn in_place(&self) -> bool {
        matches!(self.function, Function::Arithmetic(_))
    }

    fn run_in_place(
        &self,
        index: usize,
        y: &mut Tensor,
        inputs: Inputs<'_, '_>,
    ) -> Result<bool, OpError> {
        let Function::Arithmetic(function) = self.function else {
            return Ok(false);
        };
        let x = required(inputs, 1 - index);
        dispatch!(
            y.dtype(), T in [f32, f64, f16, bf16, i8, i16, i32, i64, u8, u16, u32, u64] =>
            self.zip_in_place(index, y, x, arithmetic::<T>(function))
        )
    }

    fn run(&self, inputs: Inputs<'_, '_>, outputs: &mut Outputs<'_, '_>) -> Result<(), OpError> {
        let (a, b) = (required(inputs, 0), required(inputs, 1));
        let dtype = a.dtype();
        match self.function {
            Function::Arithmetic(function) => dispatch!(
                dtype, T in [f32, f64, f16, bf16, i8, i16, i32, i64, u8, u16, u32, u64] =>
                self.zip(a, b, outputs, arithmetic::<T>(function))
            ),
            Function::Compare(function) => dispatch!(
                dtype, T in [f32, f64, f16, bf16, i8, i16, i32, i64, u8, u16, u32, u64, bool, String] =>
                self.zip(a, b, outputs, compare::<T>(function))
            ),
            Function::Logic(function) if dtype == DType::Bool => {
                self.zip(a, b, outputs, logic(function))
            }
            Function::Logic(function) => dispatch!(
                dtype, T in [i8, i16, i32, i64, u8, u16, u32, u64] =>
                self.zip(a, b, outputs, bits::<T>(function))
            ),
            Function::Shift(function) => dispatch!(
                dtype, T in [u8, u16, u32, u64] => self.zip(a, b, outputs, shift::<T>(function))
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use half::f16;

    use crate::ops::testing::{Node, iota, node, tensor};
    use crate::tensor::{Element, Tensor};

    #[test]
    fn integers_wrap_and_halves_round_once() {
        let sum = |a, b| node("Add", 14).run(&[Some(&a), Some(&b)]);
        assert_eq!(
            sum(tensor(&[1], vec![250u8]), tensor(&[1], vec![10u8])),
            Ok(vec![tensor(&[1], vec![4u8])])
        );
        assert_eq!(
            sum(tensor(&[1], vec![i64::MAX]), tensor(&[1], vec![1i64])),
            Ok(vec![tensor(&[1], vec![i64::MIN])])
        );
        let half = |x: f32| tensor(&[1], vec![f16::from_f32(x)]);
        assert_eq!(sum(half(2048.0), half(1.0)), Ok(vec![half(2048.0)]));
        assert_eq!(sum(half(2048.0), half(3.0)), Ok(vec![half(2052.0)]));
    }

    fn run<T: Element>(node: Node, a: Vec<T>, b: Vec<T>) -> Tensor {
        let (a, b) = (tensor(&[a.len()], a), tensor(&[b.len()], b));
        node.run(&[Some(&a), Some(&b)]).expect("it runs").remove(0)
    }

    #[test]
    fn integer_divisions() {
        let (a, b) = (vec![7i32, -7, 7, i32::MIN, 5], vec![2, 2, -2, -1, 0]);
        let two = |node| run(node, a.clone(), b.clone());
        let wanted = |y: [i32; 5]| tensor(&[5], y.to_vec());
        assert_eq!(two(node("Div", 14)), wanted([3, -3, -3, i32::MIN, 0]));
        assert_eq!(two(node("Mod", 10)), wanted([1, 1, -1, 0, 0]));
        let remainder = node("Mod", 10).int("fmod", 1);
        assert_eq!(two(remainder), wanted([1, -1, 1, 0, 0]));
        assert_eq!(
            node("Mod", 13).error(&[Some(&iota(&[1])), Some(&iota(&[1]))]),
            "fmod is 0, must be 1 for elements of type f32"
        );
    }

    #[test]
    fn shifts_by_all_bits_leave_nothing() {
        let shift = |direction| {
            let shift = node("BitShift", 11).string("direction", direction);
            run(shift, vec![0x81u8, 0x81, 0x81], vec![1, 8, 255])
        };
        assert_eq!(shift("LEFT"), tensor(&[3], vec![2u8, 0, 0]));
        assert_eq!(shift("RIGHT"), tensor(&[3], vec![0x40u8, 0, 0]));
        let up = node("BitShift", 11).string("direction", "UP");
        let bytes = tensor(&[1], vec![0u8]);
        assert_eq!(
            up.error(&[Some(&bytes), Some(&bytes)]),
            "direction is 'UP', must be 'LEFT' or 'RIGHT'"
        );
    }

    #[test]
    fn comparisons_give_truths() {
        let nan = || vec![f32::NAN, 1.0];
        let truths = |a, b| tensor(&[2], vec![a, b]);
        assert_eq!(run(node("Equal", 19), nan(), nan()), truths(false, true));
        assert_eq!(
            run(node("LessOrEqual", 16), nan(), nan()),
            truths(false, true)
        );
        let text = |a: &str, b: &str| vec![a.to_string(), b.to_string()];
        assert_eq!(
            run(node("Equal", 19), text("a", "b"), text("a", "c")),
            truths(true, false)
        );
    }

    #[test]
    fn slopes_of_channels() {
        let x = tensor(&[1, 2, 2], vec![-1f32, 1.0, -1.0, f32::NEG_INFINITY]);
        let slope = tensor(&[2], vec![0.5f32, 3.0]);
        let wanted = tensor(&[1, 2, 2], vec![-0.5f32, 1.0, -3.0, f32::NEG_INFINITY]);
        assert_eq!(
            node("PRelu", 6).run(&[Some(&x), Some(&slope)]),
            Ok(vec![wanted.clone()])
        );
        let slope = tensor(&[2, 1], vec![0.5f32, 3.0]);
        assert_eq!(
            node("PRelu", 16).run(&[Some(&x), Some(&slope)]),
            Ok(vec![wanted])
        );
        assert_eq!(
            node("PRelu", 7).error(&[Some(&slope), Some(&x)]),
            "slope is f32[1,2,2], must broadcast to X, which is f32[2,1]"
        );
    }
}
