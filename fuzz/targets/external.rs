//! External data with any location, offset, length and other keys, from the memory of the caller: the bytes that were
//! described, or an error. Nothing is looked for elsewhere.

use linn::proto::tensor_proto::DataLocation;
use linn::proto::{StringStringEntryProto, TensorProto};
use linn::{Class, Model, Tensor};

use crate::choices::Choices;
use crate::limits::{Reached, check_error, check_model, options};
use crate::model::{Build, node};

/// Locations, of which some are in memory. The others are nowhere, whatever the machine has in such a place.
const LOCATIONS: [&str; 12] = [
    "w.bin",
    "folder/w.bin",
    "",
    ".",
    "..",
    "../w.bin",
    "./w.bin",
    "/etc/hostname",
    "w.bin\0",
    "*/_ORT_MEM_ADDR_/*",
    "Cargo.toml",
    "no \x1b[31m such\nfile",
];

/// Numbers as text, not all of which are such.
const NUMBERS: [&str; 14] = [
    "0",
    "4",
    "8",
    "16",
    "60",
    "64",
    "-1",
    "+4",
    " 4",
    "",
    "0x4",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775807",
];

pub(crate) fn run(data: &[u8]) -> Reached {
    let mut choices = Choices::new(data);
    let bytes: Vec<u8> = (0..64u8).map(|at| at.wrapping_mul(37)).collect();
    let mut options = options();
    for location in [LOCATIONS[0], LOCATIONS[1]] {
        let bytes = bytes[..choices.one_of(&[64, 64, 0, 7])].to_vec();
        options
            .external_data
            .insert(location.to_string(), bytes.into());
    }
    let tensor = tensor(&mut choices);
    let build = match choices.flag() {
        true => Build::new(17)
            .node(node("Identity", &["w"], &["y"]))
            .output("y"),
        false => Build::new(17).output("w"),
    };
    let mut build = build;
    build.graph().initializer.push(tensor.clone());
    let model = match Model::from_bytes_with(build.bytes(), &options) {
        Ok(model) => model,
        Err(error) => {
            check_error(&error);
            assert!(
                matches!(error.class(), Class::Invalid | Class::Limit),
                "{error}"
            );
            return Reached::Refused;
        }
    };
    check_model(&model);
    let inputs: [(&str, &Tensor); 0] = [];
    let outputs = model.run(inputs).expect("it has constants alone");
    // What was accepted is what the keys say, each of which is there at most once.
    let value = |key: &str| {
        let mut values = tensor.external_data.iter().filter(|entry| entry.key == key);
        let value = values.next().map(|entry| entry.value.as_str());
        assert!(values.next().is_none(), "{key} is there twice: {tensor:?}");
        value
    };
    if tensor.data_location != Some(DataLocation::External.into()) {
        // Then the bytes are in the model, if there are any.
        let inside = tensor.raw_data.as_deref().unwrap_or_default();
        assert_eq!(held(&outputs[0]), inside, "{tensor:?}");
        return Reached::Compared;
    }
    let location = value("location").expect("there is no data without a location");
    let file = options
        .external_data
        .get(location)
        .expect("nothing is read elsewhere");
    let number = |key: &str| value(key).map(|text| text.parse::<usize>().expect("it is a number"));
    let offset = number("offset").unwrap_or(0);
    let wanted = 4 * tensor.dims.iter().product::<i64>() as usize;
    assert!(
        number("length").is_none_or(|length| length == wanted),
        "{tensor:?}"
    );
    assert_eq!(
        held(&outputs[0]),
        file[offset..offset + wanted],
        "{tensor:?}"
    );
    Reached::Compared
}

/// The bytes of the elements.
fn held(tensor: &Tensor) -> Vec<u8> {
    let elements = tensor.as_slice::<i32>().expect("it is of i32").iter();
    elements.flat_map(|element| element.to_le_bytes()).collect()
}

fn tensor(choices: &mut Choices<'_>) -> TensorProto {
    let dims: Vec<i64> = match choices.below(8) {
        0 => choices.list(1, 0, 17),
        1 => choices.list(2, 0, 5),
        2 => vec![],
        3 => vec![choices.odd_number(), choices.odd_number()],
        _ => vec![4],
    };
    let count = choices.one_of(&[1, 2, 3, 3, 4, 0]);
    let external_data = (0..count).map(|at| {
        // In their order, most of the time.
        let key = match choices.one_in(8) {
            true => choices.one_of(&["location", "offset", "length", "checksum", "basepath", ""]),
            false => ["location", "offset", "length", "checksum"][at],
        };
        let value = match (key, choices.one_in(8)) {
            (_, true) => {
                let len = choices.below(8);
                String::from_utf8_lossy(
                    &choices
                        .list(len, 0, 255)
                        .iter()
                        .map(|&b| b as u8)
                        .collect::<Vec<u8>>(),
                )
                .into_owned()
            }
            ("location", _) => {
                let other = choices.one_of(&LOCATIONS);
                choices
                    .one_of(&["w.bin", "folder/w.bin", other])
                    .to_string()
            }
            _ => {
                let other = choices.one_of(&NUMBERS);
                choices.one_of(&["0", "16", other]).to_string()
            }
        };
        StringStringEntryProto {
            key: key.to_string(),
            value,
        }
    });
    TensorProto {
        external_data: external_data.collect(),
        name: "w".to_string(),
        data_type: Some(6),
        data_location: Some(match choices.one_in(16) {
            true => choices.odd_number() as i32,
            false => DataLocation::External.into(),
        }),
        raw_data: choices.one_in(16).then(|| vec![0; 16].into()),
        dims,
        ..TensorProto::default()
    }
}
