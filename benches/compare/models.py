"""What a workload is run on: an ONNX model of one node, and random elements for its input."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

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
    """Writes the model: input `x`, outputs `y` and, where wanted, `indices`."""
    element = ONNX_TYPES[workload.dtype]
    x = helper.make_tensor_value_info("x", element, workload.input)
    outputs = [helper.make_tensor_value_info("y", element, workload.output)]
    if workload.indices:
        outputs.append(helper.make_tensor_value_info("indices", TensorProto.INT64, workload.output))
    names = [output.name for output in outputs]
    node = helper.make_node(workload.op, ["x"], names, **workload.attributes)
    graph = helper.make_graph([node], workload.name, [x], outputs)
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def make_input(workload: Workload) -> np.ndarray:
    """Random elements, the same in every run.

    Maxima get elements of both signs, so that padding by zeros would show. Averages and norms get
    positive ones, so that nothing cancels and a relative error means something.
    """
    random = np.random.default_rng(zlib.crc32(workload.name.encode()))
    if workload.dtype == "u8":
        return random.integers(0, 256, workload.input, dtype=np.uint8)
    if "Max" in workload.op:
        x = random.standard_normal(workload.input)
    else:
        x = random.uniform(0.5, 1.5, workload.input)
    return x.astype(workload.numpy_type)
