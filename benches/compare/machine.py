"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path

from .workloads import BENCHES

# The instruction sets that make a difference to pools.
FLAGS = ("sse4_1", "avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512_fp16", "asimd")


def describe() -> list[tuple[str, str]]:
    """Pairs of a name and a value."""
    info = read(Path("/proc/cpuinfo"))
    return [
        ("CPU", field(info, "model name") or platform.processor() or platform.machine()),
        ("cores", str(os.cpu_count())),
        ("instruction sets", instruction_sets(info)),
        ("caches", caches()),
        ("system", f"{platform.system()} {platform.release().split('-')[0]}"),
    ]


def instruction_sets(info: str) -> str:
    flags = (field(info, "flags") or field(info, "Features") or "").split()
    return " ".join(flag for flag in FLAGS if flag in flags)


def caches() -> str:
    parts = []
    for cache in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        kind = read(cache / "type").strip()
        if kind in ("Data", "Unified"):
            level, size = read(cache / "level").strip(), read(cache / "size").strip()
            parts.append(f"L{level} {in_units(int(size.removesuffix('K')))}")
    return ", ".join(parts)


def in_units(kib: int) -> str:
    return f"{kib >> 10} MiB" if kib >= 1024 and kib % 1024 == 0 else f"{kib} KiB"


def field(info: str, name: str) -> str | None:
    found = re.search(rf"^{name}\s*:\s*(.*)$", info, re.MULTILINE)
    return found[1].strip() if found else None


def read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def commit() -> str:
    """The commit that was measured, marked where files differ from it."""
    head = git("rev-parse", "--short=12", "HEAD") or "unknown"
    changed = git("status", "--porcelain", "--", ":/", ":!/benches/RESULTS.md")
    return f"{head}, with changes" if changed else head


def git(*arguments: str) -> str:
    command = ["git", *arguments]
    try:
        done = subprocess.run(command, cwd=BENCHES, capture_output=True, text=True)
    except OSError:
        return ""
    return done.stdout.strip()


def rustc() -> str:
    done = subprocess.run(["rustc", "--version"], capture_output=True, text=True)
    return done.stdout.strip().removeprefix("rustc ")
