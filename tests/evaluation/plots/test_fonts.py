from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Iterator

import pytest

from intent_adapters.errors import MissingExtraError
from intent_adapters.evaluation import score_labels
from intent_adapters.evaluation.plots import MissingFontWarning, fonts, plot_confusion

KOREAN = ["예약 취소", "진료비 문의"]


@pytest.fixture
def only_the_default_font(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    default = {fonts.DEFAULT: fonts.installed_fonts()[fonts.DEFAULT]}
    monkeypatch.setattr(fonts, "installed_fonts", lambda: default)
    yield


def test_latin_needs_no_other_font():
    assert fonts.families_for(["cancel_appointment", "prise de rendez-vous", "μ ± σ", ""]) == [fonts.DEFAULT]


def test_a_missing_font_is_said_once_with_the_package(only_the_default_font):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        plot_confusion(score_labels(KOREAN, KOREAN))._repr_png_()
    assert [warning.category for warning in caught] == [MissingFontWarning]
    message = str(caught[0].message)
    assert "apt-get install fonts-nanum or fonts-noto-cjk" in message
    assert "문" in message


def test_a_font_that_draws_boxes_for_everything_counts_as_none(monkeypatch: pytest.MonkeyPatch):
    boxes = [path for path in fonts.installed_fonts().values() if "LastResort" in path]
    if not boxes:
        pytest.skip("this matplotlib brings no font of last resort")
    installed = {fonts.DEFAULT: fonts.installed_fonts()[fonts.DEFAULT], "Last Resort": boxes[0]}
    monkeypatch.setattr(fonts, "installed_fonts", lambda: installed)
    with pytest.warns(MissingFontWarning, match="drawn as boxes"):
        assert fonts.families_for(KOREAN) == [fonts.DEFAULT]


def test_other_scripts_ask_for_other_fonts(only_the_default_font):
    with pytest.warns(MissingFontWarning, match="apt-get install fonts-noto;"):
        assert fonts.families_for(["ᚠᛇᚻ ሰላም"]) == [fonts.DEFAULT]


def test_the_glyphs_come_from_installed_fonts_with_the_preferred_first(monkeypatch: pytest.MonkeyPatch):
    glyphs = {"default": "abc", "some": "가나다", "nanum": "가나다", "rest": "漢"}
    monkeypatch.setattr(fonts, "characters_of", lambda path: frozenset(glyphs[path]))
    installed = {fonts.DEFAULT: "default", "NanumGothic": "nanum", "Another": "some", "Rest": "rest"}
    monkeypatch.setattr(fonts, "installed_fonts", lambda: installed)
    assert fonts.families_for(["abc 가다"]) == [fonts.DEFAULT, "NanumGothic"]
    assert fonts.families_for(["漢가"]) == [fonts.DEFAULT, "NanumGothic", "Rest"]


def test_korean_is_drawn_where_there_is_a_font():
    if not any("가" in fonts.characters_of(path) for path in fonts.installed_fonts().values()):
        pytest.skip("no installed font has Hangul")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        families = fonts.families_for(KOREAN)
        plot_confusion(score_labels(KOREAN, KOREAN))._repr_png_()
    assert len(families) == 2


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch):
    for name in [name for name in sys.modules if name.startswith("intent_adapters.evaluation.plots")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'intent-adapters\[plots\]'"):
        importlib.import_module("intent_adapters.evaluation.plots")
