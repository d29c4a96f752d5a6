"""Fonts that have the glyphs a picture needs, among those that are installed."""

from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Iterable
from functools import lru_cache

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

from intent_adapters.errors import IntentAdaptersWarning

# Comes with matplotlib, so it is everywhere.
DEFAULT = "DejaVu Sans"
REGULAR = 400
_NO_CHARACTER = 0x10FFFF
# Upright sans-serifs with Hangul, as Linux, macOS and Windows name them; any other font with the glyphs comes after.
PREFERRED = (
    "Noto Sans KR",
    "Noto Sans CJK KR",
    "Noto Sans CJK JP",
    "Pretendard",
    "NanumGothic",
    "NanumBarunGothic",
    "Apple SD Gothic Neo",
    "AppleGothic",
    "Malgun Gothic",
    "Source Han Sans KR",
    "UnDotum",
)


class MissingFontWarning(IntentAdaptersWarning):
    """Characters that no installed font can draw."""


def families_for(texts: Iterable[str]) -> list[str]:
    """Families that together have all characters of some texts, in the order in which matplotlib looks for a glyph.

    Warns:
        MissingFontWarning: There are characters that no installed font has; they will be drawn as boxes.
    """
    needed = {character for text in texts for character in text if _is_drawn(character)}
    fonts = installed_fonts()
    missing = needed - characters_of(fonts[DEFAULT])
    families = [DEFAULT]
    while missing:
        # The first that has everything, in the order of preference; else the one that has most.
        whole = (family for family, path in fonts.items() if missing <= characters_of(path))
        best = next(whole, None) or max(fonts, key=lambda family: len(missing & characters_of(fonts[family])))
        found = missing & characters_of(fonts[best])
        if not found:
            _warn(missing)
            break
        families.append(best)
        missing -= found
    return families


@lru_cache(maxsize=1)
def installed_fonts() -> dict[str, str]:
    """The file of every installed upright family: the default, those that look well beside it, all others by name.

    Matplotlib keeps a list of fonts from its very first start; fonts that were installed since are added to it.
    """
    known = {entry.fname for entry in font_manager.fontManager.ttflist}
    for path in font_manager.findSystemFonts():
        if path not in known:
            try:
                font_manager.fontManager.addfont(path)
            except (OSError, RuntimeError, ValueError):  # a font that is damaged or of a kind that cannot be drawn
                continue
    files: dict[str, str] = {}
    for entry in font_manager.fontManager.ttflist:
        if entry.style == "normal" and (entry.name not in files or entry.weight == REGULAR):
            files[entry.name] = entry.fname
    order = dict.fromkeys([DEFAULT, *PREFERRED, *sorted(files)])
    return {family: files[family] for family in order if family in files}


@lru_cache(maxsize=1024)
def characters_of(path: str) -> frozenset[str]:
    """The characters that a font has; none if it cannot be read, or draws a placeholder for whatever there is."""
    try:
        characters = FT2Font(path).get_charmap()
    except (OSError, RuntimeError, ValueError):
        return frozenset()
    # Fonts of last resort, of which matplotlib 3.11 brings one, draw boxes even for what will never be a character.
    return frozenset(map(chr, characters)) if _NO_CHARACTER not in characters else frozenset()


def _is_drawn(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cf", "Zs", "Zl", "Zp")


def _warn(missing: set[str]) -> None:
    asian = any(unicodedata.name(sign, "").startswith(("HANGUL", "CJK", "HIRAGANA", "KATAKANA")) for sign in missing)
    package = "fonts-nanum or fonts-noto-cjk" if asian else "fonts-noto"
    shown = " ".join(sorted(missing)[:5])
    warnings.warn(
        f"No installed font has {len(missing)} of the characters, such as {shown}: they are drawn as boxes. Install "
        f"one that has them (Debian and Ubuntu: apt-get install {package}; elsewhere a Noto font) and draw again.",
        MissingFontWarning,
        stacklevel=2,
    )
