#!/usr/bin/env python3
"""Compares linn with ONNX Runtime on networks of torchvision with random weights.

    pip install numpy torch torchvision onnx onnxruntime onnxscript
    cargo build --release
    scripts/compare_zoo.py                       all networks of the list
    scripts/compare_zoo.py resnet18 'swin*'      these; patterns match the names of the list
    scripts/compare_zoo.py --list                the names of the list

Each network is exported with torch.onnx.export, by its newer exporter (dynamo) and by the older one (trace), and
both engines run on the same random input. Every output has its difference max|a-b| / max|b|, where b is what
ONNX Runtime gives; a network is as good as the worst of its outputs.

Weights are random. Those that an initialisation makes all alike (scales of 1, layer scales of 1e-6, biases and
heads of 0) are spread, so that nothing is hidden by a factor that does nothing, and batch normalization has seen
random inputs, so that values neither die out nor explode. The older exporter leaves batch normalization in the
model, the newer one folds it. Detections come sorted by scores that can be nearly equal, so each one is compared
with the most similar one.

Deep networks amplify rounding. To tell that from a fault, the table also has what linn and ONNX Runtime differ from
torch in double precision: where a fault is linn's, only the first is large. Where ONNX Runtime does not run a model,
linn is compared with torch.

Exit code 0 if every network that could be exported is within the bound, 1 if linn fails or differs on one, 2 if
nothing was compared.
"""

import argparse
import contextlib
import dataclasses
import fnmatch
import io
import logging
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import warnings

import numpy
import onnx
import onnxruntime
import torch
import torchvision

IMAGE = (1, 3, 224, 224)
CLIP = (1, 3, 8, 112, 112)
# Networks and the shapes of their inputs.
CLASSIFIERS = {
    "alexnet": IMAGE,
    "convnext_tiny": IMAGE,
    "densenet121": IMAGE,
    "efficientnet_b0": IMAGE,
    "efficientnet_v2_s": IMAGE,
    "googlenet": IMAGE,
    "inception_v3": (1, 3, 299, 299),
    "maxvit_t": IMAGE,
    "mnasnet0_5": IMAGE,
    "mobilenet_v2": IMAGE,
    "mobilenet_v3_small": IMAGE,
    "regnet_x_400mf": IMAGE,
    "regnet_y_400mf": IMAGE,
    "resnet18": IMAGE,
    "resnet50": IMAGE,
    "resnext50_32x4d": IMAGE,
    "shufflenet_v2_x1_0": IMAGE,
    "squeezenet1_1": IMAGE,
    "swin_t": IMAGE,
    "swin_v2_t": (1, 3, 256, 256),
    "vgg11_bn": IMAGE,
    "vit_b_32": IMAGE,
    "wide_resnet50_2": IMAGE,
}
SEGMENTATION = {
    "deeplabv3_mobilenet_v3_large": IMAGE,
    "fcn_resnet50": IMAGE,
    "lraspp_mobilenet_v3_large": IMAGE,
}
VIDEO = {
    "mc3_18": CLIP,
    "mvit_v1_b": (1, 3, 16, 224, 224),
    "r2plus1d_18": CLIP,
    "r3d_18": CLIP,
    "s3d": (1, 3, 16, 224, 224),
    "swin3d_t": CLIP,
}
# These take lists of images.
DETECTION = {
    "fasterrcnn_mobilenet_v3_large_320_fpn": (3, 320, 320),
    "retinanet_resnet50_fpn": (3, 320, 320),
    "ssd300_vgg16": (3, 300, 300),
    "ssdlite320_mobilenet_v3_large": (3, 320, 320),
}
ZOO = CLASSIFIERS | SEGMENTATION | VIDEO | DETECTION
EXPORTERS = ["dynamo", "trace"]


@dataclasses.dataclass
class Row:
    """What the table says of one model."""

    network: str
    exporter: str
    verdict: str
    # Name, type and shape, difference.
    outputs: list = dataclasses.field(default_factory=list)
    nodes: int = 0
    linn_seconds: float = 0.0
    onnxruntime_seconds: float = 0.0
    # The differences to torch in double precision.
    linn_exact: float = float("nan")
    onnxruntime_exact: float = float("nan")
    message: str = ""

    @property
    def worst(self):
        return max((difference for _, _, difference in self.outputs), default=float("nan"))


class NotExported(Exception):
    """torch does not make a model of the network."""


class Mismatch(Exception):
    """An output is not of the type and shape that are wanted, or has infinities."""


class Outputs(torch.nn.Module):
    """A network that takes one tensor, and gives its outputs as a tuple, whatever it has them in."""

    def __init__(self, network, listed):
        super().__init__()
        self.network = network
        self.listed = listed

    def forward(self, x):
        outputs = self.network([x] if self.listed else x)
        if self.listed:
            outputs = outputs[0]
        if isinstance(outputs, dict):
            return tuple(outputs.values())
        return outputs


