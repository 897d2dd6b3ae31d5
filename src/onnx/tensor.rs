//! `TensorProto` to [`Tensor`] and back: model weights and test data alike.

use bytes::Bytes;
use half::{bf16, f16};
use num_complex::Complex;

use super::external::Folder;
use super::proto::tensor_proto::DataLocation;
use super::proto::{SparseTensorProto, TensorProto};
use super::raw::{Raw, in_vector, truth};
use super::stored::{InFile, Stored};
use crate::allocate;
use crate::error::OpError;
use crate::tensor::{
    DType, Data, Element, F4E2M1, F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, F8E8M0, I2, I4, Shape,
    Tensor, U2, U4,
};

fn pairs<T: Copy>(parts: &[T]) -> Vec<Complex<T>> {
    let (pairs, _) = parts.as_chunks();
    allocate::collected(pairs.iter().map(|&[re, im]| Complex { re, im }))
}

/// Decodes a tensor whose data are in the message or beneath `folder`.
pub(crate) fn decode(proto: &TensorProto, folder: &Folder) -> Result<Tensor, OpError> {
    decode_from(proto, folder, None, false)
}

/// As [`decode`], for the model's initializer `number`, whose data may have been left in its file.
pub(crate) fn decode_initializer(
    number: usize,
    proto: &TensorProto,
    folder: &Folder,
    in_file: &InFile,
) -> Result<Tensor, OpError> {
    decode_from(proto, folder, in_file.of(number), true)
}

/// With `raw` data that are not in the message, for a tensor that perhaps lasts as long as its model.
fn decode_from(
    proto: &TensorProto,
    folder: &Folder,
    raw: Option<Stored>,
    lasts: bool,
) -> Result<Tensor, OpError> {
    let number = proto.data_type.unwrap_or(0);
    let dtype = DType::from_onnx(number)
        .ok_or_else(|| OpError::invalid("", format!("has the unknown data type {number}")))?;
    let shape = Shape::from_i64(&proto.dims)?;
    if proto.segment.is_some() {
        return Err(OpError::unsupported("a tensor in segments"));
    }
    let location = proto.data_location.unwrap_or_default();
    let external = match DataLocation::try_from(location) {
        Ok(location) => location == DataLocation::External,
        Err(_) => {
            let reason = format!("has the unknown data location {location}");
            return Err(OpError::invalid("", reason));
        }
    };
    if !external && !proto.external_data.is_empty() {
        return Err(OpError::invalid(
            "",
            "lists external data but says that its data are in the model",
        ));
    }
    let fields = [
        (
            "raw_data",
            raw.is_some() || proto.raw_data.as_ref().is_some_and(|raw| !raw.is_empty()),
        ),
        ("float_data", !proto.float_data.is_empty()),
        ("int32_data", !proto.int32_data.is_empty()),
        ("string_data", !proto.string_data.is_empty()),
        ("int64_data", !proto.int64_data.is_empty()),
        ("double_data", !proto.double_data.is_empty()),
        ("uint64_data", !proto.uint64_data.is_empty()),
        ("external_data", external),
    ];
    let used: Vec<&str> = fields
        .iter()
        .filter(|(_, used)| *used)
        .map(|(name, _)| *name)
        .collect();
    if used.len() > 1 {
        return Err(OpError::invalid(
            "",
            format!(
                "has data in {}, must have them in one place",
                used.join(" and ")
            ),
        ));
    }
    let field = used.first().copied().unwrap_or(typed_field(dtype));
    let data = Source {
        proto,
        folder,
        raw,
        lasts,
        dtype,
        len: shape.elements(),
    }
    .read(field)?;
    Ok(Tensor::from_parts(shape, data))
}

/// The typed field that elements of `dtype` belong into.
fn typed_field(dtype: DType) -> &'static str {
    match dtype {
        DType::F32 | DType::C64 => "float_data",
        DType::F64 | DType::C128 => "double_data",
        DType::I64 => "int64_data",
        DType::U32 | DType::U64 => "uint64_data",
        DType::String => "string_data",
        _ => "int32_data",
    }
}

