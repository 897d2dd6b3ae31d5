#!/usr/bin/env python3
"""Writes the `light` models of the ONNX backend tests as ordinary case folders.

    light_cases.py DATA DEST

DATA is the folder onnx/backend/test/data. Each DATA/real/test_NAME/data.json names a model
DATA/light/light_NAME.onnx, whose expected output lies beside it; DEST/test_NAME gets

    model.onnx
    test_data_set_0/input_0.pb     float32: 0/n, 1/n, ... (n-1)/n in the shape of the input
    test_data_set_0/output_0.pb
    data.json                      only where a tolerance is not the usual one

Only the standard library is used: the few protobuf fields needed are read and written here.
"""

import array
import json
import math
import pathlib
import shutil
import sys

FLOAT = 1  # TensorProto.DataType
USUAL = {"rtol": 1e-3, "atol": 1e-7}


def read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def fields(message):
    """The fields of a protobuf message in order, as pairs of number and value."""
    message = memoryview(message)
    at = 0
    while at < len(message):
        key, at = read_varint(message, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = read_varint(message, at)
        else:
            if wire == 2:
                size, at = read_varint(message, at)
            elif wire in (1, 5):
                size = 8 if wire == 1 else 4
            else:
                raise ValueError(f"protobuf wire type {wire}")
            if at + size > len(message):
                raise ValueError("protobuf field is cut short")
            value = message[at : at + size]
            at += size
        yield number, value


def every(message, number):
    return [value for n, value in fields(message) if n == number]


def only(message, number):
    (value,) = every(message, number)
    return value


def text(message, number):
    return bytes(only(message, number)).decode()


def input_shape(model):
    """The shape of the one graph input that is not an initializer."""
    graph = only(model, 7)  # ModelProto.graph
    weights = {text(tensor, 8) for tensor in every(graph, 5)}  # initializer, TensorProto.name
    inputs = [info for info in every(graph, 11) if text(info, 1) not in weights]
    if len(inputs) != 1 or len(every(graph, 12)) != 1:
        raise ValueError("expected one input and one output")
    tensor = only(only(inputs[0], 2), 1)  # ValueInfoProto.type, TypeProto.tensor_type
    if only(tensor, 1) != FLOAT:
        raise ValueError("expected a float32 input")
    dims = every(only(tensor, 2), 1)  # shape, dim
    return [(every(dim, 1) or [1])[0] for dim in dims]  # dim_value; a free dimension is 1


def ramp(shape):
    """A float32 TensorProto that rises evenly from 0 to just under 1."""
    n = math.prod(shape)
    values = array.array("f", (i / n for i in range(n)))
    if sys.byteorder == "big":
        values.byteswap()
    raw = values.tobytes()
    dims = b"".join(b"\x08" + varint(d) for d in shape)  # field 1, varint
    kind = b"\x10" + varint(FLOAT)  # field 2, varint
    return dims + kind + b"\x4a" + varint(len(raw)) + raw  # field 9, bytes


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: light_cases.py DATA DEST")
    data, dest = map(pathlib.Path, sys.argv[1:])
    for description in sorted(data.glob("real/test_*/data.json")):
        case = json.loads(description.read_text(encoding="utf-8"))
        model = data / "light" / case["url"].rpartition("/")[2]
        folder = dest / description.parent.name
        data_set = folder / "test_data_set_0"
        data_set.mkdir(parents=True)
        shutil.copyfile(model, folder / "model.onnx")
        shutil.copyfile(
            model.with_name(model.stem + "_output_0.pb"), data_set / "output_0.pb"
        )
        (data_set / "input_0.pb").write_bytes(ramp(input_shape(model.read_bytes())))
        unusual = {k: case[k] for k in USUAL if case.get(k, USUAL[k]) != USUAL[k]}
        if unusual:
            (folder / "data.json").write_text(json.dumps(unusual) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
