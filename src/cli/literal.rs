//! Inline literals: `'[1,2;3,4]'`, `'[[1,2],[3,4]]'`, `5`.
//!
//! `,` separates elements and `;` rows; brackets nest to any rank. The elements stay text until the type
//! that they shall have is known, so that no digit of a 64-bit integer is lost. Strings stand in double quotes.

use linn::{DType, Shape, Tensor};

use super::number::{Number, number_type};

/// A literal that was read, but has no element type yet.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Literal {
    dims: Vec<usize>,
    elements: Vec<Item>,
}

/// An element.
#[derive(Clone, Debug, PartialEq)]
enum Item {
    Number(String),
    /// What stood in quotes.
    Text(String),
}

impl Literal {
    /// Whether a text is meant as a literal.
    pub(super) fn is_meant(text: &str) -> bool {
        let text = text.trim();
        text.starts_with(['[', '"'])
            || text.parse::<f64>().is_ok()
            || matches!(text, "true" | "false")
    }

    /// Reads a literal.
    pub(super) fn parse(text: &str) -> Result<Literal, String> {
        let mut parser = Parser {
            rest: text,
            elements: Vec::new(),
        };
        let dims = match parser.peek() {
            Some('[') => parser.list(1)?,
            _ => {
                parser.element()?;
                Vec::new()
            }
        };
        match parser.peek() {
            None => Ok(Literal {
                dims,
                elements: parser.elements,
            }),
            Some(found) => Err(format!("{found:?} follows the end of the literal")),
        }
    }

    /// The number of axes.
    pub(super) fn rank(&self) -> usize {
        self.dims.len()
    }

    /// The tensor of this literal with elements of type `dtype`, with axes of size 1 in front where its
    /// rank is below `rank`.
    pub(super) fn tensor(&self, dtype: DType, rank: usize) -> Result<Tensor, String> {
        let mut dims = vec![1; rank.saturating_sub(self.dims.len())];
        dims.extend(&self.dims);
        if dtype == DType::String {
            return self.strings(&dims);
        }
        number_type!(dtype, T => self.elements::<T>(&dims), else {
            Err(format!("a literal holds numbers, not elements of type {dtype}"))
        })
    }

    fn elements<T: Number>(&self, dims: &[usize]) -> Result<Tensor, String> {
        let elements = self.elements.iter().enumerate().map(|(index, item)| {
            let (shown, element) = match item {
                Item::Number(text) => (text.clone(), T::parse(text)),
                Item::Text(text) => (format!("{text:?}"), None),
            };
            let wrong = || {
                format!(
                    "element {index} is {shown}, not a value of type {}",
                    T::DTYPE
                )
            };
            element.ok_or_else(wrong)
        });
        Tensor::new(dims, elements.collect::<Result<_, _>>()?).map_err(|error| error.to_string())
    }

    fn strings(&self, dims: &[usize]) -> Result<Tensor, String> {
        let elements = self.elements.iter().map(|item| match item {
            Item::Text(text) => Ok(text.clone()),
            Item::Number(text) => Err(format!(
                "{text} is no string: they stand in double quotes, as [\"a\",\"b\"]"
            )),
        });
        Tensor::new(dims, elements.collect::<Result<Vec<_>, _>>()?)
            .map_err(|error| error.to_string())
    }
}

struct Parser<'a> {
    rest: &'a str,
    elements: Vec<Item>,
}

impl Parser<'_> {
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    /// Steps over the character that [`Parser::peek`] returned, which was ASCII.
    fn step(&mut self) {
        self.rest = &self.rest[1..];
    }

    /// Reads a bracketed list, the `depth`th one open, and returns its dimensions.
    fn list(&mut self, depth: usize) -> Result<Vec<usize>, String> {
        if depth > Shape::MAX_RANK {
            return Err(format!("brackets nest deeper than {}", Shape::MAX_RANK));
        }
        self.step();
        if self.peek() == Some(']') {
            self.step();
            return Ok(vec![0]);
        }
        // Rows that `;` has ended, and the items of the row being read.
        let mut rows: Option<Dims> = None;
        let mut row = Dims::default();
        loop {
            let item = match self.peek() {
                Some('[') => self.list(depth + 1)?,
                _ => {
                    self.element()?;
                    Vec::new()
                }
            };
            row.push(item)?;
            match self.peek() {
                Some(',') => self.step(),
                Some(';') => {
                    self.step();
                    rows.get_or_insert_default()
                        .push(std::mem::take(&mut row).all())?;
                }
                Some(']') => {
                    self.step();
                    return match rows {
                        None => Ok(row.all()),
                        Some(mut rows) => {
                            rows.push(row.all())?;
                            Ok(rows.all())
                        }
                    };
                }
                Some(found) => return Err(format!("{found:?} where ',', ';' or ']' should be")),
                None => return Err("a bracket is not closed".to_string()),
            }
        }
    }

    /// Reads a string behind the quote that [`Parser::peek`] returned; a backslash keeps what follows it.
    fn text(&mut self) -> Result<(), String> {
        self.step();
        let mut text = String::new();
        let mut characters = self.rest.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    self.elements.push(Item::Text(text));
                    return Ok(());
                }
                '\\' => text.extend(characters.next().map(|(_, kept)| kept)),
                other => text.push(other),
            }
        }
        Err("a quote is not closed".to_string())
    }

    fn element(&mut self) -> Result<(), String> {
        if self.peek() == Some('"') {
            return self.text();
        }
        let end = self
            .rest
            .find([',', ';', '[', ']'])
            .unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        let text = text.trim();
        if text.parse::<f64>().is_err() && !matches!(text, "true" | "false") {
            return Err(match text {
                "" => "a number is missing".to_string(),
                _ => format!("{} is not a number", linn::text::Quoted(text)),
            });
        }
        self.elements.push(Item::Number(text.to_string()));
        self.rest = rest;
        Ok(())
    }
}

