#!/usr/bin/env python3
"""Runs linn and other engines side by side on whole networks with random weights; see README.md."""

from __future__ import annotations

import argparse
import datetime
import re
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import exp, inf, log
from pathlib import Path

import numpy as np
import onnx
from compare import doubles, machine, networks
from compare.answers import OF_LARGEST, off_largest
from compare.process import EngineProcess, Refused
from compare.rounds import PAUSE_SECONDS, Column, start
from compare.workloads import BENCHES, Workload
from peers import build, choose_cores

ENGINES = ("linn", "onnxruntime", "openvino", "tract", "rten")


@dataclass
class Cell:
    """One engine on one network: seconds a run, or why there are none."""

    time: float | str
    load_seconds: float = 0.0
    # The most that loading and running took beside what the engine has without a model.
    memory: int = 0
    # How far the answer is from that in 64-bit floats, of the largest element.
    error: float = 0.0


Cells = dict[Column, Cell]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", default="1", help="numbers of threads: 1, 2 or 1,2")
    parser.add_argument("--rounds", type=int, default=5, help="how often each engine gets its turn")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a turn")
    parser.add_argument("--only", metavar="REGEX", help="the networks whose name it finds")
    parser.add_argument("--cores", help="a list; otherwise the last ones of the machine")
    parser.add_argument("--program", type=Path, help="linn-peers, if it is built already")
    parser.add_argument("--output", type=Path, help="the page; NETWORKS.md after a whole run")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    threads = [int(count) for count in options.threads.split(",")]
    cores = choose_cores(options.cores, max(threads))
    engines, missing = start(list(ENGINES), threads, cores, options.program or build())
    for name, reason in missing.items():
        print(f"{name} is left out: {reason}", flush=True)
    rows: dict[str, Cells] = {}
    wrong = False
    with tempfile.TemporaryDirectory() as folder:
        for name in networks.names():
            if options.only is None or re.search(options.only, name):
                rows[name] = row(name, engines, Path(folder), options.rounds, options.seconds)
                print(name, rows[name], flush=True)
                wrong |= any("differs" in str(cell.time) for cell in rows[name].values())
    versions = {engine.name: engine.version for engine in engines.values()}
    for engine in engines.values():
        engine.close()
    target = options.output or (None if options.only else BENCHES / "NETWORKS.md")
    command = f"python benches/networks.py --threads {options.threads}"
    command += f" --rounds {options.rounds} --seconds {options.seconds}"
    page = text(rows, threads, versions, command)
    if target is None:
        print(page)
    else:
        target.write_text(page)
    return 1 if wrong else 0


def row(
    name: str,
    engines: dict[Column, EngineProcess],
    folder: Path,
    rounds: int,
    seconds: float,
) -> Cells:
    """What each engine needs for a run."""
    model, x = folder / "model.onnx", folder / "x.bin"
    workload = networks.write(name, 0, model)
    values = np.random.default_rng(1).standard_normal(workload.input).astype(np.float32)
    values.tofile(x)
    cells: Cells = {}
    expected: np.ndarray | None = None
    exact = in_doubles(model, workload, values, next(iter(engines.values())), folder)
    for column, engine in engines.items():
        engine.restart()
        before = engine.peak_bytes()
        try:
            load_seconds = engine.load(workload.raw, model, x)
            found = answer(engine, folder)
        except Refused as refused:
            cells[column] = Cell(str(refused).splitlines()[0])
            continue
        expected = found if expected is None else expected
        off = off_largest(expected, found)
        result = f"differs by {off:.1e}" if not off <= OF_LARGEST else inf
        memory = engine.peak_bytes() - before
        cells[column] = Cell(result, load_seconds, memory, off_largest(exact, found))
    for _ in range(rounds):
        for column, cell in cells.items():
            if isinstance(cell.time, float):
                time.sleep(PAUSE_SECONDS)
                cell.time = min(cell.time, engines[column].time(seconds).best)
    return cells


