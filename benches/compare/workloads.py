"""The named workloads of benches/workloads.json."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

BENCHES = Path(__file__).resolve().parent.parent

NUMPY_TYPES = {"f32": np.float32, "f64": np.float64, "f16": np.float16, "u8": np.uint8}


@dataclass(frozen=True)
class Workload:
    """One pool on one shape, or one product. `raw` is its line of workloads.json, or like one."""

    name: str
    op: str
    dtype: str
    input: tuple[int, ...]
    output: tuple[int, ...]
    attributes: dict[str, Any]
    indices: bool
    peers: bool
    raw: dict[str, Any]
    # Of a product: the shape of the right matrix if both are inputs, or where the constant one is.
    second: tuple[int, ...] = ()
    constant: str | None = None

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        """The shapes of all inputs by name."""
        return {"x": self.input, "second": self.second} if self.second else {"x": self.input}

    @property
    def numpy_type(self) -> type:
        return NUMPY_TYPES[self.dtype]

    @property
    def input_bytes(self) -> int:
        return prod(self.input) * np.dtype(self.numpy_type).itemsize

    @property
    def output_bytes(self) -> int:
        """Of values, and of Indices where they are wanted."""
        element = np.dtype(self.numpy_type).itemsize + (8 if self.indices else 0)
        return prod(self.output) * element

    @property
    def bytes(self) -> int:
        """What has to be read and written, each element once."""
        return self.input_bytes + self.output_bytes

    @property
    def spatial(self) -> int:
        return len(self.input) - 2

    def attribute(self, name: str, default: int) -> list[int]:
        """A list of one value a spatial axis."""
        values: list[int] = self.attributes.get(name, [default] * self.spatial)
        return values

    def describe(self) -> str:
        parts = [f"{self.op} {self.dtype} [{','.join(map(str, self.input))}]"]
        for name, value in self.attributes.items():
            short = name.removesuffix("_shape")
            if isinstance(value, list):
                if name == "pads" and len(set(value)) == 1:
                    value = value[:1]
                parts.append(f"{short} {'x'.join(map(str, value))}")
            elif name in ("ceil_mode", "count_include_pad"):
                parts.append(short)
            else:
                parts.append(f"{short} {value}")
        if self.indices:
            parts.append("with Indices")
        return " ".join(parts)


def read_workloads(only: str | None = None) -> list[Workload]:
    """All workloads, or those whose name the regular expression `only` finds."""
    entries = json.loads((BENCHES / "workloads.json").read_text())
    workloads = [from_entry(entry) for entry in entries]
    return [w for w in workloads if only is None or re.search(only, w.name)]


def from_entry(entry: dict[str, Any]) -> Workload:
    return Workload(
        name=entry["name"],
        op=entry["op"],
        dtype=entry["dtype"],
        input=tuple(entry["input"]),
        output=tuple(entry["output"]),
        attributes=entry["attributes"],
        indices=entry.get("indices", False),
        peers=entry.get("peers", True),
        raw=entry,
        second=tuple(entry.get("second", ())),
        constant=entry.get("constant"),
    )
