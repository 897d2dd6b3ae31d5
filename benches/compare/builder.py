"""What networks are put together from: a graph that grows layer by layer, with random weights."""

from __future__ import annotations

from math import prod, sqrt

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Outputs of the last layer for ImageNet.
CLASSES = 1000


class Builder:
    """A graph that grows by layers; each takes and gives the name of a value."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.channels: dict[str, int] = {}

    def node(self, operator: str, inputs: list[str], channels: int, **attributes: object) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        self.channels[name] = channels
        return name

    def constant(self, array: np.ndarray) -> str:
        name = f"w{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(array, name))
        return name

    def weights(self, shape: list[int], gain: float = 2.0) -> str:
        """So that what comes out is as large as what goes in, behind a Relu."""
        return self.normal(shape, sqrt(gain / prod(shape[1:])))

    def normal(self, shape: list[int], scale: float) -> str:
        return self.constant((self.random.standard_normal(shape) * scale).astype(np.float32))

    def conv(
        self,
        x: str,
        outputs: int,
        kernel: tuple[int, ...],
        strides: tuple[int, ...],
        group: int = 1,
        gain: float = 2.0,
        padded: bool = True,
    ) -> str:
        channels = self.channels[x]
        w = self.weights([outputs, channels // group, *kernel], gain)
        b = self.normal([outputs], 0.1)
        return self.node(
            "Conv",
            [x, w, b],
            outputs,
            kernel_shape=kernel,
            strides=strides,
            pads=[size // 2 if padded else 0 for size in kernel] * 2,
            group=group,
        )

    def relu(self, x: str) -> str:
        return self.node("Relu", [x], self.channels[x])

    def relu6(self, x: str) -> str:
        bounds = [self.constant(np.array(bound, np.float32)) for bound in (0, 6)]
        return self.node("Clip", [x, *bounds], self.channels[x])

    def add(self, a: str, b: str) -> str:
        return self.node("Add", [a, b], self.channels[a])

    def classify(self, x: str, classes: int) -> None:
        """The mean of each channel, and of these the output y."""
        x = self.node("GlobalAveragePool", [x], self.channels[x])
        self.head(self.node("Flatten", [x], self.channels[x], axis=1), classes)

    def head(self, x: str, classes: int) -> None:
        """A matrix to the output y."""
        w = self.weights([classes, self.channels[x]], 1.0)
        b = self.constant(np.zeros(classes, np.float32))
        self.nodes.append(helper.make_node("Gemm", [x, w, b], ["y"], transB=1))

    def model(self, shape: tuple[int, ...], classes: int) -> onnx.ModelProto:
        value = helper.make_tensor_value_info
        graph = helper.make_graph(
            self.nodes,
            "network",
            [value("x", TensorProto.FLOAT, shape)],
            [value("y", TensorProto.FLOAT, [shape[0], classes])],
            self.initializers,
        )
        return helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9
        )