def build(name):
    """The network, its weights spread, and its batch normalizations used to random inputs."""
    options = {"weights": None}
    if name == "googlenet" or name == "inception_v3":
        options |= {"init_weights": True}
    if name in SEGMENTATION or name in DETECTION:
        options |= {"weights_backbone": None}
    # Random weights make no class likely, so that the usual thresholds leave nothing.
    if "rcnn" in name:
        options |= {"box_score_thresh": 0.0}
    network = torchvision.models.get_model(name, **options).eval()
    with torch.no_grad():
        for weight in network.parameters():
            spread(weight)
        norms = [m for m in network.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
        for norm in norms:
            # Without a momentum the statistics are those of the one pass.
            norm.momentum = None
            norm.reset_running_stats()
            norm.train()
        if norms:
            if name in DETECTION:
                network([random_input(name), random_input(name)])
            else:
                network(torch.cat([random_input(name), random_input(name)]))
    return Outputs(network, name in DETECTION).eval()


def random_input(name):
    """Coarse random patches with noise: plain noise looks the same everywhere to a network."""
    shape = ZOO.get(name, IMAGE)
    images = shape if len(shape) > 3 else (1, *shape)
    coarse = torch.randn((*images[:2], *(max(1, size // 32) for size in images[2:])))
    x = torch.nn.functional.interpolate(coarse, images[2:]) + torch.randn(images) / 4
    return (x / 6 + 0.5).clamp(0, 1).reshape(shape) if name in DETECTION else x


def spread(weight):
    """Random numbers around the one that all elements are."""
    first = weight.flatten()[0].item()
    if weight.numel() > 1 and (weight == first).all():
        weight.mul_(torch.empty_like(weight).uniform_(0.5, 1.5))
        weight.add_(torch.randn_like(weight), alpha=0.05)


def export(network, x, exporter, path):
    options = {"dynamo": True, "verbose": False}
    if exporter == "trace":
        # Preserved training state is what keeps batch normalization in the model; the network is in its
        # evaluation state, and stays so.
        options = {"dynamo": False, "opset_version": 17, "training": torch.onnx.TrainingMode.PRESERVE}
    spoken = io.StringIO()
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(spoken), contextlib.redirect_stderr(spoken):
            warnings.simplefilter("ignore")
            torch.onnx.export(network, (x,), str(path), input_names=["x"], **options)
    except Exception as error:
        # The newer exporter says what is wrong only in what it was caused by.
        while error.__cause__ is not None:
            error = error.__cause__
        raise NotExported(f"{type(error).__name__}: {first_line(error)}") from error
    finally:
        logging.disable(logging.NOTSET)


def first_line(error):
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return shortened(lines[0]) if lines else ""


def shortened(text):
    return text if len(text) <= 600 else f"{text[:600]} ..."


def run_onnxruntime(model, x):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})


def run_linn(arguments, model, x, folder):
    numpy.save(folder / "x.npy", x)
    result = folder / "y.npz"
    command = [arguments.linn, "run", model, "-i", folder / "x.npy", "-o", result]
    if arguments.opt:
        command += ["--opt", arguments.opt]
    ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode != 0:
        raise RuntimeError(f"exit code {ran.returncode}: {shortened(ran.stderr.strip())}")
    with numpy.load(result) as arrays:
        return dict(arrays)


def difference(have, want):
    """The largest difference of two elements, relative to the largest magnitude that is wanted."""
    if have.shape != want.shape or have.dtype != want.dtype:
        raise Mismatch(f"is {have.dtype}{list(have.shape)}, not {want.dtype}{list(want.shape)}")
    have, want = have.astype(float), want.astype(float)
    if not (numpy.isfinite(have).all() and numpy.isfinite(want).all()):
        raise Mismatch("is not finite")
    if not want.size:
        return 0.0
    scale = max(numpy.abs(want).max(), numpy.finfo(numpy.float32).tiny)
    return float(numpy.abs(have - want).max() / scale)


def matched(have, want):
    """The detections of `have`, each in the place of the most similar one of `want`."""

    def table(outputs):
        columns = [output.reshape(len(output), -1).astype(float) for output in outputs if output.ndim < 3]
        return numpy.concatenate(columns, axis=1)

    if not all(have[at].shape == want[at].shape and want[at].size for at in range(len(want))):
        return have
    apart = numpy.abs(table(have)[None] - table(want)[:, None]).max(axis=2)
    # No detection may stand for two.
    order = apart.argmin(axis=1)
    return [output[order] for output in have] if len(set(order)) == len(order) else have


def exact_outputs(network, x):
    """What torch gives in double precision, in the types of single precision."""
    try:
        with torch.no_grad():
            outputs = network.double()(x.double())
    # Some detectors mix precisions.
    except RuntimeError:
        return None
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    return [(output.float() if output.is_floating_point() else output).numpy() for output in outputs]


def exactness(name, outputs, exact):
    """The largest difference to the exact outputs, no number if there are none."""
    if exact is None:
        return float("nan")
    try:
        outputs = matched(outputs, exact) if name in DETECTION else outputs
        return max(difference(have, want) for have, want in zip(outputs, exact, strict=True))
    except (Mismatch, ValueError):
        return float("nan")


def compare(name, exporter, arguments, folder):
    row = Row(name, exporter, "ok")
    model = folder / "model.onnx"
    torch.manual_seed(0)
    try:
        network = build(name)
        x = random_input(name)
        export(network, x, exporter, model)
    except NotExported as error:
        row.verdict, row.message = "not exported", str(error)
        return row
    graph = onnx.load(model, load_external_data=False).graph
    row.nodes = len(graph.node)
    names = [output.name for output in graph.output]
    exact = exact_outputs(network, x)
    start = time.perf_counter()
    try:
        wanted = run_onnxruntime(model, x.numpy())
        row.onnxruntime_seconds = time.perf_counter() - start
        row.onnxruntime_exact = exactness(name, wanted, exact)
    # Its exceptions have no common base.
    except Exception as error:
        row.message = f"compared with torch, as ONNX Runtime does not run it: {first_line(error)}"
        wanted = exact
    try:
        start = time.perf_counter()
        results = run_linn(arguments, model, x.numpy(), folder)
        row.linn_seconds = time.perf_counter() - start
        got = [results[output] for output in names]
        if wanted is None:
            raise RuntimeError("nothing to compare with")
        row.linn_exact = exactness(name, got, exact)
        if name in DETECTION:
            got = matched(got, wanted)
        for output, have, want in zip(names, got, wanted, strict=True):
            try:
                row.outputs.append((output, f"{want.dtype}{list(want.shape)}", difference(have, want)))
            except Mismatch as error:
                raise RuntimeError(f"output {output} {error}") from error
    except RuntimeError as error:
        row.verdict, row.message = "FAILED", f"{error}\n    {row.message}".rstrip()
    # Not `>`: a difference that is no number is no good one.
    if row.verdict == "ok" and not row.worst <= arguments.bound:
        row.verdict = "DIFFERS"
    return row


def chosen(patterns):
    """The networks that patterns name; a name need not be on the list."""
    if not patterns:
        return list(ZOO)
    names = []
    for pattern in patterns:
        matches = [name for name in ZOO if fnmatch.fnmatchcase(name, pattern)]
        if not matches and pattern in torchvision.models.list_models():
            matches = [pattern]
        if not matches:
            sys.exit(f"{pattern} is no network of torchvision, and matches none of the list")
        names += [name for name in matches if name not in names]
    return names


def table(rows):
    wide = max(len(row.network) for row in rows)
    title = (
        f"{'network':{wide}} exporter  nodes  difference  linn-exact  ort-exact  linn s   ort s  verdict"
    )
    print(f"\n{title}\n{'-' * len(title)}")
    for row in rows:
        print(
            f"{row.network:{wide}} {row.exporter:8} {row.nodes:6}  {row.worst:10.1e}  {row.linn_exact:10.1e}  "
            f"{row.onnxruntime_exact:9.1e} {row.linn_seconds:7.2f} {row.onnxruntime_seconds:7.2f}  {row.verdict}"
        )


def main():
    target = pathlib.Path(__file__).resolve().parent.parent / "target"
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help="names or patterns; default: all")
    parser.add_argument("--exporter", choices=EXPORTERS, help="only this one")
    parser.add_argument(
        "--linn", metavar="PATH", default=target / "release" / "linn", help="the program; default: %(default)s"
    )
    parser.add_argument("--opt", choices=["none", "all"], help="the option of linn of that name")
    parser.add_argument("--bound", type=float, default=1e-4, help="largest difference; default: %(default)s")
    parser.add_argument("--keep", metavar="FOLDER", type=pathlib.Path, help="where models go that linn fails on")
    parser.add_argument("--list", action="store_true", help="print the names and stop")
    arguments = parser.parse_args()
    names = chosen(arguments.networks)
    if arguments.list:
        print("\n".join(names))
        return 0
    if shutil.which(arguments.linn) is None:
        parser.error(f"there is no program {arguments.linn}; cargo build --release makes it, --linn names another")
    rows = []
    for name in names:
        for exporter in [arguments.exporter] if arguments.exporter else EXPORTERS:
            with tempfile.TemporaryDirectory() as folder:
                row = compare(name, exporter, arguments, pathlib.Path(folder))
                if row.verdict in ("FAILED", "DIFFERS") and arguments.keep:
                    kept = arguments.keep / f"{name}-{exporter}"
                    shutil.copytree(folder, kept, dirs_exist_ok=True)
            rows.append(row)
            print(f"{name} {exporter}: {row.verdict}", flush=True)
            for output, kind, apart in row.outputs:
                print(f"    {output} {kind} {apart:.1e}", flush=True)
            if row.message:
                print(f"    {row.message}", flush=True)
    table(rows)
    if any(row.verdict in ("FAILED", "DIFFERS") for row in rows):
        return 1
    return 0 if any(row.verdict == "ok" for row in rows) else 2


if __name__ == "__main__":
    sys.exit(main())