struct Source<'a> {
    proto: &'a TensorProto,
    folder: &'a Folder,
    raw: Option<Stored>,
    lasts: bool,
    dtype: DType,
    len: usize,
}

impl Source<'_> {
    fn read(mut self, field: &str) -> Result<Data, OpError> {
        match self.dtype {
            DType::F32 => self.values(field, |proto| Ok(allocate::copied(&proto.float_data))),
            DType::F64 => self.values(field, |proto| Ok(allocate::copied(&proto.double_data))),
            DType::C64 => self.values(field, |proto| Ok(pairs(whole_pairs(&proto.float_data)?))),
            DType::C128 => self.values(field, |proto| Ok(pairs(whole_pairs(&proto.double_data)?))),
            DType::I64 => self.values(field, |proto| Ok(allocate::copied(&proto.int64_data))),
            DType::U64 => self.values(field, |proto| Ok(allocate::copied(&proto.uint64_data))),
            DType::U32 => self.values::<u32>(field, |proto| narrow(&proto.uint64_data)),
            DType::I32 => self.values(field, |proto| Ok(allocate::copied(&proto.int32_data))),
            DType::I16 => self.values::<i16>(field, |proto| narrow(&proto.int32_data)),
            DType::I8 => self.values::<i8>(field, |proto| narrow(&proto.int32_data)),
            DType::U16 => self.values::<u16>(field, |proto| narrow(&proto.int32_data)),
            DType::U8 => self.values::<u8>(field, |proto| narrow(&proto.int32_data)),
            DType::Bool => self.values(field, |proto| {
                allocate::collected_or(proto.int32_data.iter().map(|&x| truth(x.into())))
            }),
            DType::F16 => self.values(field, |proto| bits(&proto.int32_data, f16::from_bits)),
            DType::BF16 => self.values(field, |proto| bits(&proto.int32_data, bf16::from_bits)),
            DType::F8E4M3FN => self.bytes::<F8E4M3FN>(field),
            DType::F8E4M3FNUZ => self.bytes::<F8E4M3FNUZ>(field),
            DType::F8E5M2 => self.bytes::<F8E5M2>(field),
            DType::F8E5M2FNUZ => self.bytes::<F8E5M2FNUZ>(field),
            DType::F8E8M0 => self.bytes::<F8E8M0>(field),
            DType::F4E2M1 => self.bytes::<F4E2M1>(field),
            DType::U4 => self.bytes::<U4>(field),
            DType::I4 => self.bytes::<I4>(field),
            DType::U2 => self.bytes::<U2>(field),
            DType::I2 => self.bytes::<I2>(field),
            DType::String => match field {
                "string_data" => self.checked(self.strings()?),
                other => Err(self.misplaced(other)),
            },
        }
    }

    /// Elements from raw or external data, else from the typed field by `typed`.
    fn values<T: Raw>(
        &mut self,
        field: &str,
        typed: impl FnOnce(&TensorProto) -> Result<Vec<T>, OpError>,
    ) -> Result<Data, OpError> {
        let stored = match field {
            "raw_data" => self
                .raw
                .take()
                .unwrap_or_else(|| Stored::Memory(self.proto.raw_data.clone().unwrap_or_default())),
            "external_data" => self.folder.find(self.proto, self.wanted_bytes::<T>()?)?,
            _ if field == typed_field(self.dtype) => return self.checked(typed(self.proto)?),
            other => return Err(self.misplaced(other)),
        };
        self.raw::<T>(&stored)
    }

    /// Elements of a type that `int32_data` holds a byte an entry, packed as raw data are.
    fn bytes<T: Raw>(&mut self, field: &str) -> Result<Data, OpError> {
        match field {
            "int32_data" => {
                let bytes = narrow::<_, u8>(&self.proto.int32_data)?;
                self.raw::<T>(&Stored::Memory(bytes.into()))
            }
            _ => self.values::<T>(field, |_| Ok(Vec::new())),
        }
    }

    fn wanted_bytes<T: Raw>(&self) -> Result<usize, OpError> {
        self.len
            .checked_mul(T::BITS)
            .map(|bits| bits.div_ceil(8))
            .ok_or_else(|| OpError::invalid("", "has more elements than can be addressed"))
    }

    fn raw<T: Raw>(&self, stored: &Stored) -> Result<Data, OpError> {
        let wanted = self.wanted_bytes::<T>()?;
        if stored.len() != wanted {
            return Err(OpError::invalid(
                "",
                format!(
                    "has {} bytes of data, its type and dimensions need a length of {wanted}",
                    stored.len()
                ),
            ));
        }
        let mut elements = match self.lasts {
            true => T::lasting(self.len)?,
            false => in_vector(self.len)?,
        };
        let mut read = 0;
        stored.each_block(|block| {
            let count = (8 * block.len() / T::BITS).min(self.len - read);
            T::read(block, &mut elements[read..read + count])?;
            read += count;
            Ok(())
        })?;
        Ok(T::wrap(elements))
    }

    fn strings(&self) -> Result<Vec<String>, OpError> {
        let text = |bytes: &Bytes| {
            String::from_utf8(bytes.to_vec())
                .map_err(|_| OpError::invalid("", "holds a string that is not UTF-8"))
        };
        allocate::collected_or(self.proto.string_data.iter().map(text))
    }

    fn checked<T: Element>(&self, elements: Vec<T>) -> Result<Data, OpError> {
        match elements.len() == self.len {
            true => Ok(T::wrap(elements)),
            false => Err(OpError::invalid(
                "",
                format!(
                    "has {} elements, its dimensions need {}",
                    elements.len(),
                    self.len
                ),
            )),
        }
    }

    fn misplaced(&self, field: &str) -> OpError {
        OpError::invalid(
            "",
            format!(
                "has elements of type {} in {field}, they belong into {} or raw data",
                self.dtype,
                typed_field(self.dtype)
            ),
        )
    }
}