/// How many items a list has so far, and the dimensions that they all share.
#[derive(Default)]
struct Dims {
    count: usize,
    item: Vec<usize>,
}

impl Dims {
    fn push(&mut self, item: Vec<usize>) -> Result<(), String> {
        if self.count > 0 && item != self.item {
            return Err(match (self.item.as_slice(), item.as_slice()) {
                ([first], [other]) => {
                    format!(
                        "row {} has {other} elements, the rows before it have {first}",
                        self.count
                    )
                }
                _ => format!(
                    "item {} of a list is not shaped like those before it",
                    self.count
                ),
            });
        }
        self.count += 1;
        self.item = item;
        Ok(())
    }

    fn all(self) -> Vec<usize> {
        [&[self.count], self.item.as_slice()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Tensor, String> {
        Literal::parse(text)?.tensor(DType::F32, 0)
    }

    fn shows(text: &str) -> String {
        format!("{:?}", read(text).unwrap())
    }

    #[test]
    fn rows_by_semicolon_and_by_brackets_are_the_same() {
        assert_eq!(shows("[1,2;3,4]"), "f32[2,2] [1, 2, 3, 4]");
        assert_eq!(read("[1,2;3,4]"), read(" [ [ 1, 2 ] , [3,4] ] "));
        assert_eq!(shows("[1,2,3]"), "f32[3] [1, 2, 3]");
        assert_eq!(shows("[1;2;3]"), "f32[3,1] [1, 2, 3]");
        assert_eq!(
            shows("[[1,2;3,4],[5,6;7,8]]"),
            "f32[2,2,2] [1, 2, 3, 4, 5, 6, 7, 8]"
        );
        assert_eq!(shows("5"), "f32[] [5]");
        assert_eq!(shows("[[[5]]]"), "f32[1,1,1] [5]");
        assert_eq!(shows("[]"), "f32[0] []");
        assert_eq!(shows("[[],[]]"), "f32[2,0] []");
        assert_eq!(
            shows("[nan,inf,-inf,-1e-3]"),
            "f32[4] [NaN, inf, -inf, -0.001]"
        );
    }

    #[test]
    fn ragged_and_broken_literals_are_errors() {
        let error = |text: &str| read(text).unwrap_err();
        assert_eq!(
            error("[1,2;3]"),
            "row 1 has 1 elements, the rows before it have 2"
        );
        assert_eq!(
            error("[[1,2],[3,4],[5]]"),
            "row 2 has 1 elements, the rows before it have 2"
        );
        assert_eq!(
            error("[1,[2]]"),
            "item 1 of a list is not shaped like those before it"
        );
        assert_eq!(error("[1,2"), "a bracket is not closed");
        assert_eq!(error("[1,,2]"), "a number is missing");
        assert_eq!(error("[1,2]]"), "']' follows the end of the literal");
        assert_eq!(error("[1[2]]"), "'[' where ',', ';' or ']' should be");
        assert_eq!(error("[a]"), "'a' is not a number");
        assert_eq!(error("[é"), "'é' is not a number");
        assert_eq!(error(&"[".repeat(100_000)), "brackets nest deeper than 32");
        assert_eq!(error("1 2"), "'1 2' is not a number");
    }

    #[test]
    fn elements_must_fit_their_type() {
        let tensor = |text: &str, dtype| Literal::parse(text).unwrap().tensor(dtype, 0);
        assert_eq!(
            tensor("[1,300]", DType::U8).unwrap_err(),
            "element 1 is 300, not a value of type u8"
        );
        assert_eq!(
            tensor("1.5", DType::I64).unwrap_err(),
            "element 0 is 1.5, not a value of type i64"
        );
        let large = tensor("18446744073709551615", DType::U64).unwrap();
        assert_eq!(large.as_slice(), Some(&[u64::MAX][..]));
        assert_eq!(
            tensor("[true,0]", DType::Bool).unwrap().as_slice(),
            Some(&[true, false][..])
        );
        assert!(tensor("true", DType::F32).is_err());
        assert!(tensor("1", DType::String).is_err());
        let strings = tensor(r#"["a, b";"\"\\"]"#, DType::String).unwrap();
        let wanted = ["a, b", "\"\\"].map(str::to_string);
        assert_eq!(strings.as_slice(), Some(&wanted[..]));
        assert_eq!(**strings.shape(), [2, 1]);
        assert_eq!(
            tensor(r#"["a"]"#, DType::F32).unwrap_err(),
            "element 0 is \"a\", not a value of type f32"
        );
        assert_eq!(
            Literal::parse("[\"a]").unwrap_err(),
            "a quote is not closed"
        );
    }
}
