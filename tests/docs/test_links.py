"""No page of the documentation, README or notebook leads nowhere, and the site shows every page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.docs.running import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md"))
TEXTS = [*sorted(ROOT.glob("*.md")), *PAGES, *sorted((ROOT / "examples").glob("*.ipynb"))]
LINK = re.compile(r"\]\((?!\w+:)([^)\s#]+)(?:#[^)]*)?\)")
IN_NAVIGATION = re.compile(r"^ +- .*: ([\w/]+\.md)$", re.MULTILINE)


def text_of(path: Path) -> str:
    """The text of a page, or of the text cells of a notebook, without its blocks of code."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        text = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return re.sub(r"^ *```.*?^ *```|`[^`\n]+`", "", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", [pytest.param(path, id=str(path.relative_to(ROOT))) for path in TEXTS])
def test_links_lead_to_files(path: Path):
    targets = [path.parent / link for link in LINK.findall(text_of(path))]
    assert not [str(target) for target in targets if not target.exists()]


@pytest.mark.parametrize("path", [pytest.param(path, id=str(path.relative_to(DOCS))) for path in PAGES])
def test_pages_link_within_the_site_relatively(path: Path):
    outside = [link for link in LINK.findall(text_of(path)) if not (path.parent / link).resolve().is_relative_to(DOCS)]
    assert not outside, "the site has only what is in docs/: name the file instead of linking to it"


def test_the_navigation_has_every_page_once():
    listed = IN_NAVIGATION.findall((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert sorted(listed) == sorted(path.relative_to(DOCS).as_posix() for path in PAGES)
