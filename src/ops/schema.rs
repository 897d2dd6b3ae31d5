//! The operator schemas of the ONNX standard: which versions exist, and what each one's inputs, outputs,
//! types and attributes are. Read from `schema.tsv`, which `scripts/schema.py` makes from ONNX's registry.

use std::collections::HashMap;
use std::fmt;
use std::sync::OnceLock;

use crate::error::{OpError, listed};
use crate::tensor::DType;

/// The newest opset of `ai.onnx` that the table knows.
pub(crate) const NEWEST_OPSET: i64 = 27;

/// One version of one operator.
#[derive(Debug)]
pub(crate) struct Schema {
    pub(crate) domain: &'static str,
    pub(crate) name: &'static str,
    /// The opset that brought this version.
    pub(crate) since: i64,
    pub(crate) inputs: Vec<Parameter>,
    pub(crate) outputs: Vec<Parameter>,
    pub(crate) attributes: Vec<Attribute>,
    /// What each type variable stands for.
    pub(crate) types: Vec<(&'static str, DTypes)>,
}

/// A formal input or output.
#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) optional: bool,
    /// Stands for any number of arguments, at least this many.
    pub(crate) variadic: Option<usize>,
    /// A type variable, or the name of a type.
    kind: &'static str,
    /// Whether all arguments of a variadic parameter have one type.
    uniform: bool,
}

/// A formal attribute.
#[derive(Debug)]
pub(crate) struct Attribute {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) required: bool,
}

/// A set of element types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct DTypes(u32);

impl DTypes {
    /// The types named in `text`, `|` between them; sequences and the like are left out.
    fn parse(text: &str) -> DTypes {
        DTypes(
            text.split('|')
                .filter_map(DType::from_name)
                .fold(0, |bits, dtype| bits | 1 << dtype as i32),
        )
    }

    pub(crate) fn contains(self, dtype: DType) -> bool {
        self.0 >> dtype as i32 & 1 == 1
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = DType> {
        DType::ALL
            .iter()
            .copied()
            .filter(move |dtype| self.contains(*dtype))
    }
}

impl fmt::Display for DTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, dtype) in self.iter().enumerate() {
            write!(f, "{}{dtype}", if index == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

impl Schema {
    /// The version of `name` that `opset` of `domain` has.
    pub(crate) fn find(domain: &str, name: &str, opset: i64) -> Option<&'static Schema> {
        Schema::versions(domain, name)
            .iter()
            .rev()
            .find(|schema| schema.since <= opset)
    }

    /// All versions of an operator, ascending; empty if the table does not know it.
    pub(crate) fn versions(domain: &str, name: &str) -> &'static [Schema] {
        static TABLE: OnceLock<HashMap<&str, HashMap<&str, Vec<Schema>>>> = OnceLock::new();
        TABLE
            .get_or_init(|| {
                let mut table = HashMap::<_, HashMap<_, Vec<Schema>>>::new();
                for line in include_str!("schema.tsv").lines() {
                    if let Some(schema) = Schema::parse(line) {
                        table
                            .entry(schema.domain)
                            .or_default()
                            .entry(schema.name)
                            .or_default()
                            .push(schema);
                    }
                }
                table
            })
            .get(domain)
            .and_then(|names| names.get(name))
            .map_or(&[], Vec::as_slice)
    }

    /// Domain and name of every operator that the table knows, in its order.
    pub(crate) fn operators() -> impl Iterator<Item = (&'static str, &'static str)> {
        let rows = include_str!("schema.tsv").lines();
        let names = rows
            .filter(|row| !row.starts_with('#'))
            .filter_map(|row| row.split_once('\t'))
            .filter_map(|(domain, rest)| Some((domain, rest.split('\t').next()?)));
        // The versions of an operator are beside each other.
        let mut last = None;
        names.filter(move |operator| last.replace(*operator) != Some(*operator))
    }

    /// One row of the table; `None` for a comment.
    fn parse(line: &'static str) -> Option<Schema> {
        if line.starts_with('#') {
            return None;
        }
        let mut columns = line.split('\t');
        let mut column = || match columns.next() {
            None | Some("-") => "",
            Some(text) => text,
        };
        let (domain, name, since, _deprecated) = (column(), column(), column(), column());
        let list = |text: &'static str| text.split(',').filter(|item| !item.is_empty());
        let (inputs, outputs, attributes, types) = (column(), column(), column(), column());
        Some(Schema {
            domain,
            name,
            since: since.parse().ok()?,
            inputs: list(inputs).filter_map(Parameter::parse).collect(),
            outputs: list(outputs).filter_map(Parameter::parse).collect(),
            attributes: list(attributes).filter_map(Attribute::parse).collect(),
            types: types
                .split(' ')
                .filter_map(|item| item.split_once('='))
                .map(|(variable, types)| (variable, DTypes::parse(types)))
                .collect(),
        })
    }

    /// The types that a parameter admits.
    pub(crate) fn types_of(&self, parameter: &Parameter) -> DTypes {
        self.types
            .iter()
            .find(|(variable, _)| *variable == parameter.kind)
            .map_or_else(|| DTypes::parse(parameter.kind), |(_, types)| *types)
    }

    /// Checks which inputs and outputs a node names (`true` where it does).
    pub(crate) fn check_arity(&self, inputs: &[bool], outputs: &[bool]) -> Result<(), OpError> {
        check_arguments("input", &self.inputs, inputs)?;
        check_arguments("output", &self.outputs, outputs)
    }

