"""What every engine that Python runs can do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..workloads import Workload


@dataclass
class Loaded:
    """A model that is ready: `call` computes it, `answer` computes it and gives the outputs."""

    call: Callable[[], object]
    answer: Callable[[], list[np.ndarray]]


class Engine(Protocol):
    """An engine with a number of threads."""

    version: str

    def load(self, workload: Workload, model: str, inputs: dict[str, np.ndarray]) -> Loaded:
        """Gets a model ready; any exception says that the engine does not run it."""
        ...


def empty_outputs(workload: Workload) -> dict[str, np.ndarray]:
    """Arrays for the outputs of a workload by name, their pages touched."""
    outputs: dict[str, np.ndarray] = {"y": np.zeros(workload.output, workload.numpy_type)}
    if workload.indices:
        outputs["indices"] = np.zeros(workload.output, np.int64)
    for output in outputs.values():
        output.fill(1)
    return outputs
