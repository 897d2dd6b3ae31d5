"""PyTorch: the functions that a user would call, on the CPU, without gradients."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod

import numpy as np
import torch
import torch.nn.functional as F

from ..workloads import Workload
from .engine import Engine, Loaded


class Torch:
    version = torch.__version__

    def __init__(self, threads: int) -> None:
        torch.set_num_threads(threads)
        # For the process, which does nothing else.
        torch.inference_mode().__enter__()

    def load(self, workload: Workload, model: str, inputs: dict[str, np.ndarray]) -> Loaded:
        call = partial(function(workload), torch.from_numpy(inputs["x"]))

        def answer() -> list[np.ndarray]:
            result = call()
            if not workload.indices:
                return [result.numpy()]
            values, indices = result
            return [values.numpy(), through_planes(workload, indices.numpy())]

        return Loaded(call, answer)


def function(workload: Workload) -> Callable[[torch.Tensor], object]:
    """The call that is `workload`, but for its input."""
    axes = tuple(range(2, 2 + workload.spatial))
    if workload.op == "GlobalAveragePool":
        return partial(torch.mean, dim=axes, keepdim=True)
    if workload.op == "GlobalMaxPool":
        return partial(torch.amax, dim=axes, keepdim=True)
    kernel = workload.attribute("kernel_shape", 1)
    strides = workload.attribute("strides", 1)
    ceil = bool(workload.attributes.get("ceil_mode", 0))
    if workload.op == "LpPool":
        norm = getattr(F, f"lp_pool{workload.spatial}d")
        power = workload.attributes.get("p", 2)
        arguments = {"norm_type": power, "kernel_size": kernel, "stride": strides}
        return partial(norm, **arguments, ceil_mode=ceil)
    arguments = {
        "kernel_size": kernel,
        "stride": strides,
        "padding": symmetric_pads(workload),
        "ceil_mode": ceil,
    }
    if workload.op == "AveragePool":
        average = getattr(F, f"avg_pool{workload.spatial}d")
        include = bool(workload.attributes.get("count_include_pad", 0))
        return partial(average, **arguments, count_include_pad=include)
    largest = getattr(F, f"max_pool{workload.spatial}d")
    dilations = workload.attribute("dilations", 1)
    return partial(largest, **arguments, dilation=dilations, return_indices=workload.indices)


def symmetric_pads(workload: Workload) -> list[int]:
    pads = workload.attributes.get("pads", [0, 0] * workload.spatial)
    begins, ends = pads[: workload.spatial], pads[workload.spatial :]
    if begins != ends:
        raise ValueError("pads at the end that differ from those at the beginning")
    return begins


def through_planes(workload: Workload, indices: np.ndarray) -> np.ndarray:
    """Indices as ONNX counts them: through N and C, not within a plane."""
    planes = np.arange(prod(workload.input[:2])) * prod(workload.input[2:])
    shape = workload.input[:2] + (1,) * workload.spatial
    return indices + planes.reshape(shape)


def make(threads: int) -> Engine:
    return Torch(threads)
