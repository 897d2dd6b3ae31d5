//! The header of a `.npy` file: a Python dict with the keys `descr`, `fortran_order` and `shape`.

use linn::DType;

use super::MAGIC;

/// What a header says.
#[derive(Debug, PartialEq)]
pub(super) struct Header {
    pub(super) dtype: DType,
    pub(super) big_endian: bool,
    pub(super) fortran_order: bool,
    pub(super) shape: Vec<usize>,
}

/// How numpy names the element types, without the byte order. bf16 is what the package ml_dtypes saves:
/// two bytes without a meaning.
const TYPES: &[(DType, &str)] = &[
    (DType::F16, "f2"),
    (DType::F32, "f4"),
    (DType::F64, "f8"),
    (DType::I8, "i1"),
    (DType::I16, "i2"),
    (DType::I32, "i4"),
    (DType::I64, "i8"),
    (DType::U8, "u1"),
    (DType::U16, "u2"),
    (DType::U32, "u4"),
    (DType::U64, "u8"),
    (DType::Bool, "b1"),
    (DType::C64, "c8"),
    (DType::C128, "c16"),
    (DType::BF16, "V2"),
];

/// The name of a type in a header that we write.
pub(super) fn descr(dtype: DType) -> Option<String> {
    let (_, name) = TYPES.iter().find(|(known, _)| *known == dtype)?;
    let order = if name.ends_with('1') { '|' } else { '<' };
    Some(format!("{order}{name}"))
}

/// A header of version 1.0, filled up so that the elements start at a multiple of 64 bytes.
pub(super) fn write(descr: &str, shape: &[usize]) -> Vec<u8> {
    let dims = match shape {
        [one] => format!("{one},"),
        dims => dims
            .iter()
            .map(usize::to_string)
            .collect::<Vec<_>>()
            .join(", "),
    };
    let mut dict = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({dims}), }}");
    let before = MAGIC.len() + 4;
    while !(before + dict.len() + 1).is_multiple_of(64) {
        dict.push(' ');
    }
    dict.push('\n');
    // At most 32 dimensions of 20 characters: far below what the two bytes of the length hold.
    let len = (dict.len() as u16).to_le_bytes();
    [MAGIC, &[1, 0], &len, dict.as_bytes()].concat()
}

/// The header of a file and the bytes after it.
pub(super) fn read(bytes: &[u8]) -> Result<(Header, &[u8]), String> {
    let cut = || "the file ends inside its header".to_string();
    let rest = bytes
        .strip_prefix(MAGIC)
        .ok_or("not a .npy file: it does not begin with numpy's magic bytes")?;
    let (version, rest) = rest.split_first_chunk::<2>().ok_or_else(cut)?;
    let (len, rest) = match version {
        [1, _] => {
            let (len, rest) = rest.split_first_chunk().ok_or_else(cut)?;
            (usize::from(u16::from_le_bytes(*len)), rest)
        }
        [2 | 3, _] => {
            let (len, rest) = rest.split_first_chunk().ok_or_else(cut)?;
            (u32::from_le_bytes(*len) as usize, rest)
        }
        [major, minor] => return Err(format!("version {major}.{minor} of .npy is not known")),
    };
    let (dict, data) = rest.split_at_checked(len).ok_or_else(cut)?;
    // Versions 1 and 2 are Latin-1, but a header with other than ASCII is that of a structured array.
    let dict = str::from_utf8(dict).map_err(|_| "the header is not text")?;
    let header = parse(dict).map_err(|reason| format!("its header: {reason}"))?;
    Ok((header, data))
}

fn parse(dict: &str) -> Result<Header, String> {
    let mut text = Text(dict);
    let (mut descr, mut fortran_order, mut shape) = (None, None, None);
    text.expect('{')?;
    while !text.take('}') {
        let key = text.string()?;
        text.expect(':')?;
        match key {
            "descr" => descr = Some(text.descr()?),
            "fortran_order" => fortran_order = Some(text.boolean()?),
            "shape" => shape = Some(text.tuple()?),
            _ => return Err("a key other than descr, fortran_order and shape".to_string()),
        }
        if !text.take(',') {
            text.expect('}')?;
            break;
        }
    }
    if !text.rest().is_empty() {
        return Err("something follows the dict".to_string());
    }
    let missing = |key: &str| format!("the key {key} is missing");
    let (dtype, big_endian) = descr.ok_or_else(|| missing("descr"))?;
    Ok(Header {
        dtype,
        big_endian,
        fortran_order: fortran_order.ok_or_else(|| missing("fortran_order"))?,
        shape: shape.ok_or_else(|| missing("shape"))?,
    })
}

