from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from examples.benchmark.measured_system import Plan
from examples.benchmark.utterances import fit, utterances
from tests.support.tiny import tiny_base


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("benchmark")
    tiny_base(folder).save(str(folder / "tiny"))
    return folder / "tiny"


@pytest.fixture(scope="session")
def texts(base: Path) -> list[str]:
    return fit(utterances(), AutoTokenizer.from_pretrained(base), 16)


@pytest.fixture
def plan(base: Path, texts: list[str], tmp_path: Path) -> Plan:
    """Few agents, so that a test takes a second."""
    plan = Plan(str(base), str(tmp_path), texts, agents=9, labels=5, batch=18)
    return replace(plan, large=str(base), large_texts=texts)