    /// Checks the types of a node's inputs, as far as they are known.
    pub(crate) fn check_types(&self, inputs: &[Option<DType>]) -> Result<(), OpError> {
        let mut bound: Vec<(&str, &str, DType)> = Vec::new();
        for (index, dtype) in inputs.iter().enumerate() {
            let (Some(dtype), Some(parameter)) = (*dtype, parameter(&self.inputs, index)) else {
                continue;
            };
            let allowed = self.types_of(parameter);
            if !allowed.contains(dtype) {
                return Err(OpError::invalid(
                    parameter.name,
                    format!(
                        "has elements of type {dtype}, {}-{} takes {allowed}",
                        self.name, self.since
                    ),
                ));
            }
            let is_variable = self.types.iter().any(|(name, _)| *name == parameter.kind);
            if !is_variable || !parameter.uniform {
                continue;
            }
            match bound.iter().find(|(kind, ..)| *kind == parameter.kind) {
                None => bound.push((parameter.kind, parameter.name, dtype)),
                Some((_, _, first)) if *first == dtype => {}
                Some((_, name, first)) => {
                    return Err(OpError::invalid(
                        parameter.name,
                        format!(
                            "has elements of type {dtype}, {name} has {first}: they must be alike"
                        ),
                    ));
                }
            }
        }
        Ok(())
    }
}

/// The formal parameter of argument `index`; the last one again where it is variadic.
pub(crate) fn parameter(parameters: &[Parameter], index: usize) -> Option<&Parameter> {
    parameters.get(index).or_else(|| {
        parameters
            .last()
            .filter(|parameter| parameter.variadic.is_some())
    })
}

fn check_arguments(what: &str, parameters: &[Parameter], named: &[bool]) -> Result<(), OpError> {
    for (index, parameter) in parameters.iter().enumerate() {
        let missing = match parameter.variadic {
            Some(least) => named.len() < index + least,
            None => !parameter.optional && !named.get(index).is_some_and(|named| *named),
        };
        if missing {
            return Err(OpError::invalid(
                format!("{what} {}", parameter.name),
                "is missing",
            ));
        }
    }
    match (0..named.len()).find(|&index| named[index] && parameter(parameters, index).is_none()) {
        None => Ok(()),
        Some(_) => Err(OpError::invalid(
            "",
            format!(
                "has {} {what}s, at most {} are known here: {}",
                named.len(),
                parameters.len(),
                listed(parameters.iter().map(|parameter| parameter.name))
            ),
        )),
    }
}

impl Parameter {
    /// `name:type`, with `?` (optional), `*n` or `+n` (variadic of one type or of several) after the name.
    fn parse(text: &'static str) -> Option<Parameter> {
        let (name, kind) = text.rsplit_once(':')?;
        let variadic = |mark: char| {
            let (name, least) = name.rsplit_once(mark)?;
            Some((name, least.parse().ok()?))
        };
        let (name, variadic, uniform) = match (variadic('*'), variadic('+')) {
            (Some((name, least)), _) => (name, Some(least), true),
            (_, Some((name, least))) => (name, Some(least), false),
            _ => (name, None, true),
        };
        Some(Parameter {
            name: name.trim_end_matches('?'),
            optional: name.ends_with('?'),
            variadic,
            kind,
            uniform,
        })
    }
}

impl Attribute {
    /// `name:kind`, with `!` after the kind if it is required.
    fn parse(text: &'static str) -> Option<Attribute> {
        let (name, kind) = text.rsplit_once(':')?;
        Some(Attribute {
            name,
            kind: kind.trim_end_matches('!'),
            required: kind.ends_with('!'),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_read() {
        let rows = include_str!("schema.tsv")
            .lines()
            .filter(|line| !line.starts_with('#'));
        let mut newest = 0;
        for row in rows {
            let schema = Schema::parse(row).unwrap_or_else(|| panic!("not read: {row}"));
            let columns: Vec<&str> = row.split('\t').collect();
            let count = |column: usize| columns[column].split(',').filter(|c| *c != "-").count();
            assert_eq!(schema.inputs.len(), count(4), "{row}");
            assert_eq!(schema.outputs.len(), count(5), "{row}");
            assert_eq!(schema.attributes.len(), count(6), "{row}");
            if schema.domain == "ai.onnx" {
                newest = newest.max(schema.since);
            }
        }
        assert!((20..=NEWEST_OPSET).contains(&newest));
    }

    #[test]
    fn versions_types_and_arity_of_max_pool() {
        let since = |opset| Schema::find("ai.onnx", "MaxPool", opset).map(|schema| schema.since);
        assert_eq!(
            [0, 1, 7, 8, 9, 21, 22, 999].map(since),
            [
                None,
                Some(1),
                Some(1),
                Some(8),
                Some(8),
                Some(12),
                Some(22),
                Some(22)
            ]
        );
        let schema = Schema::find("ai.onnx", "MaxPool", 12).expect("it exists");
        assert!(schema.check_types(&[Some(DType::U8)]).is_ok());
        assert_eq!(
            schema
                .check_types(&[Some(DType::I32)])
                .unwrap_err()
                .to_string(),
            "X has elements of type i32, MaxPool-12 takes f32 u8 i8 f16 f64"
        );
        assert!(schema.check_arity(&[true], &[true, true]).is_ok());
        assert!(schema.check_arity(&[true], &[false, true]).is_err());
        assert!(schema.check_arity(&[], &[true]).is_err());
        assert!(schema.check_arity(&[true, true], &[true]).is_err());
        let one = Schema::find("ai.onnx", "MaxPool", 1).expect("it exists");
        assert!(one.check_arity(&[true], &[true, true]).is_err());
    }
}
