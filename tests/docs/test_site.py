"""The site's hooks: equations that need no font, and a tree of its own for each language."""

from __future__ import annotations

import importlib.util
import re
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.docs.running import ROOT


def hook(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / "hooks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def mathematics() -> ModuleType:
    pytest.importorskip("latex2mathml", reason="needs the extra docs")
    return hook("mathematics")


def test_subscripts_are_lowered_whatever_the_font(mathematics):
    shown = mathematics.on_page_markdown("With $s_p$ and $a_n^j$:")
    assert re.search(r'<mi>s</mi><mpadded class="subscript" voffset="-0.3em"><mi>p</mi></mpadded>', shown)
    assert "<msub>" not in shown
    assert "<msubsup>" in shown


def test_code_is_left_alone(mathematics):
    text = "`$a_b$`\n\n```bash\necho $HOME $PATH\n```\n"
    assert mathematics.on_page_markdown(text) == text


class Site:
    """Pages as MkDocs has them, in English and Korean."""

    def __init__(self) -> None:
        paths = ["index.md", "faq.md", "data.md", "ko/index.md", "ko/faq.md"]
        pages = [SimpleNamespace(file=SimpleNamespace(src_uri=path), title=path, url=path) for path in paths]
        self.pages = dict(zip(paths, pages, strict=True))
        for page, before, after in zip(pages, [None, *pages], [*pages[1:], None], strict=False):
            page.previous_page, page.next_page = before, after
        section = SimpleNamespace(title="한국어", children=pages[3:])
        self.nav = SimpleNamespace(items=[*pages[:3], section], pages=pages, homepage=pages[0])

    def context(self, path: str) -> tuple[Any, SimpleNamespace]:
        config = SimpleNamespace(theme={}, extra={})
        page = self.pages[path]
        return hook("languages").on_page_context({}, page, config, self.nav)["nav"], config


@pytest.mark.parametrize(
    ("path", "language", "tree", "switch"),
    [
        ("faq.md", "en", ["index.md", "faq.md", "data.md"], ["faq.md", "ko/faq.md"]),
        ("ko/faq.md", "ko", ["ko/index.md", "ko/faq.md"], ["faq.md", "ko/faq.md"]),
        ("data.md", "en", ["index.md", "faq.md", "data.md"], ["data.md", "ko/index.md"]),
    ],
)
def test_a_page_stands_in_the_tree_of_its_language(path, language, tree, switch):
    nav, config = Site().context(path)
    assert config.theme["language"] == language
    assert [item.title for item in nav.items] == tree
    assert nav.homepage.url == tree[0]
    assert [alternate["link"] for alternate in config.extra["alternate"]] == switch


def test_neighbours_are_of_the_same_language():
    site = Site()
    site.context("ko/index.md")
    site.context("data.md")
    assert site.pages["ko/index.md"].previous_page is None
    assert site.pages["ko/index.md"].next_page is site.pages["ko/faq.md"]
    assert site.pages["data.md"].next_page is None


def test_every_korean_page_translates_the_english_page_of_its_path():
    docs = ROOT / "docs"
    korean = [path.relative_to(docs / "ko") for path in (docs / "ko").rglob("*.md")]
    assert korean
    assert not [path for path in korean if not (docs / path).exists()]
