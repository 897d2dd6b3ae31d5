#!/usr/bin/env python3
"""Runs a mix of models for some minutes on all cores, and shows how memory goes.

    scripts/soak.py --minutes 30

The test `soak` of tests/faults does the work, in one process: twice as many callers as there are cores share the models,
one call in ten is bad, and models are loaded again now and then. Ten times a minute it prints the runs so far, the
resident memory in bytes, and the outputs whose hash was not that of the first run. The drift is that between the mean of
the second quarter of the time and that of the last. The exit code is 1 if a hash was wrong, a call ended as it should not,
or the drift is over --most per cent. It needs Linux, and Rust to build the test, or --program that is built.
"""

import argparse
import os
import subprocess
import sys
import time

WIDTH = 60


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--program", help="the test program faults, where it is built already")
    parser.add_argument("--most", type=float, default=1.0, help="the largest drift in per cent")
    return parser.parse_args()


def mean(samples):
    return sum(samples) / len(samples)


def curve(samples):
    """A line for each part of the time, its mean as a bar."""
    parts = min(len(samples), 30)
    means = [
        mean(samples[part * len(samples) // parts : (part + 1) * len(samples) // parts])
        for part in range(parts)
    ]
    most = max(means)
    for part, value in enumerate(means):
        share = (part + 1) / parts
        print(f"{share:4.0%} {value / 2**20:8.2f} MiB {'#' * round(WIDTH * value / most)}")


def main():
    options = arguments()
    program = [options.program, "--exact"]
    if not options.program:
        program = ["cargo", "test", "--release", "--test", "faults", "--", "--exact"]
    seconds = str(round(options.minutes * 60))
    environment = dict(os.environ, LINN_SOAK_SECONDS=seconds)
    began = time.monotonic()
    samples, runs, wrong = [], 0, 0
    with subprocess.Popen(
        [*program, "soak::soak", "--ignored", "--nocapture"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        for line in process.stdout:
            words = line.split()
            if words[:1] == ["soak"] and len(words) == 4:
                runs, resident, wrong = (int(word) for word in words[1:])
                samples.append(resident)
    took = time.monotonic() - began
    if len(samples) < 8:
        sys.exit(f"only {len(samples)} lines came, of which eight are needed at least")
    curve(samples)
    quarter = len(samples) // 4
    before, after = mean(samples[quarter : 2 * quarter]), mean(samples[-quarter:])
    drift = 100 * (after - before) / before
    print(
        f"{runs} runs in {took:.0f} s, {wrong} wrong hashes, resident {before / 2**20:.2f} MiB, "
        f"then {after / 2**20:.2f} MiB: drift {drift:+.2f} %"
    )
    if process.returncode != 0 or wrong or drift > options.most:
        sys.exit(1)


if __name__ == "__main__":
    main()
