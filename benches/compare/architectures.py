"""Networks as exporters write them, BatchNormalization in the convolutions before it, with random weights."""

from __future__ import annotations

from collections.abc import Callable

import onnx

from .builder import CLASSES, Builder
from .transformers import vit_s_16

# Outputs of the last layer for Kinetics.
ACTIONS = 400


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
    "vit_s_16": vit_s_16,
}
