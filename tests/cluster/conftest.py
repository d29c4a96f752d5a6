from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.tiny_files import write_tiny_base

TEXTS = {
    "예약": ["예약 해주세요", "예약 변경", "예약 가자", "book a visit"],
    "취소": ["취소 해주세요", "취소 바라", "cancel it", "예약 취소"],
    "price": ["얼마 주세요", "진료비 얼마", "how much is it", "the price"],
}
ROWS = [{"text": text, "label": label} for label, texts in TEXTS.items() for text in texts]
TESTED = [{"text": "예약 사자", "label": "예약"}, {"text": "please cancel", "label": "취소"}]
# Short, so that a test takes no time; what is learned plays no part here.
SETTINGS = {"method": "probe", "calibrate": False}
ADAPTER = {"epochs": 1}


def write_rows(file: Path, rows: list[dict[str, str]]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return file


def contents(folder: Path) -> dict[str, bytes]:
    """The adapters of a folder, by the paths of their files."""
    files = sorted(path for path in folder.rglob("adapter_*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def states(report) -> dict[str, str]:
    return {agent.agent: agent.status for agent in report.agents}


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_base(tmp_path_factory.mktemp("cluster") / "base")


@pytest.fixture(scope="session")
def next_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_base(tmp_path_factory.mktemp("cluster") / "next", seed=1)


@pytest.fixture(scope="module", autouse=True)
def one_date() -> Iterator[None]:
    """The same training then writes the same bytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", "1800000000")
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three agents: a file, a folder with splits, and one in Hangul."""
    write_rows(tmp_path / "data" / "clinic.jsonl", ROWS)
    write_rows(tmp_path / "data" / "it help" / "train.jsonl", ROWS[:8])
    write_rows(tmp_path / "data" / "it help" / "test.jsonl", TESTED)
    write_rows(tmp_path / "data" / "병원.jsonl", ROWS[4:])
    return tmp_path / "data"
