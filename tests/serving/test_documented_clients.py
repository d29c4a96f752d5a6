"""The clients that the documents show, in Python, curl and JavaScript, and Hugging Face's own, against a server."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from huggingface_hub import InferenceClient, constants
from huggingface_hub.errors import HfHubHTTPError

from tests.serving.test_server import Start, start

__all__ = ["start"]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS / page for page in ("how_to/serve.md", "how_to/migrate.md", "ko/how_to/migrate.md")]
EXAMPLE = re.compile(r"^( *)```(bash|python|javascript)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
SERVER = "localhost:8000"


def examples(language: str) -> list[str]:
    """Those that ask agents; those that need a token, to administer and to train, are tried elsewhere."""
    found = [match for page in PAGES for match in EXAMPLE.findall(page.read_text(encoding="utf-8"))]
    codes = [textwrap.dedent(code) for _, kind, code in found if kind == language and SERVER in code]
    return [code for code in codes if "Bearer" not in code]


@pytest.mark.parametrize(
    ("language", "program"),
    [
        ("python", [sys.executable, "-c"]),
        ("bash", ["bash", "-euc"]),
        ("javascript", ["node", "--input-type=module", "-e"]),
    ],
)
def test_documented_clients(start: Start, language: str, program: list[str]):
    if not shutil.which("curl" if language == "bash" else program[0]):
        pytest.skip("it is not installed here")
    running = start()
    found = examples(language)
    assert len(found) == 7
    for code in found:
        code = code.replace(SERVER, running.address.removeprefix("http://"))
        done = subprocess.run([*program, code], capture_output=True, encoding="utf-8", timeout=60)
        assert done.returncode == 0, f"{code}\n{done.stderr}"
        assert re.search(r"intent \d|Default Fallback Intent|nlu_fallback", done.stdout), f"{code}\n{done.stdout}"


def test_hugging_faces_own_client(start: Start, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    running = start(INTENT_ADAPTERS_TOKEN="for-all-agents-0123")
    client = InferenceClient(f"{running.address}/hf/clinic", token="for-all-agents-0123")
    found = client.text_classification("can I park there?", top_k=2)
    assert [entry.label.partition(" ")[0] for entry in found] == ["intent", "intent"]
    assert found[0].score >= found[1].score
    with pytest.raises(HfHubHTTPError, match="The text is empty"):
        client.text_classification("")
