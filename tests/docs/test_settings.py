"""What the documentation says of the server's settings is what they are."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

from intent_adapters.serving import Settings
from tests.docs.running import ROOT

DOCS = ROOT / "docs"
PAGES = [DOCS / "how_to" / "serve.md", DOCS / "ko" / "how_to" / "serve.md"]
ROW = re.compile(r"^\| `(\w+)` \| (?:`(.+)`)? ?\|", re.MULTILINE)


def default_of(name: str) -> object:
    return Settings.model_fields[name].default


def shown(value: object) -> str:
    """As in the environment; what is not set has nothing."""
    if value in (None, (), PydanticUndefined):
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def test_the_table_has_all_settings_and_their_defaults():
    table = dict(ROW.findall((DOCS / "reference" / "serving.md").read_text(encoding="utf-8")))
    assert table == {name: shown(default_of(name)) for name in Settings.model_fields}


@pytest.mark.parametrize("page", PAGES, ids=["en", "ko"])
def test_the_sample_says_which_lines_differ_from_the_defaults(page: Path):
    (sample,) = re.findall(r"```toml\n(# .*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    others, defaults = map(tomllib.loads, sample.split("\n\n"))
    Settings.model_validate(others | defaults)
    assert not [name for name, value in others.items() if value == default_of(name)]
    assert not [name for name, value in defaults.items() if value != default_of(name)]
