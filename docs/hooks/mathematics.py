"""Turns `$$ ... $$` and `$ ... $` into MathML, so that the site shows equations without any script."""

from __future__ import annotations

import re
from typing import Any
from xml.etree.ElementTree import Element, tostring
from xml.sax.saxutils import unescape

from latex2mathml.converter import convert_to_element

FENCED = re.compile(r"(^ *```.*?^ *```|`[^`\n]+`)", re.MULTILINE | re.DOTALL)
DISPLAY = re.compile(r"\$\$(.+?)\$\$", re.DOTALL)
INLINE = re.compile(r"(?<![\w$\\])\$(?=\S)([^$\n]+?)(?<=\S)\$(?![\w$])")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by MkDocs with the text of every page."""
    parts = FENCED.split(markdown)
    parts[::2] = [INLINE.sub(_inline, DISPLAY.sub(_display, text)) for text in parts[::2]]
    return "".join(parts)


def _display(found: re.Match[str]) -> str:
    return f'<div class="equation">{_mathml(found[1], "block")}</div>'


def _inline(found: re.Match[str]) -> str:
    # To Markdown, a line that begins with <math> is a block.
    return f'<span class="math">{_mathml(found[1], "inline")}</span>'


def _mathml(latex: str, display: str) -> str:
    root = convert_to_element(latex.strip(), display=display)
    for subscript in root.iter("msub"):
        _lower(subscript)
    # One line without asterisks or underscores: Markdown must find nothing in it.
    mathml = " ".join(unescape(tostring(root, encoding="unicode")).split())
    return mathml.replace("*", "&#42;").replace("_", "&#95;")


def _lower(subscript: Element) -> None:
    """Says how far the subscript of a letter is lowered.

    A browser takes that from the font. On most phones no font has it, and Chrome leaves `msub` on the line.
    """
    base, below = subscript
    if base.tag == "mo":  # a sum is large enough for Chrome to lower it
        return
    lowered = Element("mpadded", {"class": "subscript", "voffset": "-0.3em"})
    lowered.append(below)
    subscript.tag = "mrow"
    subscript[:] = [base, lowered]
