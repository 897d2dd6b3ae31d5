"""Engines as processes of their own, pinned to cores: their libraries and threads do not meet."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .workloads import BENCHES

RUST_ENGINES = ("linn", "linn-pooling", "tract", "rten", "gemm", "matrixmultiply", "copy")


class Refused(Exception):
    """An engine does not run a model, or is not installed."""


@dataclass(frozen=True)
class Round:
    """Seconds a call."""

    best: float
    median: float
    calls: int


class EngineProcess:
    """A running engine; one workload is loaded at a time."""

    def __init__(self, name: str, cores: list[int], program: Path) -> None:
        self.name = name
        self.cores = cores
        self.program = program
        self.start()

    def start(self) -> None:
        worker = [sys.executable, "-m", "compare.worker"]
        command = [str(self.program)] if self.name in RUST_ENGINES else worker
        self.process = subprocess.Popen(
            [*command, self.name, str(len(self.cores))],
            cwd=BENCHES,
            env={**os.environ, **environment(len(self.cores))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, self.cores),
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self.commands, self.answers = self.process.stdin, self.process.stdout
        self.version: str = self.receive()["version"]

    def load(self, workload: dict[str, Any], model: Path, x: Path) -> float:
        """Makes a workload ready to run; the seconds that takes."""
        if self.process.poll() is not None:
            # The last workload was more than it could bear.
            self.start()
        files = {"model": str(model), "input": str(x)}
        begin = time.perf_counter()
        self.ask({"do": "load", "workload": workload, **files})
        return time.perf_counter() - begin

    def restart(self) -> None:
        """As if nothing had been loaded."""
        self.close()
        self.start()

    def peak_bytes(self) -> int:
        """The most memory that the process has had so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) << 10

    def answer(self, outputs: list[Path]) -> list[str]:
        """Writes the outputs to files, element after element; their types as NumPy calls them."""
        paths = [str(path) for path in outputs]
        types: list[str] = self.ask({"do": "answer", "outputs": paths})["types"]
        return types

    def time(self, seconds: float) -> Round:
        return Round(**self.ask({"do": "time", "seconds": seconds}))

    def close(self) -> None:
        self.commands.close()
        self.process.wait()

    def ask(self, command: dict[str, Any]) -> dict[str, Any]:
        try:
            print(json.dumps(command), file=self.commands, flush=True)
        except BrokenPipeError:
            raise Refused(f"{self.name} has ended") from None
        return self.receive()

    def receive(self) -> dict[str, Any]:
        line = self.answers.readline()
        if not line:
            raise Refused(f"{self.name} ended with {self.process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise Refused(answer["error"])
        return answer


def environment(threads: int) -> dict[str, str]:
    """Variables that are the same for every engine: threads, and plain pages of memory for all."""
    return {
        "OMP_NUM_THREADS": str(threads),
        "RAYON_NUM_THREADS": str(threads),
        "MATMUL_NUM_THREADS": str(threads),
        "NUMPY_MADVISE_HUGEPAGE": "0",
    }
