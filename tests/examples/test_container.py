"""The container recipe names what there is: files, extras, settings, a user who is not root."""

from __future__ import annotations

import re
from pathlib import Path

from intent_adapters.serving import Settings
from tests.test_packaging import EXTRAS

ROOT = Path(__file__).parents[2]
RECIPE = (ROOT / "examples/container/Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")


def test_it_copies_files_that_are_there_and_let_into_the_context():
    sources = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", RECIPE, re.MULTILINE)
        for source in line.split()[:-1]
        if not source.endswith("container/base")  # which a reader exports
    ]
    assert len(sources) >= 5
    allowed = (ROOT / "examples/container/Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    for source in sources:
        assert (ROOT / source).exists(), source
        assert f"!{source.removeprefix('./')}" in allowed


def test_its_extras_and_settings_exist_and_it_is_not_root():
    [extras] = re.findall(r"'\.\[(.+?)\]'", RECIPE)
    assert set(extras.split(",")) <= EXTRAS.keys()
    settings = {name.lower() for name in re.findall(r"INTENT_ADAPTERS_(\w+)=(?!\.)", RECIPE)}
    assert settings and settings <= Settings.model_fields.keys()
    assert re.search(r"^USER [1-9]\d*:", RECIPE, re.MULTILINE)
    assert "HEALTHCHECK" in RECIPE
