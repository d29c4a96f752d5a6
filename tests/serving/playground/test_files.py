"""The page as it is sent; what it does in a browser is in `test_browser.py`."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
from starlette.testclient import TestClient

from tests.serving.conftest import Serve

PAGE = files("intent_adapters.serving.playground")
NAMES = ("index.html", "playground.css", "playground.js", "words.js")
ADMIN = "the-token-of-the-admin"


def text_of(name: str) -> str:
    return PAGE.joinpath(name).read_text(encoding="utf-8")


def test_it_takes_at_most_60_kb():
    assert sum(len(PAGE.joinpath(name).read_bytes()) for name in NAMES) <= 60_000


def test_nothing_comes_from_elsewhere():
    for name in NAMES:
        assert not re.findall(r"(?:https?:)?//[\w.]+\.\w+", text_of(name)), name


def test_what_people_wrote_is_never_markup():
    script = text_of("playground.js")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", script)
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|style=|<style|javascript:", text_of("index.html"))


def test_tokens_are_not_stored():
    script = text_of("playground.js")
    assert script.count("localStorage") == 2
    assert not re.search(r"sessionStorage|cookie|indexedDB|state\.token", script)


@pytest.fixture
def full(serve: Serve, base) -> TestClient:
    return serve(playground="full", admin_token=ADMIN, train_base=str(base))


@pytest.mark.parametrize("path", ["", "/playground.css", "/playground.js", "/words.js", "/config.json"])
def test_nothing_but_its_own_files_may_run(full: TestClient, path: str):
    answer = full.get(f"/playground{path}")
    assert answer.status_code == 200
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_it_is_off_unless_it_is_wanted(client: TestClient):
    for path in ("", "/playground.js", "/config.json"):
        assert client.get(f"/playground{path}").status_code == 404


@pytest.mark.parametrize(
    ("settings", "trains", "sets_thresholds"),
    [
        ({"playground": "read-only", "admin_token": ADMIN, "train_base": "base"}, False, False),
        ({"playground": "full", "admin_token": ADMIN, "train_base": "base"}, True, True),
        ({"playground": "full"}, False, False),
    ],
)
def test_what_the_page_may_offer(serve: Serve, settings: dict, trains: bool, sets_thresholds: bool):
    config = serve(**settings).get("/playground/config.json").json()
    assert (config["trains"], config["sets_thresholds"]) == (trains, sets_thresholds)
    assert config["max_rows"] == 1024
