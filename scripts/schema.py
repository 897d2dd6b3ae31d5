"""Prints the table of operator schemas that is kept in src/ops/schema.tsv.

One row per version of an operator: all of the standard domain from the registry of the onnx
package, and the few of com.microsoft that are listed below. The format is described by the
header that the table starts with.

    pip install onnx==1.22.0
    python scripts/schema.py > src/ops/schema.tsv
"""

import re
import sys

import onnx
import onnx.defs

ONNX_VERSION = "1.22.0"

HEADER = f"""\
# Operator schemas, one row per version of an operator. Made by scripts/schema.py; do not edit.
# Source: operator registry of ONNX {ONNX_VERSION} (Apache-2.0), facts only; com.microsoft by hand.
# inputs, outputs: name:type, name? = optional, name*n = variadic of one type, name+n = variadic of
#   mixed types, n = least count. attributes: name:kind, kind! = required.
# types: the types that each type variable stands for. An empty column is "-".
# domain\tname\tsince\tdeprecated\tinputs\toutputs\tattributes\ttypes
"""

SHORT = {
    "float16": "f16", "bfloat16": "bf16", "float": "f32", "double": "f64",
    "int8": "i8", "int16": "i16", "int32": "i32", "int64": "i64",
    "uint8": "u8", "uint16": "u16", "uint32": "u32", "uint64": "u64",
    "bool": "bool", "string": "string", "complex64": "c64", "complex128": "c128",
    "float8e4m3fn": "f8e4m3fn", "float8e4m3fnuz": "f8e4m3fnuz",
    "float8e5m2": "f8e5m2", "float8e5m2fnuz": "f8e5m2fnuz", "float8e8m0": "f8e8m0",
    "float4e2m1": "f4e2m1", "int4": "i4", "uint4": "u4", "int2": "i2", "uint2": "u2",
}  # fmt: skip

# Rows as they are printed.
MICROSOFT = [
    (
        "com.microsoft", "NhwcMaxPool", 1, 0, "x:T", "y:T",
        "auto_pad:string,ceil_mode:int,dilations:ints,kernel_shape:ints!,pads:ints,strides:ints",
        "T=i8|u8",
    ),
    (
        "com.microsoft", "QLinearAveragePool", 1, 0,
        "X:T,x_scale:f32,x_zero_point?:T,y_scale:f32,y_zero_point?:T", "Y:T",
        "auto_pad:string,ceil_mode:int,channels_last:int,count_include_pad:int,"
        "kernel_shape:ints!,pads:ints,strides:ints",
        "T=i8|u8",
    ),
    (
        "com.microsoft", "QLinearGlobalAveragePool", 1, 0,
        "X:T,x_scale:f32,x_zero_point:T,y_scale:f32,y_zero_point:T", "Y:T",
        "channels_last:int",
        "T=i8|u8",
    ),
]  # fmt: skip


def short_type(text):
    """Type variables stay, `seq(tensor(float))` becomes `seq(f32)`."""
    if "(" not in text:
        return text
    head, inner = re.fullmatch(r"(\w+)\((.*)\)", text).groups()
    if head == "tensor":
        return SHORT[inner]
    if head == "map":
        key, value = inner.split(",", 1)
        return f"map({SHORT[key.strip()]},{short_type(value.strip())})"
    return f"{head}({short_type(inner)})"


def param(formal):
    option = formal.option.name
    mark = {"Single": "", "Optional": "?", "Variadic": "*" if formal.is_homogeneous else "+"}[option]
    count = formal.min_arity if option == "Variadic" else ""
    return f"{formal.name}{mark}{count}:{short_type(formal.type_str)}"


def attribute(attr):
    return f"{attr.name}:{attr.type.name.lower()}{'!' if attr.required else ''}"


def constraint(variable):
    types = sorted(map(short_type, variable.allowed_type_strs))
    return f"{variable.type_param_str}={'|'.join(types)}"


def row(schema):
    return (
        "ai.onnx",
        schema.name,
        schema.since_version,
        int(schema.deprecated),
        ",".join(map(param, schema.inputs)),
        ",".join(map(param, schema.outputs)),
        ",".join(sorted(map(attribute, schema.attributes.values()))),
        " ".join(sorted(map(constraint, schema.type_constraints))),
    )


def main():
    if onnx.__version__ != ONNX_VERSION:
        sys.exit(f"onnx {ONNX_VERSION} is needed, found {onnx.__version__}")
    registry = onnx.defs.get_all_schemas_with_history()
    rows = [row(schema) for schema in registry if schema.domain == ""] + MICROSOFT
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    sys.stdout.write(HEADER)
    for columns in sorted(rows):
        print(*(str(column) or "-" for column in columns), sep="\t")


if __name__ == "__main__":
    main()
