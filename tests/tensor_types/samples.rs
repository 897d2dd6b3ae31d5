//! Elements of every type but strings.

use linn::DType;
use linn::proto::TensorProto;

/// Three elements of one type, in both notations.
pub(crate) struct Sample {
    pub(crate) dtype: DType,
    /// Little-endian; narrow types packed, the first element in the lowest bits.
    pub(crate) raw: Vec<u8>,
    /// Fills the typed field.
    typed: Box<dyn Fn(&mut TensorProto)>,
    /// The elements as they are printed.
    pub(crate) shown: &'static str,
}

pub(crate) fn sample(
    dtype: DType,
    raw: Vec<u8>,
    shown: &'static str,
    typed: impl Fn(&mut TensorProto) + 'static,
) -> Sample {
    Sample {
        dtype,
        raw,
        typed: Box::new(typed),
        shown,
    }
}

fn bytes<const N: usize, T: Copy>(elements: &[T], to_bytes: fn(T) -> [u8; N]) -> Vec<u8> {
    elements.iter().flat_map(|&x| to_bytes(x)).collect()
}

/// A type whose typed field is `int32_data`.
fn in_int32(dtype: DType, raw: Vec<u8>, ints: &[i32], shown: &'static str) -> Sample {
    let ints = ints.to_vec();
    sample(dtype, raw, shown, move |proto| {
        proto.int32_data = ints.clone();
    })
}

/// A type whose bytes are also the entries of `int32_data`.
fn in_bytes(dtype: DType, raw: &[u8], shown: &'static str) -> Sample {
    let ints: Vec<i32> = raw.iter().map(|&byte| byte.into()).collect();
    in_int32(dtype, raw.to_vec(), &ints, shown)
}

pub(crate) fn samples() -> Vec<Sample> {
    let f32s = [1f32, -2.5, f32::INFINITY];
    let f64s = [1f64, -2.5, f64::INFINITY];
    let pairs32 = [1f32, 2.0, -3.0, 4.0, 0.0, -0.5];
    let pairs64 = pairs32.map(f64::from);
    let (i16s, i32s) = ([0i16, -32768, 32767], [0i32, i32::MIN, i32::MAX]);
    let (u16s, u32s) = ([0u16, 1, 65535], [0u32, 1, u32::MAX]);
    let (i64s, u64s) = ([0i64, i64::MIN, i64::MAX], [0u64, 1, u64::MAX]);
    // 1, -2 and infinity.
    let (halves, brains) = ([0x3c00u16, 0xc000, 0x7c00], [0x3f80u16, 0xc000, 0x7f80]);
    let wide = |bits: [u16; 3]| bits.map(i32::from);
    vec![
        sample(
            DType::F32,
            bytes(&f32s, f32::to_le_bytes),
            "1, -2.5, inf",
            move |proto| {
                proto.float_data = f32s.to_vec();
            },
        ),
        in_bytes(DType::U8, &[0, 1, 255], "0, 1, 255"),
        in_int32(
            DType::I8,
            vec![0, 127, 128],
            &[0, 127, -128],
            "0, 127, -128",
        ),
        in_int32(
            DType::U16,
            bytes(&u16s, u16::to_le_bytes),
            &wide(u16s),
            "0, 1, 65535",
        ),
        in_int32(
            DType::I16,
            bytes(&i16s, i16::to_le_bytes),
            &i16s.map(i32::from),
            "0, -32768, 32767",
        ),
        in_int32(
            DType::I32,
            bytes(&i32s, i32::to_le_bytes),
            &i32s,
            "0, -2147483648, 2147483647",
        ),
        sample(
            DType::I64,
            bytes(&i64s, i64::to_le_bytes),
            "0, -9223372036854775808, 9223372036854775807",
            move |proto| proto.int64_data = i64s.to_vec(),
        ),
        in_bytes(DType::Bool, &[0, 1, 1], "false, true, true"),
        in_int32(
            DType::F16,
            bytes(&halves, u16::to_le_bytes),
            &wide(halves),
            "1, -2, inf",
        ),
        sample(
            DType::F64,
            bytes(&f64s, f64::to_le_bytes),
            "1, -2.5, inf",
            move |proto| {
                proto.double_data = f64s.to_vec();
            },
        ),
        sample(
            DType::U32,
            bytes(&u32s, u32::to_le_bytes),
            "0, 1, 4294967295",
            move |proto| {
                proto.uint64_data = u32s.map(u64::from).to_vec();
            },
        ),
        sample(
            DType::U64,
            bytes(&u64s, u64::to_le_bytes),
            "0, 1, 18446744073709551615",
            move |proto| proto.uint64_data = u64s.to_vec(),
        ),
        sample(
            DType::C64,
            bytes(&pairs32, f32::to_le_bytes),
            "1+2i, -3+4i, 0-0.5i",
            move |proto| proto.float_data = pairs32.to_vec(),
        ),
        sample(
            DType::C128,
            bytes(&pairs64, f64::to_le_bytes),
            "1+2i, -3+4i, 0-0.5i",
            move |proto| proto.double_data = pairs64.to_vec(),
        ),
        in_int32(
            DType::BF16,
            bytes(&brains, u16::to_le_bytes),
            &wide(brains),
            "1, -2, inf",
        ),
        in_bytes(DType::F8E4M3FN, &[0x38, 0xc0, 0x7e], "1, -2, 448"),
        in_bytes(DType::F8E4M3FNUZ, &[0x40, 0xc8, 0x7f], "1, -2, 240"),
        in_bytes(DType::F8E5M2, &[0x3c, 0xc0, 0x7b], "1, -2, 57344"),
        in_bytes(DType::F8E5M2FNUZ, &[0x40, 0xc4, 0x7f], "1, -2, 57344"),
        in_bytes(DType::U4, &[0xf1, 0x07], "1, 15, 7"),
        in_bytes(DType::I4, &[0xf1, 0x08], "1, -1, -8"),
        in_bytes(DType::F4E2M1, &[0xf2, 0x01], "1, -6, 0.5"),
        in_bytes(DType::F8E8M0, &[127, 128, 126], "1, 2, 0.5"),
        in_bytes(DType::U2, &[0b10_11_01], "1, 3, 2"),
        in_bytes(DType::I2, &[0b10_11_01], "1, -1, -2"),
    ]
}

impl Sample {
    pub(crate) fn proto(&self, raw: bool) -> TensorProto {
        let mut proto = TensorProto {
            name: "w".to_string(),
            dims: vec![3],
            data_type: Some(self.dtype as i32),
            ..TensorProto::default()
        };
        match raw {
            true => proto.raw_data = Some(self.raw.clone().into()),
            false => (self.typed)(&mut proto),
        }
        proto
    }
}
