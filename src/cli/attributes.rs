//! The attributes of nodes in documents.

use linn::{AttributeInfo, AttributeValue, NodeInfo};
use serde_json::{Map, Value, json};

/// The attributes by name; tensors, graphs and long lists as texts.
pub(super) fn attributes(info: &NodeInfo) -> Value {
    let values = info
        .attributes
        .iter()
        .map(|AttributeInfo { name, value, .. }| {
            let value = match value {
                AttributeValue::Int(value) => json!(value),
                AttributeValue::Float(value) => number(*value),
                AttributeValue::Text(text) => json!(text),
                AttributeValue::Ints(values) => json!(values),
                AttributeValue::Floats(values) => {
                    values.iter().map(|value| number(*value)).collect()
                }
                AttributeValue::Texts(texts) => json!(texts),
                other => json!(other.to_string()),
            };
            (name.clone(), value)
        });
    Value::Object(values.collect::<Map<_, _>>())
}

/// A number, or what it is instead: "nan", "inf", "-inf".
fn number(value: f32) -> Value {
    match value {
        _ if value.is_nan() => json!("nan"),
        f32::INFINITY => json!("inf"),
        f32::NEG_INFINITY => json!("-inf"),
        // The shortest digits that stand for it, not those of its neighbour of twice the width.
        _ => value
            .to_string()
            .parse::<f64>()
            .map_or(Value::Null, Value::from),
    }
}