def in_doubles(
    model: Path, workload: Workload, values: np.ndarray, engine: EngineProcess, folder: Path
) -> np.ndarray:
    """The answer of `engine` to the same network in 64-bit floats."""
    wide, x = folder / "wide.onnx", folder / "wide.bin"
    onnx.save(doubles.in_doubles(onnx.load(model)), wide)
    values.astype(np.float64).tofile(x)
    engine.load(workload.raw | {"dtype": "f64"}, wide, x)
    found = answer(engine, folder)
    wide.unlink()
    return found


def answer(engine: EngineProcess, folder: Path) -> np.ndarray:
    path = folder / "y.bin"
    (dtype,) = engine.answer([path])
    return np.fromfile(path, dtype)


def text(
    rows: dict[str, Cells],
    threads: list[int],
    versions: dict[str, str],
    command: str,
) -> str:
    lines = [
        "# Networks side by side",
        "",
        f"Written by `{command}` on {datetime.date.today()}; "
        "[README.md](README.md) says what is measured and how. Times are the best of all rounds, in milliseconds a run.",
        "",
        *(f"- {name}: {value}" for name, value in machine.describe()),
        f"- engines: {', '.join(f'{name} {version}' for name, version in versions.items())}",
        f"- Rust: {machine.rustc()}",
        f"- commit: {machine.commit()}",
    ]
    for count in threads:
        plural = "thread" if count == 1 else "threads"
        lines += ["", f"## {count} {plural}", ""]
        lines += table(rows, count, list(versions), lambda cell: cell.time, "{:.1f}", 1e3)
    lines += ["", "## Loading", "", "Milliseconds until a network is ready to run, once.", ""]
    lines += table(rows, threads[0], list(versions), lambda cell: cell.load_seconds, "{:.0f}", 1e3)
    lines += ["", "## Memory", ""]
    lines += ["MiB that loading and a first run take at most.", ""]
    lines += table(rows, threads[0], list(versions), lambda cell: cell.memory, "{:.0f}", 2**-20)
    lines += ["", "## Errors", ""]
    lines += ["The largest difference from linn's answer to the same network in 64-bit floats, in millionths of the largest"]
    lines += ["element.", ""]
    lines += table(rows, threads[0], list(versions), lambda cell: cell.error, "{:.2f}", 1e6)
    return "\n".join(lines) + "\n"


def table(
    rows: dict[str, Cells],
    count: int,
    names: list[str],
    figure: Callable[[Cell], float | str],
    form: str,
    unit: float,
) -> list[str]:
    """One figure of all engines with `count` threads, and how many times linn's it is elsewhere."""
    lines = [
        f"| network | {' | '.join(names)} | least of the others / linn | ONNX Runtime / linn |",
        f"| --- | {'--: | ' * (len(names) + 2)}".rstrip(),
    ]
    ratios: dict[str, list[float]] = {"least": [], "onnxruntime": []}
    for name, cells in rows.items():
        found = {
            n: figure(c) for (n, k), c in cells.items() if k == count and isinstance(c.time, float)
        }
        numbers = {n: f for n, f in found.items() if isinstance(f, (int, float))}
        shown = [form.format(numbers[n] * unit) if n in numbers else "–" for n in names]
        ratio = {}
        if "linn" in numbers and len(numbers) > 1:
            ratio["least"] = min(f for n, f in numbers.items() if n != "linn") / numbers["linn"]
        if "linn" in numbers and "onnxruntime" in numbers:
            ratio["onnxruntime"] = numbers["onnxruntime"] / numbers["linn"]
        for key, value in ratio.items():
            ratios[key].append(value)
        shown += [f"{ratio[key]:.2f}x" if key in ratio else "–" for key in ratios]
        lines.append(f"| {name} | {' | '.join(shown)} |")
    means = [exp(sum(map(log, v)) / len(v)) if v else 0 for v in ratios.values()]
    empty = " | ".join("" for _ in names)
    lines.append(f"| geometric mean | {empty} | {' | '.join(f'{mean:.2f}x' for mean in means)} |")
    return lines


if __name__ == "__main__":
    sys.exit(main())
