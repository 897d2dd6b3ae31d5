"""Products of f32 matrices of known networks, for a picture of 224x224; each of the same sizes once."""

from __future__ import annotations

import re
from math import prod
from typing import Any

from .workloads import Workload, from_entry

# Rows of the left matrix, its columns, and columns of the right one. On the left stand the weights
# of a convolution, a row for each output; on the right windows, a column for each pixel.
LEFT = {
    # He et al., arXiv 1512.03385, with strides in the 3x3 convolutions.
    "resnet50": [
        (64, 147, 12544),
        (64, 64, 3136),
        (64, 576, 3136),
        (256, 64, 3136),
        (64, 256, 3136),
        (128, 256, 3136),
        (128, 1152, 784),
        (512, 128, 784),
        (512, 256, 784),
        (128, 512, 784),
        (256, 512, 784),
        (256, 2304, 196),
        (1024, 256, 196),
        (1024, 512, 196),
        (256, 1024, 196),
        (512, 1024, 196),
        (512, 4608, 49),
        (2048, 512, 49),
        (2048, 1024, 49),
        (512, 2048, 49),
    ],
    # Sandler et al., arXiv 1801.04381, table 2.
    "mobilenet_v2": [
        (32, 27, 12544),
        (16, 32, 12544),
        (96, 16, 12544),
        (24, 96, 3136),
        (144, 24, 3136),
        (24, 144, 3136),
        (32, 144, 784),
        (192, 32, 784),
        (32, 192, 784),
        (64, 192, 196),
        (384, 64, 196),
        (64, 384, 196),
        (96, 384, 196),
        (576, 96, 196),
        (96, 576, 196),
        (160, 576, 49),
        (960, 160, 49),
        (160, 960, 49),
        (320, 960, 49),
        (1280, 320, 49),
    ],
    # Dosovitskiy et al., arXiv 2010.11929, and Touvron et al., arXiv 2012.12877: the patches.
    "vit_s_16": [(384, 768, 196)],
    "vit_b_16": [(768, 768, 196)],
}

# On the right stand the weights of a layer that has a row for each picture or each token.
RIGHT = {
    "resnet50": [(1, 2048, 1000)],
    "mobilenet_v2": [(1, 1280, 1000)],
    "vit_s_16": [
        (197, 384, 1152),
        (197, 384, 384),
        (197, 384, 1536),
        (197, 1536, 384),
        (1, 384, 1000),
    ],
    "vit_b_16": [
        (197, 768, 2304),
        (197, 768, 768),
        (197, 768, 3072),
        (197, 3072, 768),
        (1, 768, 1000),
    ],
}

# Neither is constant: the scores of one head, and what it takes from the tokens.
NEITHER = {"attention": [(197, 64, 197), (197, 197, 64)]}


def read(only: str | None = None) -> list[Workload]:
    """All products, those of a network together, or those whose name `only` finds."""
    groups = (("left", LEFT), ("right", RIGHT), (None, NEITHER))
    networks = [*LEFT, *NEITHER]
    workloads = [
        workload(network, sizes, constant)
        for network in networks
        for constant, shapes in groups
        for sizes in shapes.get(network, ())
    ]
    return [w for w in workloads if only is None or re.search(only, w.name)]


def workload(network: str, sizes: tuple[int, int, int], constant: str | None) -> Workload:
    rows, inner, columns = sizes
    left, right = [rows, inner], [inner, columns]
    entry: dict[str, Any] = {
        "name": f"{network} {rows}x{inner}x{columns}",
        "op": "MatMul",
        "dtype": "f32",
        "input": right if constant == "left" else left,
        "second": right if constant is None else [],
        "constant": constant,
        "output": [rows, columns],
        "attributes": {},
    }
    return from_entry(entry)


def network_of(product: Workload) -> str:
    return product.name.split()[0]


def operations(product: Workload) -> int:
    """Multiplications and additions."""
    inner = product.input[0] if product.constant == "left" else product.input[1]
    return 2 * prod(product.output) * inner
