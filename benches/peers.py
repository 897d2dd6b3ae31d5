#!/usr/bin/env python3
"""Runs linn and other engines side by side on the named pooling workloads; see README.md."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from compare import machine, report
from compare.engines import MODULES
from compare.rounds import Bench, Row, start
from compare.workloads import BENCHES, Workload, read_workloads


@dataclass(frozen=True)
class Comparison:
    """Workloads, what runs them, and the page that comes of it."""

    description: str
    # In the order of the tables; linn first, because the others are compared with it.
    engines: tuple[str, ...]
    workloads: Callable[[str | None], list[Workload]]
    page: Callable[[report.Run], str]
    file: str


POOLING = Comparison(
    description=__doc__,
    engines=("linn", "linn-pooling", *MODULES, "tract", "rten", "copy"),
    workloads=read_workloads,
    page=report.page,
    file="RESULTS.md",
)


def arguments(comparison: Comparison) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=comparison.description)
    engines, page = ",".join(comparison.engines), comparison.file
    parser.add_argument("--threads", default="1", help="numbers of threads: 1, 2 or 1,2")
    parser.add_argument("--rounds", type=int, default=5, help="how often each engine gets its turn")
    parser.add_argument("--seconds", type=float, default=0.1, help="length of a turn")
    parser.add_argument("--only", metavar="REGEX", help="the workloads whose name it finds")
    parser.add_argument("--engines", help=f"a list, from {engines}")
    parser.add_argument("--cores", help="a list; otherwise the last ones of the machine")
    parser.add_argument("--program", type=Path, help="linn-peers, if it is built already")
    parser.add_argument("--output", type=Path, help=f"the page; {page} after a whole run")
    parser.add_argument("--json", type=Path, help="all times and refusals")
    return parser.parse_args()


def main(comparison: Comparison) -> int:
    options = arguments(comparison)
    known = comparison.engines
    names = options.engines.split(",") if options.engines else list(known)
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"unknown engines: {', '.join(unknown)}; known are {', '.join(known)}")
    names = [name for name in known if name in names]
    threads = [int(count) for count in options.threads.split(",")]
    cores = choose_cores(options.cores, max(threads))
    program = options.program or build()
    engines, missing = start(names, threads, cores, program)
    for name, reason in missing.items():
        print(f"{name} is left out: {reason}", flush=True)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(engines, Path(folder))
        for workload in comparison.workloads(options.only):
            rows.append(bench.row(workload, options.rounds, options.seconds))
            show(rows[-1])
    for engine in engines.values():
        engine.close()
    run = report.Run(
        rows=rows,
        engines=[name for name in names if name not in missing],
        threads=threads,
        versions={name: engine.version for (name, _), engine in engines.items()},
        missing=missing,
        machine=machine.describe(),
        rust=machine.rustc(),
        commit=machine.commit(),
        date=datetime.date.today().isoformat(),
        command=command(options),
    )
    write(run, options, comparison)
    return 1 if any(cell.mismatch for row in rows for cell in row.cells.values()) else 0


def choose_cores(wanted: str | None, count: int) -> list[int]:
    allowed = sorted(os.sched_getaffinity(0))
    cores = [int(core) for core in wanted.split(",")] if wanted else allowed
    if len(cores) < count:
        sys.exit(f"{count} threads need as many cores, there are {len(cores)}")
    return cores[-count:]


def build() -> Path:
    """Compiles linn-peers; its path."""
    manifest = BENCHES / "peers" / "Cargo.toml"
    flags = ["--release", "--message-format", "json-render-diagnostics"]
    cargo = ["cargo", "build", *flags, "--manifest-path", str(manifest)]
    done = subprocess.run(cargo, stdout=subprocess.PIPE, text=True, check=False)
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    programs = [m["executable"] for m in messages if m.get("executable")]
    if done.returncode != 0 or not programs:
        sys.exit("linn-peers was not built")
    return Path(programs[-1])


def show(row: Row) -> None:
    """One line a workload, while the others are still to come, and what went wrong."""
    parts = [f"{row.workload.name:24}"]
    for (name, threads), cell in row.cells.items():
        time = "–" if cell.best is None else f"{cell.best * 1e6:,.1f}"
        parts.append(f"{name}/{threads} {time}")
    print("  ".join(parts), flush=True)
    for (name, threads), cell in row.cells.items():
        if cell.mismatch:
            print(f"  {name}/{threads} DIFFERS: {cell.mismatch}", flush=True)
        if cell.refused:
            text = " ".join(cell.refused.split())
            print(f"  {name}/{threads} refuses: {text[:160]}", flush=True)


def command(options: argparse.Namespace) -> str:
    """The command again, without what does not bear on the figures."""
    parts = [f"python benches/{Path(sys.argv[0]).name}", f"--threads {options.threads}"]
    parts += [f"--rounds {options.rounds}", f"--seconds {options.seconds}"]
    parts += [f"--only '{options.only}'"] if options.only else []
    parts += [f"--engines {options.engines}"] if options.engines else []
    return " ".join(parts)


def write(run: report.Run, options: argparse.Namespace, comparison: Comparison) -> None:
    page = comparison.page(run)
    whole = options.only is None and options.engines is None
    output = options.output or (BENCHES / comparison.file if whole else None)
    if output is None:
        print("\n" + page)
    else:
        output.write_text(page)
    if options.json is not None:
        options.json.write_text(json.dumps(as_json(run), indent=1) + "\n")


def as_json(run: report.Run) -> dict[str, object]:
    rows = [
        {
            "workload": row.workload.name,
            "engine": name,
            "threads": threads,
            "seconds": cell.best,
            "refused": cell.refused,
            "differs": cell.mismatch,
            "known": cell.known,
        }
        for row in run.rows
        for (name, threads), cell in row.cells.items()
    ]
    about = {"commit": run.commit, "date": run.date, "command": run.command}
    return {**about, "machine": dict(run.machine), "versions": run.versions, "rows": rows}


if __name__ == "__main__":
    sys.exit(main(POOLING))
