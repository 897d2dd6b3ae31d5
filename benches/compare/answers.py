"""Comparison of the engines' answers with linn's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .workloads import Workload

# Of averages and norms, whose sums each engine adds up in its own order; relative.
TOLERANCE = 1e-5

# Of sums that may cancel, as those of products and of whole networks; of the largest element.
OF_LARGEST = 1e-4


@dataclass(frozen=True)
class Known:
    """A difference that is no mistake of linn's, and how large it may be; relative."""

    reason: str
    tolerance: float


IN_F32 = "computes in f32"

KNOWN = {
    ("openvino", "max_f64"): Known(IN_F32, 1e-7),
    ("rten", "max_f64"): Known(IN_F32, 1e-7),
    ("rten", "max_f16"): Known(IN_F32, 0.0),
}


def known_difference(engine: str, workload: str) -> Known | None:
    return KNOWN.get((engine, workload))


def difference(
    workload: Workload,
    expected: list[np.ndarray],
    got: list[np.ndarray],
    known: Known | None,
) -> str | None:
    """What differs, or None."""
    if workload.op == "MatMul":
        (want,), (have,) = expected, got
        off = off_largest(want, have)
        return None if off <= OF_LARGEST else f"by {off:.1e} of the largest element"
    tolerance = 0.0 if "Max" in workload.op else TOLERANCE
    if known is not None:
        tolerance = max(tolerance, known.tolerance)
    if len(expected) != len(got):
        return f"{len(got)} outputs, not {len(expected)}"
    for name, want, have in zip(("y", "indices"), expected, got, strict=False):
        text = output_difference(want, have, tolerance if name == "y" else 0.0, known)
        if text is not None:
            return f"{name}: {text}"
    return None


def output_difference(
    want: np.ndarray, have: np.ndarray, tolerance: float, known: Known | None
) -> str | None:
    if want.dtype != have.dtype and known is None:
        return f"{have.dtype}, not {want.dtype}"
    if want.shape != have.shape:
        return f"{have.size} elements, not {want.size}"
    want, have = want.astype(np.float64), have.astype(np.float64)
    wrong = ~(np.abs(have - want) <= tolerance * np.abs(want))
    if not wrong.any():
        return None
    first = int(np.flatnonzero(wrong)[0])
    count = f"{int(wrong.sum())} of {want.size} differ"
    return f"{count}, first at {first}: {have[first]:.9g}, not {want[first]:.9g}"


def off_largest(want: np.ndarray, have: np.ndarray) -> float:
    """The largest difference, as a part of the largest element."""
    return float(np.abs(have - want).max() / np.abs(want).max())
