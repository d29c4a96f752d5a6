"""Pictures of results, all in one style. They need the extra `plots`: pip install 'intent-adapters[plots]'."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from matplotlib import style
from matplotlib.figure import Figure
from PIL import Image

# Okabe and Ito (2008): told apart with any kind of colour blindness.
BLUE, SKY, GREEN, ORANGE, VERMILLION, PURPLE = "#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#CC79A7"
GREY, DARK, GRID = "#8A8A8A", "#333333", "#EEEEEE"
STYLE: dict[str, Any] = {
    "savefig.dpi": 150,
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.edgecolor": DARK,
    "axes.labelcolor": DARK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "text.color": DARK,
    "xtick.color": DARK,
    "ytick.color": DARK,
    "legend.frameon": False,
}


@contextmanager
def draw(file: Path, width: float, height: float) -> Iterator[Figure]:
    """A figure of so many inches, which is written as PNG when the block ends."""
    with style.context(["default", STYLE]):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        drawn = io.BytesIO()
        figure.savefig(drawn, format="png", bbox_inches="tight", pad_inches=0.12)
    file.parent.mkdir(parents=True, exist_ok=True)
    # 256 colours are enough for such pictures, and a third of the bytes in a repository.
    Image.open(drawn).convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE).save(file, optimize=True)