fn whole_pairs<T>(parts: &[T]) -> Result<&[T], OpError> {
    match parts.len() % 2 {
        0 => Ok(parts),
        _ => Err(OpError::invalid(
            "",
            "has a complex number without an imaginary part",
        )),
    }
}

/// Numbers from a wider field; one that does not fit is an error.
fn narrow<W: Copy + TryInto<N> + std::fmt::Display, N>(wide: &[W]) -> Result<Vec<N>, OpError> {
    allocate::collected_or(wide.iter().map(|&number| {
        number.try_into().map_err(|_| {
            OpError::invalid(
                "",
                format!("holds {number}, out of the range of its data type"),
            )
        })
    }))
}

/// 16-bit floats by their bits; a sign-extended pattern is accepted.
fn bits<T>(wide: &[i32], from_bits: impl Fn(u16) -> T) -> Result<Vec<T>, OpError> {
    match wide
        .iter()
        .find(|&&bits| (bits >> 16) != 0 && (bits >> 15) != -1)
    {
        None => Ok(allocate::collected(
            wide.iter().map(|&bits| from_bits(bits as u16)),
        )),
        Some(bits) => Err(OpError::invalid(
            "",
            format!("holds {bits}, which is no 16-bit pattern"),
        )),
    }
}

/// Decodes a sparse tensor into a dense one; `check` sees the dense type and shape before it is allocated.
pub(crate) fn decode_sparse(
    proto: &SparseTensorProto,
    folder: &Folder,
    check: impl FnOnce(DType, &Shape) -> Result<(), OpError>,
) -> Result<Tensor, OpError> {
    let missing = |part| OpError::invalid("", format!("is a sparse tensor without {part}"));
    let values = proto.values.as_ref().ok_or_else(|| missing("values"))?;
    let indices = proto.indices.as_ref().ok_or_else(|| missing("indices"))?;
    let (values, indices) = (decode(values, folder)?, decode(indices, folder)?);
    let shape = Shape::from_i64(&proto.dims)?;
    let count = values.shape().elements();
    let per_axis = match **indices.shape() {
        [n] if n == count => false,
        [n, axes] if n == count && axes == shape.len() => true,
        _ => {
            return Err(OpError::invalid(
                "",
                format!(
                    "is a sparse tensor of {count} values and rank {} with indices {indices}",
                    shape.len()
                ),
            ));
        }
    };
    let wrong_type = || OpError::invalid("", "is a sparse tensor whose indices are not i64");
    let indices = indices.as_slice::<i64>().ok_or_else(wrong_type)?;
    let mut positions = allocate::with_capacity(count);
    for at in 0..count {
        let coordinates = match per_axis {
            true => &indices[at * shape.len()..][..shape.len()],
            false => &indices[at..=at],
        };
        let position =
            match per_axis {
                true => coordinates.iter().zip(&*shape).try_fold(
                    0usize,
                    |position, (&coordinate, &dim)| {
                        let coordinate = usize::try_from(coordinate).ok().filter(|&c| c < dim)?;
                        Some(position * dim + coordinate)
                    },
                ),
                false => usize::try_from(coordinates[0])
                    .ok()
                    .filter(|&position| position < shape.elements()),
            };
        match position {
            Some(position) if positions.last().is_none_or(|&last| last < position) => {
                positions.push(position);
            }
            Some(_) => {
                return Err(OpError::invalid(
                    "",
                    "is a sparse tensor whose indices do not ascend",
                ));
            }
            None => {
                return Err(OpError::invalid(
                    "",
                    format!("is a sparse tensor {shape} with the index {coordinates:?}"),
                ));
            }
        }
    }
    check(values.dtype(), &shape)?;
    scatter(values, shape, &positions)
}

