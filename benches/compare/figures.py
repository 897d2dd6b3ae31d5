"""What the times come to: ratios of best times of one run."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log

from .rounds import Row

PEERS = ("onnxruntime", "openvino", "torch", "tract", "rten", "gemm", "matrixmultiply")

# The f32 2-D layers that every convolutional network has.
CLASSIC = (
    "max_resnet_stem",
    "max_vgg",
    "max_squeeze_ceil",
    "max_incept_s1",
    "max_incept_s1_14",
    "avg_incept_s1",
    "avg_incept_s1_incl",
    "avg_densenet",
)

# Whose bytes come from memory, and are the only cost.
LARGE = ("max_resnet_stem_b32", "max_vgg")

# A layer of so many bytes stays in the caches of a core from one call to the next, and takes
# longer than the call itself.
CACHE_BYTES = range(64 << 10, 6 << 20)


@dataclass
class Figure:
    """A line of the summary: what, the values by name, and their geometric mean if any."""

    what: str
    values: list[tuple[str, str]]
    mean: str = ""


def fastest_peer(row: Row, threads: int) -> tuple[str, float] | None:
    times = [(name, row.best(name, threads)) for name in PEERS]
    ran = [(name, best) for name, best in times if best is not None]
    return min(ran, key=lambda pair: pair[1], default=None)


def lead(row: Row, threads: int) -> float | None:
    """How many times as long as linn the fastest peer takes."""
    peer, own = fastest_peer(row, threads), row.best("linn", threads)
    return peer[1] / own if peer and own else None


def ratio(above: float | None, below: float | None) -> float | None:
    return above / below if above and below else None


def of_copy(row: Row, threads: int) -> float | None:
    """The speed of linn as a part of the speed of a copy of as many bytes."""
    return ratio(row.best("copy", threads), row.best("linn", threads))


def geometric_mean(values: list[float]) -> float | None:
    return exp(sum(map(log, values)) / len(values)) if values else None


def summary(rows: list[Row]) -> list[Figure]:
    """The figures of one thread that could be computed from the rows."""
    named = {row.workload.name: row for row in rows}
    figures = [
        against_all(rows),
        against_onnxruntime(named),
        parts_of_copy("memory-bound layers, of the speed of a copy", pick(named, LARGE)),
        parts_of_copy(
            "cache-resident f32 layers, 64 KiB to 6 MiB, of the speed of a copy",
            [r for r in rows if in_cache(r)],
        ),
        times_as_long(
            "a 31x31 window, against 3x3 on the same plane",
            named,
            [("max_morph31", "max_morph3"), ("avg_box31", "avg_box3")],
        ),
        times_as_long(
            "a maximum with Indices, against one without",
            named,
            [("max_idx", "max_idx_without")],
        ),
        small_call(named),
    ]
    return [figure for figure in figures if figure.values]


def pick(named: dict[str, Row], names: tuple[str, ...]) -> list[Row]:
    return [named[name] for name in names if name in named]


def in_cache(row: Row) -> bool:
    workload = row.workload
    return workload.dtype == "f32" and workload.peers and workload.bytes in CACHE_BYTES


def against_all(rows: list[Row]) -> Figure:
    leads = {r.workload.name: lead(r, 1) for r in rows}
    known = {name: value for name, value in leads.items() if value is not None}
    ahead = sum(value > 1 for value in known.values())
    values = []
    if known:
        least = min(known, key=known.__getitem__)
        values = [
            ("ahead on", f"{ahead} of {len(known)}"),
            (f"least, {least}", times(known[least])),
        ]
    mean = geometric_mean(list(known.values()))
    return Figure("against the fastest peer of each workload", values, times(mean))


def against_onnxruntime(named: dict[str, Row]) -> Figure:
    rows = pick(named, CLASSIC)
    found = [(r.workload.name, ratio(r.best("onnxruntime", 1), r.best("linn", 1))) for r in rows]
    known = [(name, value) for name, value in found if value is not None]
    mean = geometric_mean([value for _, value in known])
    values = [(name, times(value)) for name, value in known]
    return Figure("classic f32 2-D layers, against ONNX Runtime", values, times(mean))


def parts_of_copy(what: str, rows: list[Row]) -> Figure:
    found = [(r.workload.name, of_copy(r, 1)) for r in rows]
    known = [(name, value) for name, value in found if value is not None]
    mean = geometric_mean([value for _, value in known])
    values = [(name, percent(value)) for name, value in known]
    return Figure(what, values, percent(mean))


def times_as_long(what: str, named: dict[str, Row], pairs: list[tuple[str, str]]) -> Figure:
    values = []
    for above, below in pairs:
        if above in named and below in named:
            long, short = named[above].best("linn", 1), named[below].best("linn", 1)
            value = ratio(long, short)
            if value is not None:
                values.append((above, f"{times(value)} the time"))
    return Figure(what, values)


def small_call(named: dict[str, Row]) -> Figure:
    row = named.get("max_small")
    values = []
    if row is not None:
        ways = (("linn::pooling", "linn-pooling"), ("Model::run_into", "linn"))
        for title, engine in ways:
            if row.best(engine, 1) is not None:
                values.append((title, f"{microseconds(row.best(engine, 1))} us"))
    return Figure("a call of max_small, [1,16,13,13]", values)


def times(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}x"


def percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.0f} %"


def microseconds(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds * 1e6:,.1f}"
