"""The pictures of the playground in the documentation: `python -m tests.support.playground_screenshots`."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from PIL import Image

from tests.support.playgrounds import ROOT, chromium, playground

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FOLDER = ROOT / "docs" / "images"
COLOURS = 192
DESKTOP = {"viewport": {"width": 1280, "height": 860}}
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2}
TRAINED_MS = 300_000
ASKED = {
    "en-US": ["can you tell me the price of an x-ray?", "내일 못 갈 것 같아요"],
    "ko-KR": ["엑스레이 찍으면 얼마예요?"],
}
READY = {"en-US": "Ready in", "ko-KR": "끝났습니다"}


def main(folder: Path) -> None:
    """Take all pictures, into a folder."""
    with TemporaryDirectory() as temporary, playground(Path(temporary, "agents")) as address, chromium() as browser:
        page = _opened(browser, address, "en-US", DESKTOP)
        _save(page, folder / "playground_start.png")
        _teach(page, "en-US")
        _save(page, folder / "playground.png")
        page.get_by_role("tab", name="Compare").click()
        page.get_by_role("button", name="Compare", exact=True).click()
        page.locator("#compare-answers tbody tr").first.wait_for()
        page.locator(".more").scroll_into_view_if_needed()
        _save(page, folder / "playground_compare.png")
        page = _opened(browser, address, "en-US", {**DESKTOP, "color_scheme": "dark"})
        page.locator("#agent").select_option("clinic")
        _ask(page, "en-US")
        _save(page, folder / "playground_dark.png")
        page = _opened(browser, address, "ko-KR", PHONE)
        _teach(page, "ko-KR")
        _save(page, folder / "playground_phone_ko.png")
        page = _opened(browser, address, "ko-KR", DESKTOP)
        page.locator("#agent").select_option("병원")
        _ask(page, "ko-KR")
        page.get_by_role("tab", name="문턱값").click()
        page.locator("#strip .dot").first.wait_for()
        _save(page, folder / "playground_ko.png", full_page=True)


def _opened(browser: Browser, address: str, locale: str, options: dict[str, Any]) -> Page:
    page = browser.new_context(locale=locale, **options).new_page()
    page.goto(address)
    page.locator("#welcome:not([hidden]), #work:not([hidden])").wait_for()
    return page


def _teach(page: Page, locale: str) -> None:
    if page.locator("#start").is_visible():
        page.locator("#start").click()
    else:
        page.locator("#new").click()
        page.locator("#example").click()
        page.locator("#make").click()
    page.locator("#progress").get_by_text(READY[locale]).wait_for(timeout=TRAINED_MS)
    _ask(page, locale)


def _ask(page: Page, locale: str) -> None:
    for text in reversed(ASKED[locale]):
        page.locator("#question").fill(text)
        page.locator("#question").press("Enter")
        page.locator("#answer .quote").get_by_text(text).wait_for()
    page.locator("#why li").first.wait_for()
    page.evaluate("document.activeElement.blur(), scrollTo(0, 0)")


def _save(page: Page, path: Path, **options: Any) -> None:
    """A picture of few colours, which takes a fraction of the space."""
    picture = Image.open(io.BytesIO(page.screenshot(animations="disabled", **options))).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
