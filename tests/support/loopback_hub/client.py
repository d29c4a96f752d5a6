"""Point the `huggingface_hub` client to a loopback Hub: in this process, or in another."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub.file_download
import huggingface_hub.utils._http
import pytest
from huggingface_hub import constants, hf_api

from intent_adapters.extras import is_installed
from tests.support.loopback_hub.server import LoopbackHub

FASTER = 100.0


def connect(hub: LoopbackHub, cache: Path, monkeypatch: pytest.MonkeyPatch, *, token: str | None = None) -> None:
    """Make the client in this process talk to `hub`, with an empty cache, until the end of the test.

    The client reads its settings when it is imported, so what it read is replaced. Its code is not touched, only its
    waits between two tries are shorter.

    Args:
        hub: Whom to talk to.
        cache: The folder that stands for `HF_HOME`.
        monkeypatch: Of the test.
        token: Who is logged in.
    """
    # Content goes over plain HTTP; the protocol of the xet package has a server of its own.
    settings = {
        "ENDPOINT": hub.endpoint,
        "HUGGINGFACE_CO_URL_TEMPLATE": hub.endpoint + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_OFFLINE": False,
        "HF_HUB_DISABLE_XET": True,
        "HF_HUB_DISABLE_TELEMETRY": True,
        "HF_HOME": str(cache),
        "HF_HUB_CACHE": str(cache / "hub"),
        "HF_TOKEN_PATH": str(cache / "token"),
        "HF_STORED_TOKENS_PATH": str(cache / "stored_tokens"),
    }
    for name, value in settings.items():
        monkeypatch.setattr(constants, name, value)
    monkeypatch.setattr(hf_api.api, "endpoint", hub.endpoint)
    if is_installed("transformers"):
        import transformers.utils.hub

        monkeypatch.setattr(transformers.utils.hub, "_hf_api", None, raising=False)  # made once, for the endpoint then
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    if token is not None:
        monkeypatch.setenv("HF_TOKEN", token)
    hurried = SimpleNamespace(**{**vars(time), "sleep": lambda seconds: time.sleep(seconds / FASTER)})
    for module in (huggingface_hub.file_download, huggingface_hub.utils._http):
        monkeypatch.setattr(module, "time", hurried)


def environment(hub: LoopbackHub, cache: Path, *, token: str | None = None) -> dict[str, str]:
    """The environment variables of another process that shall talk to `hub`.

    Args:
        hub: Whom to talk to.
        cache: The folder for `HF_HOME`.
        token: Who is logged in.
    """
    foreign = ("HF_", "HUGGING", "TRANSFORMERS_", "SENTENCE_TRANSFORMERS_")
    variables = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    variables |= {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(cache), "HF_HUB_DISABLE_XET": "1"}
    variables |= {"HF_HUB_DISABLE_TELEMETRY": "1", "NO_PROXY": "127.0.0.1,localhost", "OMP_NUM_THREADS": "1"}
    return variables if token is None else {**variables, "HF_TOKEN": token}
