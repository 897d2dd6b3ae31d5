"""Whole networks: the light models of ONNX with weights (as published, each weight tensor repeats one number), and others."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from .architectures import NETWORKS
from .workloads import BENCHES, Workload

MODELS = BENCHES.parent / "models" / "light"


@dataclass(frozen=True)
class Reader:
    """What reads a weight: an operator, and at which of its inputs."""

    operator: str
    index: int


def names() -> list[str]:
    return [*sorted(path.stem for path in MODELS.glob("*.onnx")), *NETWORKS]


def write(name: str, seed: int, target: Path) -> Workload:
    """Writes the model with random weights, its input called x and its output y."""
    model = NETWORKS[name](seed) if name in NETWORKS else light(name, seed)
    onnx.save(model, target)
    shapes = [dims(value) for value in (model.graph.input[0], model.graph.output[0])]
    entry: dict[str, Any] = {
        "name": name,
        "op": "network",
        "dtype": "f32",
        "input": shapes[0],
        "output": shapes[1],
        "attributes": {},
    }
    return Workload(
        name=name,
        op="network",
        dtype="f32",
        input=tuple(shapes[0]),
        output=tuple(shapes[1]),
        attributes={},
        indices=False,
        peers=True,
        raw=entry,
    )


def light(name: str, seed: int) -> onnx.ModelProto:
    model = onnx.load(MODELS / f"{name}.onnx")
    # Since this version initializers need not be inputs.
    model.ir_version = max(model.ir_version, 4)
    fill(model.graph, np.random.default_rng(seed))
    rename(model.graph, model.graph.input[0].name, "x")
    rename(model.graph, model.graph.output[0].name, "y")
    return model


def dims(value: onnx.ValueInfoProto) -> list[int]:
    return [dim.dim_value for dim in value.type.tensor_type.shape.dim]


def fill(graph: onnx.GraphProto, random: np.random.Generator) -> None:
    """Puts random weights for those that repeat one number or that ConstantOfShape makes."""
    readers = find_readers(graph)
    initial = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    weights: dict[str, np.ndarray] = {}
    for node in list(graph.node):
        if node.op_type == "ConstantOfShape" and node.input[0] in initial:
            shape = [int(size) for size in initial[node.input[0]]]
            weights[node.output[0]] = draw(readers[node.output[0]], shape, random)
            graph.node.remove(node)
    for name, array in initial.items():
        constant = array.size > 1 and np.all(array == array.flat[0])
        if array.dtype == np.float32 and constant and name in readers:
            weights[name] = draw(readers[name], list(array.shape), random)
    kept = [tensor for tensor in graph.initializer if tensor.name not in weights]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    graph.initializer.extend(numpy_helper.from_array(a, name) for name, a in weights.items())
    used = {name for node in graph.node for name in node.input}
    values = {tensor.name for tensor in graph.initializer}
    for tensor in list(graph.initializer):
        if tensor.name not in used:
            graph.initializer.remove(tensor)
    for value in list(graph.input):
        if value.name in values or value.name not in used:
            graph.input.remove(value)


def find_readers(graph: onnx.GraphProto) -> dict[str, Reader]:
    """What uses each value, seen through what only reshapes it."""
    direct: dict[str, tuple[onnx.NodeProto, int]] = {}
    for node in graph.node:
        for index, name in enumerate(node.input):
            direct.setdefault(name, (node, index))
    readers = {}
    for name, (node, index) in direct.items():
        while node.op_type in ("Reshape", "Unsqueeze") and index == 0 and node.output[0] in direct:
            node, index = direct[node.output[0]]
        readers[name] = Reader(node.op_type, index)
    return readers


def draw(reader: Reader, shape: list[int], random: np.random.Generator) -> np.ndarray:
    """Weights so scaled that values neither die out nor explode on the way."""
    match reader:
        case Reader("Conv" | "Gemm", 1):
            scale = (2 / prod(shape[1:])) ** 0.5
            return (random.standard_normal(shape) * scale).astype(np.float32)
        case Reader("BatchNormalization", 4):
            return random.uniform(1.5, 2.5, shape).astype(np.float32)
        case Reader("BatchNormalization" | "Mul", 1):
            return random.uniform(0.75, 1.25, shape).astype(np.float32)
        case _:
            return (random.standard_normal(shape) * 0.1).astype(np.float32)


def rename(graph: onnx.GraphProto, old: str, new: str) -> None:
    for value in (*graph.input, *graph.output):
        value.name = new if value.name == old else value.name
    for node in graph.node:
        node.input[:] = [new if name == old else name for name in node.input]
        node.output[:] = [new if name == old else name for name in node.output]
