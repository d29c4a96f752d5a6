"""What every picture is drawn on: one style, fonts that have the glyphs, and nothing changed outside the picture."""

from __future__ import annotations

import io
import unicodedata
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from PIL import Image

from intent_adapters.evaluation.plots.fonts import families_for

# Okabe and Ito (2008): told apart with any kind of colour blindness, and in this order also in grey.
BLUE, VERMILLION, GREEN = "#0072B2", "#D55E00", "#009E73"
PURPLE, ORANGE, SKY, GREY = "#CC79A7", "#E69F00", "#56B4E9", "#8A8A8A"
COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
DARK = "#333333"
FAINT = "#D0D0D0"
GRID = "#EEEEEE"

STYLE: dict[str, Any] = {
    "figure.dpi": 110,
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
    # A dollar sign in the name of an intent is a dollar sign.
    "text.parse_math": False,
}


class Picture(Figure):
    """A matplotlib figure that pyplot knows nothing of, so there is nothing to close; a notebook shows it."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        FigureCanvasAgg(self)

    def write(self, path: str | Path) -> Path:
        """Write the picture as PNG, into a folder that is made if need be; returns the path."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self._repr_png_())
        return path

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        with _style([]), _no_glyph_warnings():
            self.savefig(buffer, format="png", bbox_inches="tight", pad_inches=0.12)
        # 256 colours are enough for all of these pictures, and a third of the bytes in a notebook or a repository.
        smaller = io.BytesIO()
        picture = Image.open(buffer).convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE)
        picture.save(smaller, format="png", optimize=True)
        return smaller.getvalue()


@contextmanager
def new_picture(width: float, height: float, texts: Iterable[str] = ()) -> Iterator[Picture]:
    """Start a picture; when the block ends it is laid out and done.

    Args:
        width: In inches.
        height: In inches.
        texts: What the data brings to be written in it, such as names of intents: decides on the fonts.
    """
    with _style(families_for(texts)), _no_glyph_warnings():
        picture = Picture(figsize=(width, height), layout="constrained")
        yield picture
        # Ticks and their labels are made when first drawn, with the settings of that moment: let it be this one.
        # Pictures with square axes are laid out well only from the second time on.
        picture.draw_without_rendering()
        picture.draw_without_rendering()
        picture.set_layout_engine("none")


def shortened(label: str, width: int = 30) -> str:
    """A label cut in the middle, where it says least, to a number of columns; Hangul and Han take two each."""
    if sum(map(_columns, label)) <= width:
        return label
    front = _cut(label, width // 2)
    back = _cut(label[::-1], (width - 1) // 2)[::-1]
    return f"{front}…{back}"


def named_legend(owner: Axes | Figure, handles: list[Any], names: list[str], **settings: Any) -> Legend:
    """A legend that also shows names which begin with an underscore, as matplotlib's own does not."""
    legend = owner.legend(handles, [str(index) for index in range(len(names))], **settings)
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_text(name)
    return legend


def percent_axis(axis: Any) -> None:
    """Label an axis of shares in percent."""
    axis.set_major_formatter(lambda share, _: f"{100 * share:.3g} %")


def _style(families: list[str]) -> Any:
    return style.context(["default", {**STYLE, **({"font.family": families} if families else {})}])


@contextmanager
def _no_glyph_warnings() -> Iterator[None]:
    """Quiet about single glyphs: `families_for` has said once what is missing and what to install."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from", category=UserWarning)
        yield


def _columns(character: str) -> int:
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _cut(text: str, width: int) -> str:
    kept, used = "", 0
    for character in text:
        used += _columns(character)
        if used > width:
            break
        kept += character
    return kept