/// What is left to read of a dict of Python literals.
struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    fn rest(&mut self) -> &'a str {
        self.0 = self.0.trim_start();
        self.0
    }

    fn take(&mut self, wanted: char) -> bool {
        match self.rest().strip_prefix(wanted) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        match self.take(wanted) {
            true => Ok(()),
            false => Err(match self.0.chars().next() {
                Some(found) => format!("{found:?} where {wanted:?} should be"),
                None => format!("it ends where {wanted:?} should be"),
            }),
        }
    }

    fn string(&mut self) -> Result<&'a str, String> {
        let quote = match self.rest().chars().next() {
            Some(quote @ ('\'' | '"')) => quote,
            _ => return Err("a string is missing".to_string()),
        };
        let (string, rest) = self.0[1..]
            .split_once(quote)
            .ok_or("a string does not end")?;
        self.0 = rest;
        Ok(string)
    }

    fn boolean(&mut self) -> Result<bool, String> {
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.rest().strip_prefix(word) {
                self.0 = rest;
                return Ok(value);
            }
        }
        Err("fortran_order is neither True nor False".to_string())
    }

    fn tuple(&mut self) -> Result<Vec<usize>, String> {
        let mut numbers = Vec::new();
        self.expect('(')?;
        while !self.take(')') {
            let digits = self.rest().bytes().take_while(u8::is_ascii_digit).count();
            let (number, rest) = self.0.split_at(digits);
            let number = number
                .parse()
                .map_err(|_| "shape holds something that is no dimension")?;
            numbers.push(number);
            // Python 2 marked long integers with an L.
            self.0 = rest.strip_prefix('L').unwrap_or(rest);
            if !self.take(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(numbers)
    }

    /// The element type, and whether it is stored with the high byte first.
    fn descr(&mut self) -> Result<(DType, bool), String> {
        if self.rest().starts_with(['[', '(']) {
            return Err("structured arrays are not supported".to_string());
        }
        let descr = self.string()?;
        let (big_endian, name) = match descr.split_at_checked(1) {
            Some(("<" | "|", name)) => (false, name),
            Some((">", name)) => (true, name),
            Some(("=", name)) => (cfg!(target_endian = "big"), name),
            _ => (false, descr),
        };
        let known = TYPES.iter().find(|(_, known)| *known == name);
        known
            .map(|(dtype, _)| (*dtype, big_endian))
            .ok_or_else(|| match name.as_bytes() {
                b"V1" => "the element type V1 stands for many 8-bit and narrower types; a .pb file tells them apart".to_string(),
                [b'U' | b'S' | b'O', ..] => "strings and objects are not supported in .npy files; a .pb file holds strings".to_string(),
                _ => format!("element type {} is not supported", linn::text::Quoted(descr)),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_in_any_style_of_python_are_read() {
        let header = Header {
            dtype: DType::F32,
            big_endian: false,
            fortran_order: true,
            shape: vec![3, 4],
        };
        for dict in [
            "{'descr': '<f4', 'fortran_order': True, 'shape': (3, 4), }   \n",
            "{\"shape\":(3L,4L,),\"fortran_order\":True,\"descr\":\"<f4\"}",
            "  { 'fortran_order' : True ,\n'descr':'|f4','shape':( 3 ,4 ) }",
        ] {
            assert_eq!(parse(dict).as_ref(), Ok(&header), "{dict}");
        }
    }

    #[test]
    fn broken_headers_are_said_to_be() {
        let error = |dict: &str| parse(dict).unwrap_err();
        let with = |descr: &str, shape: &str| {
            error(&format!(
                "{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}"
            ))
        };
        assert_eq!(error(""), "it ends where '{' should be");
        assert_eq!(error("{}"), "the key descr is missing");
        assert_eq!(error("{'descr"), "a string does not end");
        assert_eq!(
            error("{'x': 1}"),
            "a key other than descr, fortran_order and shape"
        );
        assert_eq!(
            with("'<f4'", "(3, -1)"),
            "shape holds something that is no dimension"
        );
        assert_eq!(with("'<f4'", "(3 4)"), "'4' where ')' should be");
        assert_eq!(with("'<f4'", "3"), "'3' where '(' should be");
        assert_eq!(
            with("[('a', '<f4')]", "()"),
            "structured arrays are not supported"
        );
        assert_eq!(with("'<f4é'", "()"), "element type '<f4é' is not supported");
        assert!(with("'é'", "()").contains("not supported"));
        assert!(with("'|V1'", "()").contains(".pb"));
        assert!(with("'<U5'", "()").contains(".pb"));
        assert!(error("{'shape': (), 'descr': '<f4', 'fortran_order': 1}").contains("True"));
        let twice = "{'descr': '<f4', 'fortran_order': False, 'shape': ()} {}";
        assert_eq!(error(twice), "something follows the dict");
    }

    #[test]
    fn written_headers_are_aligned_and_read_back() {
        for shape in [vec![], vec![5], vec![2, 3], vec![usize::MAX; 32]] {
            let bytes = write("<f4", &shape);
            assert_eq!(bytes.len() % 64, 0);
            let (header, data) = read(&bytes).unwrap();
            assert_eq!((header.shape, data), (shape, &[][..]));
        }
        assert_eq!(descr(DType::Bool).as_deref(), Some("|b1"));
        assert_eq!(descr(DType::BF16).as_deref(), Some("<V2"));
        assert_eq!(descr(DType::F8E5M2), None);
    }
}
