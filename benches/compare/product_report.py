"""The page of results of products."""

from __future__ import annotations

from . import figures, report
from .products import network_of, operations
from .report import TITLES, Run
from .rounds import Row


def page(run: Run) -> str:
    about = report.introduction(run, "Figures are GFLOP/s of the best of all rounds.")
    parts = ["# Products of matrices side by side", about, report.provenance(run)]
    for count in run.threads:
        parts += [f"## {count} {'thread' if count == 1 else 'threads'}", table(run, count)]
    return "\n\n".join(parts) + "\n"


def table(run: Run, threads: int) -> str:
    peers = [TITLES[name] for name in run.engines if name != "linn"]
    heads = ["product", "constant", *(TITLES[name] for name in run.engines)]
    heads += ["fastest peer / linn", *(f"{peer} / linn" for peer in peers)]
    lines = []
    for row in run.rows:
        cells = [cell(row, name, threads) for name in run.engines]
        ratios = map(figures.times, leads(row, run.engines, threads))
        lines.append([row.workload.name, row.workload.constant or "–", *cells, *ratios])
    networks = dict.fromkeys(network_of(row.workload) for row in run.rows)
    groups = {name: [r for r in run.rows if network_of(r.workload) == name] for name in networks}
    for name, rows in {**groups, "all": run.rows}.items():
        columns = zip(*(leads(row, run.engines, threads) for row in rows), strict=True)
        means = [figures.geometric_mean([v for v in column if v]) for column in columns]
        empty = [""] * (1 + len(run.engines))
        lines.append([f"geometric mean, {name}", *empty, *map(figures.times, means)])
    return report.table(heads, lines, left=(0, 1))


def leads(row: Row, engines: list[str], threads: int) -> list[float | None]:
    """How many times as long as linn the fastest peer takes, and each."""
    own = row.best("linn", threads)
    each = [figures.ratio(row.best(name, threads), own) for name in engines if name != "linn"]
    return [figures.lead(row, threads), *each]


def cell(row: Row, engine: str, threads: int) -> str:
    found = row.cells[engine, threads]
    if found.best is None:
        return "–"
    return f"{operations(row.workload) / found.best / 1e9:.1f}" + report.mark(found)
