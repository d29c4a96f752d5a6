"""Every Python and shell block of README and docs runs, page by page, as a reader would run them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from intent_adapters import IntentModel, train_agent
from intent_adapters.data import few_shot_split, read_intents
from tests.docs.blocks import Block, blocks_of
from tests.docs.running import ROOT, Session, check
from tests.support.short_trainings import short_trainings, shorten
from tests.support.tiny import tiny_base

__all__ = ["short_trainings"]

PAGES = [
    path for pattern in ("README*.md", "examples/*/README.md", "docs/**/*.md") for path in sorted(ROOT.glob(pattern))
]
# The commands on these pages made the figures there, in hours and with data of others: they are checked, not run.
RESULTS = ROOT / "docs" / "results"
TRANSLATED = ROOT / "docs" / "ko"
# How many intents the reader's example agents have, and the csv files, with how many utterances each: small, so that
# all pages take a minute and not an hour.
INTENTS = 3
CSV_INTENTS, CSV_UTTERANCES = 2, 5


def runnable(page: Path, slow: bool, tab: str | None = None) -> list[Block]:
    """The blocks of a page to run; with `slow` those, too, that are marked so.

    A reader follows one tab: with `tab`, the blocks of the others are left out.
    """
    if page.is_relative_to(TRANSLATED) and not slow:  # the page in English has the same
        return []
    kinds = ("run", "slow") if slow else ("run",)
    blocks = [block for block in blocks_of(page) if block.kind in kinds and not page.is_relative_to(RESULTS)]
    return [block for block in blocks if block.tab in (None, tab)] if tab else blocks


def others(page: Path) -> list[Block]:
    """The blocks of a page that are never run."""
    return [block for block in blocks_of(page) if block not in runnable(page, False) and block.kind != "slow"]


def cases(slow: bool) -> list[object]:
    return [
        pytest.param(page, tab, id=name(page) + (f" {tab}" if tab else ""))
        for page in PAGES
        for tab in dict.fromkeys(block.tab for block in runnable(page, slow) if block.tab) or [None]
        if runnable(page, slow, tab)
    ]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a reader has: the example agents, files of their own, two trained agents, and another base."""
    folder = tmp_path_factory.mktemp("reader")
    for source in sorted((ROOT / "examples" / "agents").glob("*/*/*.jsonl")):
        rows = [json.loads(line) for line in source.read_text(encoding="utf-8").splitlines()]
        kept = list(dict.fromkeys(row["label"] for row in rows))[:INTENTS]
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows if row["label"] in kept]
        target = folder / source.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("".join(lines), encoding="utf-8")
    clinic = folder / "examples" / "agents" / "en" / "clinic"
    for name, file in (("clinic", "train"), ("heldout", "test"), ("out_of_scope", "out_of_scope")):
        rows = read_intents(clinic / f"{file}.jsonl", purpose="evaluation")
        wanted = list(dict.fromkeys(rows["label"]))[:CSV_INTENTS]
        rows = rows.select([number for number, label in enumerate(rows["label"]) if label in wanted])
        few_shot_split(rows, CSV_UTTERANCES)[0].to_csv(folder / f"{name}.csv")
    (folder / "utterances.txt").write_text("can't make it tomorrow\ndo you have parking?\n", encoding="utf-8")
    model = IntentModel.from_pretrained(ROOT / "model_cards" / "intent-base-ko-en", device="cpu")
    with pytest.MonkeyPatch.context() as patch:
        shorten(patch)
        for name, agent in (("clinic", "en/clinic"), ("it-helpdesk", "en/it_helpdesk")):
            rows = read_intents(folder / "examples" / "agents" / agent / "train.jsonl")
            train_agent(model, name, rows, epochs=2, progress=False)
            model.save_adapter(name, folder / "agents" / name)
    tiny_base(folder / "tiny").save(str(folder / "bases" / "next"))
    return folder


@pytest.fixture
def session(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    (tmp_path / "model_cards").symlink_to(ROOT / "model_cards")
    # What a reader without a clone takes from the Hub; here a base stands in for it.
    (tmp_path / "sentence-transformers").mkdir()
    (tmp_path / "sentence-transformers" / "all-MiniLM-L6-v2").symlink_to(ROOT / "model_cards" / "intent-base-en")
    monkeypatch.chdir(tmp_path)
    return Session(tmp_path)


@pytest.mark.parametrize(("page", "tab"), cases(slow=False))
@pytest.mark.usefixtures("short_trainings")  # enough for what the pages say of the answers
def test_blocks_run(page: Path, tab: str | None, session: Session):
    for block in runnable(page, False, tab):
        session.run(block)


@pytest.mark.slow
@pytest.mark.parametrize(("page", "tab"), cases(slow=True))
def test_all_blocks_run_as_for_a_reader(page: Path, tab: str | None, session: Session):
    for block in runnable(page, True, tab):
        session.run(block)


@pytest.mark.parametrize("page", [pytest.param(page, id=name(page)) for page in PAGES if others(page)])
@pytest.mark.usefixtures("session")  # some arguments must be folders that are there
def test_blocks_that_are_not_run_are_well_formed(page: Path):
    for block in others(page):
        check(block)
