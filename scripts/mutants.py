#!/usr/bin/env python3
"""Runs damaged copies of the models in tests/data and models, and counts what goes wrong.

    cargo build --release
    scripts/mutants.py --count 10000 target/release/linn
    cargo test --release --test faults --no-run
    scripts/mutants.py --count 1000000 --served target/release/deps/faults-...

Each copy has a process of its own, the program; with --served the test program faults does many of them, a hundred times as
fast.

Each copy has one number of a node, tensor or type changed (plus and minus 1, 0, -1, the smallest and the largest), is cut
short, or has one byte changed; some have a sound model and a damaged input. The same seed gives the same copies,
but for the last ones of a model that takes more than --each seconds. A fault is a panic, a signal, an exit code or a message that linn does not have, more than --slow seconds of processor time,
or more than 512 MiB resident. It needs nothing but Python.
"""

import argparse
import collections
import concurrent.futures
import contextlib
import json
import os
import pathlib
import random
import re
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
MEMORY = "256M"
RESIDENT = 512 << 20
# Done, or as the model, the inputs or the limits deserve.
CODES = {0, 3, 4, 5, 6, 7}
EDGES = [0, -1, -(1 << 63), (1 << 63) - 1]

# By message: the fields that are messages, and those that are whole numbers, alone or packed.
MESSAGES = {
    "model": {7: "graph", 8: "opset", 25: "function"},
    "graph": {1: "node", 5: "tensor", 11: "value", 12: "value", 13: "value", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "value": {2: "type"},
    "type": {1: "tensor type", 4: "element type", 9: "element type"},
    "element type": {1: "type"},
    "tensor type": {2: "shape"},
    "shape": {1: "dimension"},
    "function": {7: "node", 9: "opset", 11: "attribute"},
}
NUMBERS = {
    "model": {1},
    "opset": {2},
    "attribute": {3, 8, 20},
    "tensor": {1, 2, 5, 7, 11, 14},
    "sparse": {3},
    "tensor type": {1},
    "dimension": {1},
}


def read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
        if shift > 63:
            raise ValueError("a number of more than ten bytes")


def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def parse(data, kind):
    """The fields of a message as lists [key, value]: a number, bytes, a list of numbers, or fields again."""
    fields, at = [], 0
    while at < len(data):
        key, at = read_varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = read_varint(data, at)
        elif wire == 2:
            size, at = read_varint(data, at)
            if at + size > len(data):
                raise ValueError("a length past the end")
            value, at = data[at : at + size], at + size
            if number in MESSAGES.get(kind, {}):
                value = ("message", parse(value, MESSAGES[kind][number]))
            elif number in NUMBERS.get(kind, {}):
                numbers, place = [], 0
                while place < len(value):
                    one, place = read_varint(value, place)
                    numbers.append(one)
                value = ("packed", numbers)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
            value, at = data[at : at + size], at + size
        else:
            raise ValueError("a wire type that does not exist")
        fields.append([key, value])
    return fields


def encode(fields):
    out = bytearray()
    for key, value in fields:
        out += varint(key)
        if isinstance(value, int):
            out += varint(value)
            continue
        if isinstance(value, tuple):
            what, inner = value
            value = encode(inner) if what == "message" else b"".join(map(varint, inner))
        if key & 7 == 2:
            out += varint(len(value))
        out += value
    return bytes(out)


def places(fields, kind):
    """Where the numbers of a message are: the list that holds each, and its index there."""
    numbers = NUMBERS.get(kind, set())
    for field in fields:
        number, value = field[0] >> 3, field[1]
        if isinstance(value, int):
            if number in numbers:
                yield field, 1
        elif isinstance(value, tuple):
            what, inner = value
            if what == "message":
                yield from places(inner, MESSAGES[kind][number])
            else:
                yield from ((inner, index) for index in range(len(inner)))


def with_numbers(data, chance, most):
    """At most so many copies of a model with one number changed, each with the words for it."""
    try:
        fields = parse(data, "model")
    except (ValueError, IndexError, RecursionError):
        return
    changes = [
        (count, holder, index, value)
        for count, (holder, index) in enumerate(places(fields, "model"))
        for value in dict.fromkeys([holder[index] + 1, holder[index] - 1, *EDGES])
        if value & (1 << 64) - 1 != holder[index]
    ]
    for count, holder, index, value in chance.sample(changes, min(most, len(changes))):
        before, holder[index] = holder[index], value
        yield f"number {count} is {value}", encode(fields)
        holder[index] = before


def with_bytes(data, chance, most):
    """At most so many copies of the bytes that are cut, and so many with one byte changed."""
    for end in sorted(chance.sample(range(len(data)), min(most, len(data)))):
        yield f"cut to {end} bytes", data[:end]
    for _ in range(most if data else 0):
        at, change = chance.randrange(len(data)), chance.randrange(1, 256)
        yield f"byte {at} is {data[at] ^ change:#04x}", data[:at] + bytes([data[at] ^ change]) + data[at + 1 :]


class Case:
    """A model and its inputs, as the arguments of linn name them."""

    def __init__(self, name, model, inputs, most=1 << 30):
        self.name, self.model, self.inputs, self.most = name, model, inputs, most

    def files(self):
        """The files among the inputs; others are made by linn."""
        return [source for _, source in self.inputs if isinstance(source, pathlib.Path)]

    def copies(self, seed, most):
        """The damaged copies: what was done, to which file, and its bytes."""
        chance = random.Random(f"{seed} {self.name}")
        data = self.model.read_bytes()
        for words, copy in with_numbers(data, chance, 3 * most):
            yield words, self.model, copy
        for words, copy in with_bytes(data, chance, most):
            yield words, self.model, copy
        for path in self.files():
            for words, copy in with_bytes(path.read_bytes(), chance, max(1, most // 8)):
                yield words, path, copy


def input_names(model):
    """The inputs of a model without a default, each with = behind it."""
    graph = next(value[1] for key, value in parse(model.read_bytes(), "model") if key >> 3 == 7)

    def names(number, of):
        fields = [value[1] for key, value in graph if key >> 3 == number]
        return [value.decode() for inner in fields for key, value in inner if key >> 3 == of]

    defaults = names(5, 8)
    return [f"{name}=" for name in names(11, 1) if name not in defaults]


def cases():
    folder = ROOT / "tests/data/bad-models"
    for case in json.loads((folder / "index.json").read_text())["cases"]:
        inputs = [(one["name"] + "=", folder / one["file"]) for one in case["inputs"]]
        yield Case(case["name"], folder / case["file"], inputs)
    sound = [path for folder in ("models", "tests/data/node") for path in (ROOT / folder).glob("*/model.onnx")]
    for model in sorted(sound):
        inputs = sorted((model.parent / "test_data_set_0").glob("input_*.pb"))
        yield Case(model.parent.name, model, list(zip(input_names(model), inputs)))
    for model in sorted((ROOT / "models/light").glob("*.onnx")):
        # A run of theirs takes as long as thousands of the others.
        yield Case(f"light/{model.stem}", model, [(name, "zeros") for name in input_names(model)], 20)


class Program:
    """The program linn, a process a run."""

    def __init__(self, options):
        self.options = options

    def run(self, model, inputs):
        """The exit code, what is on stderr, processor seconds and resident bytes of one run."""
        arguments = [str(model)]
        for name, source in inputs:
            arguments += ["-i", f"{name}{source}"]
        with tempfile.TemporaryFile() as stderr:
            child = subprocess.Popen(
                [self.options.linn, "run", *arguments, "--max-memory", MEMORY],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )
            timer = threading.Timer(self.options.timeout, child.kill)
            timer.start()
            _, status, used = os.wait4(child.pid, 0)
            timer.cancel()
            child.returncode = code = os.waitstatus_to_exitcode(status)
            stderr.seek(0)
            text = stderr.read().decode(errors="replace")
        return code, text, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024

    def close(self):
        pass


class Served:
    """The test `served` of the test program faults: it does one after the other, until it dies of one."""

    # What takes less seconds has touched little memory.
    SHORT = 0.002

    def __init__(self, options):
        self.options = options
        self.start()

    def start(self):
        self.child = subprocess.Popen(
            [self.options.linn, "--exact", "served::served", "--ignored", "--nocapture"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        self.fresh = True

    def of_process(self, file):
        return pathlib.Path(f"/proc/{self.child.pid}/{file}").read_text()

    def answer(self):
        """The exit code and the message, or nothing from one that has died or takes too long."""
        said, stdout = b"", self.child.stdout
        # What else is on stdout comes from the harness of the tests.
        while not (found := re.search(rb"served (\d+) (.*)\n", said)):
            if not select.select([stdout], [], [], self.options.timeout)[0]:
                self.child.kill()
            part = os.read(stdout.fileno(), 1 << 16)
            if not part:
                return None
            said += part
        return int(found[1]), found[2].decode(errors="replace")

    def run(self, model, inputs):
        """As that of the program."""
        began = time.monotonic()
        line = "\t".join([str(model), *(f"{name}{source}" for name, source in inputs)])
        self.child.stdin.write(line.encode() + b"\n")
        said = self.answer()
        took, resident, fresh = time.monotonic() - began, 0, self.fresh
        self.fresh = False
        if said is None:
            code = self.child.wait()
            self.start()
            return code, "", took, resident
        if took > self.options.slow:
            if not fresh:
                # Others may have had the processor: once more, in a process whose time is that of this run.
                self.close()
                self.start()
                return self.run(model, inputs)
            words = self.of_process("stat").rsplit(")", 1)[1].split()
            took = (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
        if took > self.SHORT:
            lines = self.of_process("status").splitlines()
            resident = sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
        code, message = said
        return code, f"error: {message}" if message else "", took, resident

    def close(self):
        self.child.stdin.close()
        self.child.wait()


def fault(code, text, seconds, resident, slow):
    """What is wrong with a run, if anything is."""
    if code == 101 or "panicked" in text:
        return "panics"
    if code < 0:
        return "signals"
    if code not in CODES:
        return "other exit codes"
    errors = [line for line in text.splitlines() if line.startswith("error: ")]
    if len(errors) != (code != 0):
        return "other messages"
    if seconds > slow:
        return "slow"
    if resident > RESIDENT:
        return "large"
    return None


def run_case(case, options):
    """The exit codes of a case's copies, the faults, and the slowest."""
    codes, faults, slowest = collections.Counter(), [], (0.0, "")
    runner = (Served if options.served else Program)(options)
    with contextlib.closing(runner), tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        # External data are read from beside the model, and not through links.
        for path in case.model.parent.iterdir():
            if path.is_file() and path.suffix != ".onnx":
                shutil.copy(path, folder / path.name)
        began, cut = time.monotonic(), False
        for words, damaged, data in case.copies(options.seed, min(options.most, case.most)):
            # Copies of a loop that ends at a limit may each take seconds.
            if time.monotonic() - began > options.each:
                cut = True
                break
            paths = {source: source for _, source in case.inputs} | {case.model: folder / "model.onnx"}
            paths[damaged] = folder / ("model.onnx" if damaged == case.model else "damaged.pb")
            if damaged != case.model:
                shutil.copy(case.model, folder / "model.onnx")
            paths[damaged].write_bytes(data)
            inputs = [(name, paths[source]) for name, source in case.inputs]
            code, text, seconds, resident = runner.run(paths[case.model], inputs)
            codes[code] += 1
            label = f"{case.name}: {damaged.name}, {words}"
            slowest = max(slowest, (seconds, label))
            what = fault(code, text, seconds, resident, options.slow)
            if what:
                faults.append((what, label, text.strip()[:300]))
                if options.keep:
                    kept = options.keep / f"{what.replace(' ', '-')}-{case.name.replace('/', '-')}-{len(faults)}{damaged.suffix}"
                    kept.write_bytes(data)
    return codes, faults, slowest, cut


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("linn", help="the program, or with --served the test program faults")
    parser.add_argument("--served", action="store_true", help="one process does many")
    parser.add_argument("--count", type=int, default=10_000, help="about how many copies (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="which copies (default: %(default)s)")
    parser.add_argument("--slow", type=float, default=1.0, help="seconds of processor time (default: %(default)s)")
    parser.add_argument("--timeout", type=float, default=20.0, help="seconds until a run is ended (default: %(default)s)")
    parser.add_argument("--each", type=float, default=60.0, help="most seconds for the copies of one model (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="runs at once (default: %(default)s)")
    parser.add_argument("--only", default="", help="cases with this in their names")
    parser.add_argument("--keep", type=pathlib.Path, metavar="DIR", help="where the bytes of faults are kept")
    options = parser.parse_args()
    options.linn = str(pathlib.Path(options.linn).resolve())
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
    chosen = [case for case in cases() if options.only in case.name]
    if not chosen:
        parser.error("no case has that in its name")
    # A case has up to three copies with a number changed for one that is cut and one with a byte changed.
    options.most = max(1, options.count // (5 * len(chosen)))
    codes, faults, slowest, cut = collections.Counter(), [], (0.0, ""), 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for done, result in enumerate(pool.map(lambda case: run_case(case, options), chosen), 1):
            codes += result[0]
            faults += result[1]
            slowest = max(slowest, result[2])
            cut += result[3]
            if done % 20 == 0:
                print(f"{done} models, {codes.total()} copies, {len(faults)} faults", file=sys.stderr, flush=True)
    for what, label, text in faults:
        print(f"{what}: {label}: {text}")
    kinds = collections.Counter(what for what, _, _ in faults)
    print(f"{codes.total()} copies of {len(chosen)} models, seed {options.seed}: {len(faults)} faults {dict(kinds)}")
    if cut:
        print(f"of {cut} models only as many as took {options.each:g} s")
    print(f"exit codes: {dict(sorted(codes.items()))}; most processor time: {slowest[0]:.2f} s, {slowest[1]}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
