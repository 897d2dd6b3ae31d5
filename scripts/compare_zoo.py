#!/usr/bin/env python3
"""Compares linn with ONNX Runtime on networks of torchvision with random weights.

    pip install torch torchvision onnx onnxruntime onnxscript
    cargo build --release
    scripts/compare_zoo.py                       a list that covers most architectures
    scripts/compare_zoo.py resnet18 vit_b_16     these
    scripts/compare_zoo.py --list                the names of the list

Each network is exported with torch.onnx.export, by its newer exporter (dynamo) and by the older one (trace), and
both engines run on the same random input. A line a model gives the largest difference of any output, relative to
the largest magnitude of that output. Exit code 1 if one is above --tolerance, or does not export or run.

Weights are random, but batch normalization has seen the input, so that values neither die out nor explode.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy
import onnxruntime
import torch
import torchvision

IMAGE = (1, 3, 224, 224)
VIDEO = (1, 3, 16, 112, 112)
# Networks and the shapes of their inputs.
ZOO = {
    "alexnet": IMAGE,
    "convnext_tiny": IMAGE,
    "densenet121": IMAGE,
    "efficientnet_b0": IMAGE,
    "efficientnet_v2_s": IMAGE,
    "googlenet": IMAGE,
    "inception_v3": (1, 3, 299, 299),
    "maxvit_t": IMAGE,
    "mnasnet1_0": IMAGE,
    "mobilenet_v2": IMAGE,
    "mobilenet_v3_small": IMAGE,
    "regnet_y_400mf": IMAGE,
    "resnet18": IMAGE,
    "resnet50": IMAGE,
    "resnext50_32x4d": IMAGE,
    "shufflenet_v2_x1_0": IMAGE,
    "squeezenet1_1": IMAGE,
    "swin_t": IMAGE,
    "vgg11": IMAGE,
    "vit_b_16": IMAGE,
    "wide_resnet50_2": IMAGE,
    "deeplabv3_mobilenet_v3_large": IMAGE,
    "fcn_resnet50": IMAGE,
    "lraspp_mobilenet_v3_large": IMAGE,
    "mc3_18": VIDEO,
    "r2plus1d_18": VIDEO,
    "r3d_18": VIDEO,
}
EXPORTERS = ["dynamo", "trace"]


class Outputs(torch.nn.Module):
    """A network that gives its outputs as a tuple, whatever it has them in."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        outputs = self.network(x)
        if isinstance(outputs, dict):
            return tuple(outputs.values())
        return outputs


def build(name, x):
    """The network, its batch normalizations used to the statistics of `x`."""
    without = {"weights": None}
    if name in ("googlenet", "inception_v3"):
        without |= {"aux_logits": False, "init_weights": True}
    if "deeplab" in name or "fcn" in name or "lraspp" in name:
        without |= {"weights_backbone": None}
    torch.manual_seed(0)
    network = torchvision.models.get_model(name, **without)
    # One pass is all the statistics: the normal momentum would leave them near those of the start.
    for module in network.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.momentum = None
            module.reset_running_stats()
    network.train()
    with torch.no_grad():
        network(torch.cat([x, x.flip(-1)]))
    return Outputs(network).eval()


def export(network, x, exporter, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (x,),
            str(path),
            input_names=["x"],
            dynamo=exporter == "dynamo",
            **({"verbose": False} if exporter == "dynamo" else {"opset_version": 17}),
        )


def run_linn(linn, model, x, folder):
    numpy.savez(folder / "x.npz", x=x)
    result = folder / "y.npz"
    command = [linn, "run", model, "-i", f"x={folder / 'x.npz'}:x", "-o", result]
    ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode != 0:
        raise RuntimeError(ran.stderr.strip().splitlines()[0])
    return numpy.load(result)


def largest_difference(model, x, linn, folder):
    """The largest difference of any output, relative to the largest magnitude of that output."""
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    wanted = dict(zip(names, session.run(names, {"x": x})))
    got = run_linn(linn, model, x, folder)
    worst = 0.0
    for name, want in wanted.items():
        have = got[name]
        if have.shape != want.shape or have.dtype != want.dtype:
            raise RuntimeError(
                f"{name} is {have.dtype}{list(have.shape)}, wanted {want.dtype}{list(want.shape)}"
            )
        if not (numpy.isfinite(have).all() and numpy.isfinite(want).all()):
            raise RuntimeError(f"{name} is not finite")
        if want.size:
            scale = max(float(numpy.abs(want).max()), numpy.finfo(numpy.float32).tiny)
            worst = max(worst, float(numpy.abs(have.astype(float) - want).max()) / scale)
    return worst


def compare(name, shape, exporter, arguments):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        model = folder / "model.onnx"
        export(build(name, x), x, exporter, model)
        return largest_difference(model, x.numpy(), arguments.linn, folder)


def main():
    target = pathlib.Path(__file__).resolve().parent.parent / "target"
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("networks", nargs="*", metavar="NETWORK")
    parser.add_argument("--exporter", choices=EXPORTERS, help="only this one")
    parser.add_argument("--linn", default=target / "release" / "linn", help="the program")
    parser.add_argument("--tolerance", type=float, default=1e-4)
    parser.add_argument("--list", action="store_true", help="print the names and stop")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(ZOO))
        return 0
    failed = 0
    for name in arguments.networks or ZOO:
        for exporter in [arguments.exporter] if arguments.exporter else EXPORTERS:
            try:
                worst = compare(name, ZOO.get(name, IMAGE), exporter, arguments)
            # Whatever happens to one network, the others are still of interest.
            except Exception as error:
                lines = str(error).strip().splitlines() or [""]
                print(f"{name:32} {exporter:8} FAILED {type(error).__name__}: {lines[0]}", flush=True)
                failed += 1
                continue
            verdict = "ok" if worst <= arguments.tolerance else "ABOVE THE TOLERANCE"
            print(f"{name:32} {exporter:8} {worst:.1e} {verdict}", flush=True)
            failed += worst > arguments.tolerance
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
