"""The engines that Python runs, one a file, imported when it is asked for."""

from __future__ import annotations

from importlib import import_module

from .engine import Engine

MODULES = {
    "onnxruntime": "run_onnxruntime",
    "openvino": "run_openvino",
    "torch": "run_torch",
}


def find(name: str, threads: int) -> Engine:
    """The engine `name`, set up for `threads` threads; ImportError where it is not installed."""
    module = import_module(f"{__name__}.{MODULES[name]}")
    engine: Engine = module.make(threads)
    return engine
