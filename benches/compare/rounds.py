"""Measuring: every engine on every workload, in rounds that all take part in."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from . import answers, models
from .process import EngineProcess, Refused
from .workloads import Workload

# Between two engines, so that threads of the one that still spin do not disturb the next.
PAUSE_SECONDS = 0.02

# What runs the workloads that are of interest beside each other, not beside the peers.
ALONE = ("linn", "linn-pooling", "copy")

# An engine by name, with a number of threads.
Column = tuple[str, int]


@dataclass
class Cell:
    """One engine on one workload."""

    best: float | None = None
    refused: str | None = None
    mismatch: str | None = None
    known: str | None = None


@dataclass
class Row:
    """One workload on all engines."""

    workload: Workload
    cells: dict[Column, Cell] = field(default_factory=dict)

    def best(self, engine: str, threads: int) -> float | None:
        """Seconds a call, where the engine ran the workload."""
        cell = self.cells.get((engine, threads))
        return None if cell is None else cell.best


class Bench:
    """Engines that are running, and the folder where models and answers are written."""

    def __init__(self, engines: dict[Column, EngineProcess], folder: Path) -> None:
        self.engines = engines
        self.folder = folder

    def row(self, workload: Workload, rounds: int, seconds: float) -> Row:
        """Loads, compares the answers, then times the engines in turn, `rounds` times."""
        model, x = self.folder / "model.onnx", self.folder / "x.bin"
        models.write_model(workload, model)
        models.make_input(workload).tofile(x)
        row = Row(workload)
        expected: list[np.ndarray] | None = None
        for column, engine in self.engines.items():
            if not workload.peers and column[0] not in ALONE:
                continue
            cell = row.cells[column] = Cell()
            try:
                engine.load(workload.raw, model, x)
                if column[0] == "copy":
                    continue
                found = self.answer(engine, workload)
            except Refused as refused:
                cell.refused = str(refused)
                continue
            if column[0] == "linn" and expected is None:
                expected = found
            elif expected is not None:
                compare(cell, column[0], workload, expected, found)
        for _ in range(rounds):
            self.round(row, seconds)
        return row

    def round(self, row: Row, seconds: float) -> None:
        for column, cell in row.cells.items():
            if cell.refused is not None:
                continue
            time.sleep(PAUSE_SECONDS)
            try:
                best = self.engines[column].time(seconds).best
            except Refused as refused:
                cell.refused = str(refused)
                continue
            cell.best = best if cell.best is None else min(cell.best, best)

    def answer(self, engine: EngineProcess, workload: Workload) -> list[np.ndarray]:
        paths = [self.folder / "y.bin"]
        if workload.indices:
            paths.append(self.folder / "indices.bin")
        types = engine.answer(paths)
        return [np.fromfile(p, t) for p, t in zip(paths, types, strict=True)]


def compare(
    cell: Cell,
    engine: str,
    workload: Workload,
    expected: list[np.ndarray],
    found: list[np.ndarray],
) -> None:
    """Notes in `cell` how an answer differs from linn's."""
    known = answers.known_difference(engine, workload.name)
    cell.known = known.reason if known else None
    cell.mismatch = answers.difference(workload, expected, found, known)


def start(
    names: list[str], threads: list[int], cores: list[int], program: Path
) -> tuple[dict[Column, EngineProcess], dict[str, str]]:
    """Starts every engine with every number of threads; beside them, why engines are missing."""
    engines: dict[Column, EngineProcess] = {}
    missing: dict[str, str] = {}
    for count in threads:
        for name in names:
            try:
                # The last cores: the first ones serve interrupts.
                engines[name, count] = EngineProcess(name, cores[-count:], program)
            except Refused as refused:
                missing[name] = str(refused)
    return engines, missing
