"""Draws docs/pooling.svg from the one-thread table of RESULTS.md: how many times as long as linn each engine takes.

    python benches/chart.py
"""

from math import log10
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parent.parent
LAYERS = {
    "max_resnet_stem": "ResNet stem, max 3x3/2",
    "max_vgg": "VGG, max 2x2/2",
    "max_incept_s1": "Inception, max 3x3/1",
    "avg_incept_s1": "Inception, average 3x3/1",
    "max3d_r3d": "video, max 3x3x3/2",
    "max_idx": "max 2x2/2 with Indices",
    "max_u8": "max 3x3/2, u8",
    "max_morph31": "max 31x31/1",
    "avg_box31": "average 31x31/1",
}
ENGINES = {
    "ONNX Runtime": "#d55e00",
    "OpenVINO": "#0072b2",
    "PyTorch": "#cc79a7",
    "tract": "#009e73",
    "rten": "#e69f00",
}
LEFT, RIGHT, TOP, ROW, WIDTH, MOST = 230, 30, 74, 28, 860, 1000
STYLE = """
text { font: 13px ui-monospace, Menlo, Consolas, monospace; fill: #1b1f24 }
.quiet { fill: #6a737d } .line { stroke: #d8dee4 } .linn { stroke: #1b1f24; stroke-width: 2 } .back { fill: #ffffff }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .quiet { fill: #9198a1 } .line { stroke: #30363d } .linn { stroke: #e6edf3 } .back { fill: #0d1117 }
}
"""


def ratios():
    """The time of each engine in times of linn, by workload."""
    text = (ROOT / "benches/RESULTS.md").read_text()
    table = text.split("## One thread\n")[1].split("\n## ")[0].strip().splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    header, rows = cells[0], {row[0]: row for row in cells[2:]}
    number = lambda cell: float(cell.replace(",", "").rstrip("*"))
    for name in LAYERS:
        row = dict(zip(header, rows[name]))
        linn = number(row["linn"])
        yield name, {e: number(row[e]) / linn for e in ENGINES if row[e] not in ("", "–")}


def place(ratio):
    return LEFT + (WIDTH - LEFT - RIGHT) * min(log10(ratio), log10(MOST)) / log10(MOST)


def chart():
    rows = list(ratios())
    bottom = TOP + ROW * len(rows)
    yield f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{bottom + 34}" viewBox="0 0 {WIDTH} {bottom + 34}">'
    yield "<title>Time of a pool, in times of linn; one thread</title>"
    yield f'<style>{STYLE}</style><rect class="back" width="100%" height="100%"/>'
    yield '<text x="16" y="24">how many times as long as linn the others take for a pool, on one thread</text>'
    at = 16
    for engine, colour in ENGINES.items():
        yield f'<circle cx="{at + 5}" cy="44" r="5" fill="{colour}"/><text x="{at + 16}" y="48">{engine}</text>'
        at += 30 + round(8.2 * len(engine))
    for ratio in (1, 3, 10, 30, 100, 300, 1000):
        x = place(ratio)
        kind = "linn" if ratio == 1 else "line"
        yield f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 10}" y2="{bottom}"/>'
        label = "linn" if ratio == 1 else f"{ratio}x"
        yield f'<text class="quiet" text-anchor="middle" x="{x:.1f}" y="{bottom + 20}">{label}</text>'
    for index, (name, engines) in enumerate(rows):
        y = TOP + ROW * index + ROW / 2
        yield f'<text x="16" y="{y + 4:.1f}">{escape(LAYERS[name])}</text>'
        far = max(place(ratio) for ratio in engines.values())
        yield f'<line class="line" x1="{LEFT}" x2="{far:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
        for engine, ratio in sorted(engines.items(), key=lambda item: -item[1]):
            yield (
                f'<circle cx="{place(ratio):.1f}" cy="{y:.1f}" r="5" fill="{ENGINES[engine]}">'
                f"<title>{engine} {ratio:,.1f}x</title></circle>"
            )
    yield "</svg>"


if __name__ == "__main__":
    (ROOT / "docs/pooling.svg").write_text("\n".join(chart()) + "\n")
