"""What a workload is run on: an ONNX model of one node, and random elements for its inputs."""

from __future__ import annotations

import zlib
from math import prod
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from .workloads import Workload

OPSET = 21
IR_VERSION = 10

ONNX_TYPES = {
    "f32": TensorProto.FLOAT,
    "f64": TensorProto.DOUBLE,
    "f16": TensorProto.FLOAT16,
    "u8": TensorProto.UINT8,
}


def write_model(workload: Workload, path: Path) -> None:
    """Writes the model: inputs `x` and perhaps `second`, outputs `y` and perhaps `indices`."""
    element = ONNX_TYPES[workload.dtype]
    value = helper.make_tensor_value_info
    inputs = [value(name, element, shape) for name, shape in workload.inputs.items()]
    outputs = [value("y", element, workload.output)]
    if workload.indices:
        outputs.append(value("indices", TensorProto.INT64, workload.output))
    operands, constants = list(workload.inputs), []
    if workload.constant is not None:
        operands.insert(0 if workload.constant == "left" else 1, "constant")
        constants.append(numpy_helper.from_array(make_constant(workload), "constant"))
    names = [output.name for output in outputs]
    node = helper.make_node(workload.op, operands, names, **workload.attributes)
    graph = helper.make_graph([node], workload.name, inputs, outputs, constants)
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def make_input(workload: Workload) -> np.ndarray:
    """Random elements, the same in every run; of several inputs one after another.

    Products get elements of both signs, and maxima too, so that padding by zeros would show.
    Averages and norms get positive ones, so that nothing cancels and a relative error means
    something.
    """
    random = np.random.default_rng(zlib.crc32(workload.name.encode()))
    if workload.dtype == "u8":
        return random.integers(0, 256, workload.input, dtype=np.uint8)
    if "Max" in workload.op or workload.op == "MatMul":
        x = random.standard_normal(sum(map(prod, workload.inputs.values())))
    else:
        x = random.uniform(0.5, 1.5, workload.input)
    return x.astype(workload.numpy_type)


def make_constant(workload: Workload) -> np.ndarray:
    """The random matrix of a product that is in the model."""
    random = np.random.default_rng(zlib.crc32(workload.name.encode()) + 1)
    (rows, columns), x = workload.output, workload.input
    shape = (rows, x[0]) if workload.constant == "left" else (x[1], columns)
    return random.standard_normal(shape).astype(workload.numpy_type)
