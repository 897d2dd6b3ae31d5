"""The page of results."""

from __future__ import annotations

from dataclasses import dataclass

from . import figures
from .figures import PEERS, microseconds, percent, times
from .rounds import Cell, Row

TITLES = {
    "linn": "linn",
    "linn-pooling": "linn::pooling",
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
    "torch": "PyTorch",
    "tract": "tract",
    "rten": "rten",
    "gemm": "gemm",
    "matrixmultiply": "matrixmultiply",
    "copy": "copy",
}


@dataclass
class Run:
    """What was measured, and how."""

    rows: list[Row]
    engines: list[str]
    threads: list[int]
    versions: dict[str, str]
    missing: dict[str, str]
    machine: list[tuple[str, str]]
    rust: str
    commit: str
    date: str
    command: str


def page(run: Run) -> str:
    about = introduction(run, "Times are the best of all rounds, in microseconds a call.")
    parts = ["# Pooling engines side by side", about, provenance(run)]
    if 1 in run.threads:
        parts += ["## Summary, one thread", summary(run), "## One thread", one_thread(run)]
    for count in run.threads:
        if count != 1:
            parts += [f"## {count} threads", many_threads(run, count)]
    parts.append(notes(run))
    return "\n\n".join(part for part in parts if part) + "\n"


def introduction(run: Run, what: str) -> str:
    return (
        f"Written by `{run.command}` on {run.date}; [README.md](README.md) says what is "
        f"measured and how. {what}"
    )


def provenance(run: Run) -> str:
    versions = [f"{TITLES[n]} {v}" for n, v in run.versions.items() if v]
    lines = [*run.machine, ("engines", ", ".join(versions)), ("Rust", run.rust)]
    lines.append(("commit", run.commit))
    if run.missing:
        lines.append(("not installed", ", ".join(TITLES[name] for name in run.missing)))
    return "\n".join(f"- {name}: {value}" for name, value in lines)


def summary(run: Run) -> str:
    lines = []
    for figure in figures.summary(run.rows):
        values = ", ".join(f"{name} {value}" for name, value in figure.values)
        lines.append([figure.what, figure.mean, values])
    return table(["what", "geometric mean", "each"], lines, left=(0, 2))


def one_thread(run: Run) -> str:
    titles = [TITLES[name] for name in run.engines]
    lines = []
    for row in run.rows:
        cells = [cell(row, name, 1) for name in run.engines]
        lead, copy = times(figures.lead(row, 1)), percent(figures.of_copy(row, 1))
        size = f"{row.workload.bytes / 1e6:.2f}"
        lines.append([row.workload.name, row.workload.describe(), size, *cells, lead, copy])
    heads = ["workload", "what", "MB", *titles, "fastest peer / linn", "of copy"]
    return table(heads, lines, left=(0, 1))


def many_threads(run: Run, threads: int) -> str:
    with_one = 1 in run.threads
    names = [name for name in run.engines if name != "linn"]
    heads = ["workload", *(["linn, 1 thread"] if with_one else []), "linn"]
    heads += ["speed-up"] if with_one else []
    heads += [*(TITLES[name] for name in names), "fastest peer / linn", "of copy"]
    lines = []
    for row in run.rows:
        one, many = row.best("linn", 1), row.best("linn", threads)
        line = [row.workload.name]
        line += [microseconds(one)] if with_one else []
        line.append(cell(row, "linn", threads))
        line += [times(figures.ratio(one, many))] if with_one else []
        line += [cell(row, name, threads) for name in names]
        line += [times(figures.lead(row, threads)), percent(figures.of_copy(row, threads))]
        lines.append(line)
    return table(heads, lines, left=(0,))


def cell(row: Row, engine: str, threads: int) -> str:
    found = row.cells.get((engine, threads))
    if found is None:
        return ""
    return microseconds(found.best) + mark(found)


def mark(found: Cell) -> str:
    if found.mismatch is not None:
        return " (differs)"
    return "*" if found.known is not None and found.best is not None else ""


def notes(run: Run) -> str:
    lines = ["–: the engine does not run the model."]
    known: dict[tuple[str, str], list[str]] = {}
    for row in run.rows:
        for (engine, _), found in row.cells.items():
            if found.known is not None and mark(found) == "*":
                names = known.setdefault((engine, found.known), [])
                if row.workload.name not in names:
                    names.append(row.workload.name)
    for (engine, reason), names in known.items():
        lines.append(f"\\*: {TITLES[engine]} {reason} ({', '.join(names)}).")
    peers = [name for name in PEERS if name in run.engines]
    lines.append(f"Peers: {', '.join(TITLES[name] for name in peers)}.")
    return "\n".join(f"- {line}" for line in lines)


def table(heads: list[str], lines: list[list[str]], left: tuple[int, ...]) -> str:
    rule = ["---" if column in left else "--:" for column in range(len(heads))]
    rows = [heads, rule, *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
