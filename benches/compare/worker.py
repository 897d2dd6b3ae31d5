"""Runs one engine of Python: JSON commands on stdin, JSON answers on stdout, one a line.

benches/peers/src/main.rs speaks the same for the engines of Rust.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from . import engines
from .engines.engine import Engine, Loaded
from .timing import Timer
from .workloads import Workload, from_entry


class Worker:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        # Engines borrow the inputs by their addresses.
        self.inputs: dict[str, np.ndarray] | None = None
        self.loaded: Loaded | None = None
        self.timer: Timer | None = None

    def reply(self, command: dict[str, Any]) -> dict[str, Any]:
        match command["do"]:
            case "load":
                return self.load(command)
            case "answer" if self.loaded is not None:
                return answer(self.loaded, command["outputs"])
            case "time" if self.timer is not None:
                return self.timer.round(command["seconds"])
        raise ValueError("an unknown command, or no model is loaded")

    def load(self, command: dict[str, Any]) -> dict[str, Any]:
        # What the last workload took is given back first.
        self.loaded = self.timer = self.inputs = None
        gc.collect()
        workload = from_entry(command["workload"])
        self.inputs = read_inputs(workload, command["input"])
        self.loaded = self.engine.load(workload, command["model"], self.inputs)
        self.timer = Timer(self.loaded.call)
        return {}


def read_inputs(workload: Workload, path: str) -> dict[str, np.ndarray]:
    """The inputs, which stand one after another in the file."""
    with open(path, "rb") as file:
        return {
            name: np.fromfile(file, workload.numpy_type, prod(shape)).reshape(shape)
            for name, shape in workload.inputs.items()
        }


def answer(loaded: Loaded, paths: list[str]) -> dict[str, Any]:
    """Writes the outputs, element after element, and names their types."""
    outputs = loaded.answer()
    for output, path in zip(outputs, paths, strict=True):
        Path(path).write_bytes(np.ascontiguousarray(output).tobytes())
    return {"types": [output.dtype.name for output in outputs]}


def main() -> None:
    name, threads = sys.argv[1], int(sys.argv[2])
    # Only answers go to stdout, whatever an engine prints.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(answer: dict[str, Any]) -> None:
        print(json.dumps(answer), file=answers, flush=True)

    try:
        engine = engines.find(name, threads)
    except ImportError as error:
        say({"error": str(error)})
        return
    say({"version": engine.version})
    worker = Worker(engine)
    gc.disable()
    for line in sys.stdin:
        try:
            say(worker.reply(json.loads(line)))
        except Exception as error:  # whatever an engine raises is its refusal
            say({"error": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main()
