"""Networks as exporters write them, BatchNormalization in the convolutions before it, with random weights."""

from __future__ import annotations

from collections.abc import Callable
from math import prod, sqrt

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Outputs of the last layer: the classes of ImageNet, or of Kinetics.
CLASSES = 1000
ACTIONS = 400


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
        scale = sqrt(gain / prod(shape[1:]))
        return self.constant((self.random.standard_normal(shape) * scale).astype(np.float32))

    def conv(
        self,
        x: str,
        outputs: int,
        kernel: tuple[int, ...],
        strides: tuple[int, ...],
        group: int = 1,
        gain: float = 2.0,
    ) -> str:
        channels = self.channels[x]
        w = self.weights([outputs, channels // group, *kernel], gain)
        b = self.constant(self.random.standard_normal(outputs).astype(np.float32) * np.float32(0.1))
        return self.node(
            "Conv",
            [x, w, b],
            outputs,
            kernel_shape=kernel,
            strides=strides,
            pads=[size // 2 for size in kernel] * 2,
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
        """The mean of each channel, and a matrix to the output y."""
        x = self.node("GlobalAveragePool", [x], self.channels[x])
        x = self.node("Flatten", [x], self.channels[x], axis=1)
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


def residual_stages(net: Builder, x: str, kernel: tuple[int, ...]) -> str:
    """Four stages of two blocks of two convolutions, as in ResNet-18 (He et al., arXiv 1512.03385)."""
    one = (1,) * len(kernel)
    for stage, outputs in enumerate((64, 128, 256, 512)):
        for block in range(2):
            strides = (2,) * len(kernel) if stage > 0 and block == 0 else one
            y = net.relu(net.conv(x, outputs, kernel, strides))
            y = net.conv(y, outputs, kernel, one, gain=0.5)
            if strides != one:
                x = net.conv(x, outputs, one, strides, gain=1.0)
            x = net.relu(net.add(y, x))
    return x


def resnet18(seed: int) -> onnx.ModelProto:
    shape = (1, 3, 224, 224)
    net = Builder(seed)
    net.channels["x"] = 3
    x = net.relu(net.conv("x", 64, (7, 7), (2, 2)))
    x = net.node("MaxPool", [x], 64, kernel_shape=(3, 3), strides=(2, 2), pads=(1, 1, 1, 1))
    net.classify(residual_stages(net, x, (3, 3)), CLASSES)
    return net.model(shape, CLASSES)


def mobilenet_v2(seed: int) -> onnx.ModelProto:
    """Sandler et al., arXiv 1801.04381, table 2."""
    shape = (1, 3, 224, 224)
    net = Builder(seed)
    net.channels["x"] = 3
    one = (1, 1)
    x = net.relu6(net.conv("x", 32, (3, 3), (2, 2)))
    rows = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2)]
    rows += [(6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    for factor, outputs, count, stride in rows:
        for block in range(count):
            step = stride if block == 0 else 1
            wide, y = factor * net.channels[x], x
            if factor > 1:
                y = net.relu6(net.conv(y, wide, one, one))
            y = net.relu6(net.conv(y, wide, (3, 3), (step, step), group=wide))
            y = net.conv(y, outputs, one, one, gain=1.0)
            x = net.add(x, y) if step == 1 and net.channels[x] == outputs else y
    net.classify(net.relu6(net.conv(x, 1280, one, one)), CLASSES)
    return net.model(shape, CLASSES)


def r3d_18(seed: int) -> onnx.ModelProto:
    """ResNet-18 with 3-D windows, for eight frames (Tran et al., arXiv 1711.11248)."""
    shape = (1, 3, 8, 112, 112)
    net = Builder(seed)
    net.channels["x"] = 3
    x = net.relu(net.conv("x", 64, (3, 7, 7), (1, 2, 2)))
    net.classify(residual_stages(net, x, (3, 3, 3)), ACTIONS)
    return net.model(shape, ACTIONS)


NETWORKS: dict[str, Callable[[int], onnx.ModelProto]] = {
    "resnet18": resnet18,
    "mobilenet_v2": mobilenet_v2,
    "r3d_18": r3d_18,
}
