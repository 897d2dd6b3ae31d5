"""Transformers as exporters write them, with random weights."""

from __future__ import annotations

from math import sqrt

import numpy as np
import onnx

from .builder import CLASSES, Builder


def vit_s_16(seed: int) -> onnx.ModelProto:
    """Dosovitskiy et al., arXiv 2010.11929, in the size S of Touvron et al., arXiv 2012.12877."""
    shape = (1, 3, 224, 224)
    patch, width, depth, heads = 16, 384, 12, 6
    patches = (shape[2] // patch) * (shape[3] // patch)
    net = Builder(seed)
    net.channels["x"] = shape[1]
    x = net.conv("x", width, (patch, patch), (patch, patch), gain=1.0, padded=False)
    x = reshape(net, x, [1, width, patches])
    x = net.node("Transpose", [x], width, perm=(0, 2, 1))
    token = net.node("Expand", [net.normal([1, 1, width], 1.0), numbers(net, [1, 1, 1])], width)
    x = net.node("Concat", [token, x], width, axis=1)
    x = net.node("Add", [x, net.normal([1, 1 + patches, width], 0.5)], width)
    for _ in range(depth):
        x = net.add(x, attention(net, normalized(net, x), 1 + patches, heads))
        x = net.add(x, perceptron(net, normalized(net, x)))
    x = net.node("Gather", [normalized(net, x), numbers(net, 0)], width, axis=1)
    net.head(x, CLASSES)
    return net.model(shape, CLASSES)


def attention(net: Builder, x: str, tokens: int, heads: int) -> str:
    """Every token looks at all tokens, in each head by a part of the channels."""
    width = net.channels[x]
    size = width // heads
    x = reshape(net, linear(net, x, 3 * width), [1, tokens, 3, heads, size])
    x = net.node("Transpose", [x], width, perm=(2, 0, 3, 1, 4))
    queries, keys, values = (
        net.node("Gather", [x, numbers(net, part)], width, axis=0) for part in range(3)
    )
    keys = net.node("Transpose", [keys], width, perm=(0, 1, 3, 2))
    # A factor on either side rather than on the scores, so that these would not overflow in f16.
    scale = number(net, size**-0.25)
    queries, keys = (net.node("Mul", [side, scale], width) for side in (queries, keys))
    scores = net.node("MatMul", [queries, keys], tokens)
    shares = net.node("Softmax", [scores], tokens, axis=-1)
    x = net.node("MatMul", [shares, values], width)
    x = net.node("Transpose", [x], width, perm=(0, 2, 1, 3))
    return linear(net, reshape(net, x, [1, tokens, width]), width)


def perceptron(net: Builder, x: str) -> str:
    width = net.channels[x]
    return linear(net, gelu(net, linear(net, x, 4 * width)), width)


def gelu(net: Builder, x: str) -> str:
    """In steps: there is an operator since opset 20, which few models use yet."""
    width = net.channels[x]
    y = net.node("Div", [x, number(net, sqrt(2))], width)
    y = net.node("Erf", [y], width)
    y = net.node("Add", [y, number(net, 1)], width)
    y = net.node("Mul", [x, y], width)
    return net.node("Mul", [y, number(net, 0.5)], width)


def linear(net: Builder, x: str, outputs: int) -> str:
    inputs = net.channels[x]
    x = net.node("MatMul", [x, net.normal([inputs, outputs], inputs**-0.5)], outputs)
    return net.node("Add", [net.normal([outputs], 0.1), x], outputs)


def normalized(net: Builder, x: str) -> str:
    width = net.channels[x]
    scale = net.constant(net.random.uniform(0.75, 1.25, width).astype(np.float32))
    shift = net.normal([width], 0.1)
    return net.node("LayerNormalization", [x, scale, shift], width, axis=-1, epsilon=1e-6)


def reshape(net: Builder, x: str, shape: list[int]) -> str:
    return net.node("Reshape", [x, numbers(net, shape)], net.channels[x])


def number(net: Builder, value: float) -> str:
    return net.constant(np.array(value, np.float32))


def numbers(net: Builder, values: int | list[int]) -> str:
    return net.constant(np.array(values, np.int64))
