from __future__ import annotations

import json
from importlib.metadata import version

import pytest
import transformers.integrations.peft

from intent_adapters import environment
from intent_adapters.environment import describe_environment


def test_versions_threads_and_extras_are_those_of_this_process(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    facts = describe_environment()
    assert facts == json.loads(json.dumps(facts))
    for name in ("torch", "peft", "transformers", "intent-adapters"):
        assert facts["versions"][name] == version(name)
    assert facts["threads"]["OMP_NUM_THREADS"] == "7"
    assert facts["extras"]["train"] and facts["extras"]["test"]


def installed_versions(monkeypatch: pytest.MonkeyPatch, **changed: str | None):
    found = environment._version
    monkeypatch.setattr(environment, "_version", lambda name: changed[name] if name in changed else found(name))


def test_an_extra_lacks_what_the_extras_inside_it_lack(monkeypatch: pytest.MonkeyPatch):
    installed_versions(monkeypatch, torch=None)
    extras = describe_environment()["extras"]
    assert not extras["torch"] and not extras["train"] and not extras["test"]
    assert extras["export"] and extras["cli"]


def test_a_version_beyond_a_ceiling_is_named(monkeypatch: pytest.MonkeyPatch):
    installed_versions(monkeypatch, peft="0.99.0")
    [problem] = [text for text in describe_environment()["problems"] if "0.99.0" in text]
    assert problem.startswith("peft 0.99.0") and "<0.22" in problem


def test_a_pair_that_transformers_refuses_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(transformers.integrations.peft, "MIN_PEFT_VERSION", "99.0")
    [problem] = [text for text in describe_environment()["problems"] if "add_adapter" in text]
    assert version("transformers") in problem and version("peft") in problem and "99.0" in problem