fn scatter(values: Tensor, shape: Shape, positions: &[usize]) -> Result<Tensor, OpError> {
    fn place<T: Element>(values: &Tensor, dense: &mut Tensor, positions: &[usize]) -> bool {
        match (values.as_slice::<T>(), dense.as_mut_slice::<T>()) {
            (Some(values), Some(dense)) => {
                for (value, &position) in values.iter().zip(positions) {
                    dense[position] = value.clone();
                }
                true
            }
            _ => false,
        }
    }
    let mut dense = Tensor::zeros(values.dtype(), shape);
    macro_rules! place_any {
        ($($type:ty),*) => { $(place::<$type>(&values, &mut dense, positions))||* };
    }
    let placed = place_any!(
        f32, f64, f16, bf16, i8, i16, i32, i64, u8, u16, u32, u64, bool, String
    );
    match placed {
        true => Ok(dense),
        false => Err(OpError::unsupported(format!(
            "a sparse tensor of {}",
            values.dtype()
        ))),
    }
}

/// Encodes a tensor, its elements as raw data (strings as `string_data`).
pub(crate) fn encode(name: &str, tensor: &Tensor) -> TensorProto {
    let mut proto = TensorProto {
        name: name.to_string(),
        dims: tensor.shape().iter().map(|&dim| dim as i64).collect(),
        data_type: Some(tensor.dtype() as i32),
        ..TensorProto::default()
    };
    let mut raw = Vec::new();
    fn write<T: Raw>(tensor: &Tensor, raw: &mut Vec<u8>) {
        if let Some(elements) = tensor.as_slice::<T>() {
            T::write(elements, raw);
        }
    }
    macro_rules! write_any {
        ($($type:ty),*) => { $(write::<$type>(tensor, &mut raw);)* };
    }
    match tensor.as_slice::<String>() {
        Some(strings) => {
            proto.string_data = strings.iter().map(|s| Bytes::from(s.clone())).collect();
        }
        None => {
            write_any!(
                f32,
                f64,
                f16,
                bf16,
                i8,
                i16,
                i32,
                i64,
                u8,
                u16,
                u32,
                u64,
                bool,
                Complex<f32>,
                Complex<f64>,
                F8E4M3FN,
                F8E4M3FNUZ,
                F8E5M2,
                F8E5M2FNUZ,
                F8E8M0,
                F4E2M1,
                U4,
                I4,
                U2,
                I2
            );
            proto.raw_data = Some(raw.into());
        }
    }
    proto
}
