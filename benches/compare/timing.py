"""Timing of calls in batches."""

from __future__ import annotations

from collections.abc import Callable
from itertools import repeat
from statistics import median
from time import perf_counter

# A batch is at least this long, so that reading the clock costs nothing; short enough to fit
# between two interruptions. benches/peers/src/timing.rs does the same.
BATCH_SECONDS = 200e-6


class Timer:
    """Times one call again and again."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.call = call
        self.calls = 0

    def round(self, seconds: float) -> dict[str, float]:
        """Batches for about `seconds`, one at least: best and median seconds a call."""
        if self.calls == 0:
            self.calls = self.calls_in_a_batch()
        took: list[float] = []
        end = perf_counter() + seconds
        while not took or perf_counter() < end:
            took.append(self.batch(self.calls) / self.calls)
        calls = self.calls * len(took)
        return {"best": min(took), "median": median(took), "calls": calls}

    def calls_in_a_batch(self) -> int:
        calls = 1
        while self.batch(calls) < BATCH_SECONDS:
            calls *= 2
        return calls

    def batch(self, calls: int) -> float:
        call = self.call
        start = perf_counter()
        for _ in repeat(None, calls):
            call()
        return perf_counter() - start
