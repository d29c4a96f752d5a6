"""The page in a browser, on the ko-en base: what people do with it, from the first example to the download."""

from __future__ import annotations

import re
import time
import zipfile
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from intent_adapters.artifacts.adapter import Adapter
from tests.support.playgrounds import chromium, playground

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]

PAGE = files("intent_adapters.serving.playground")
# An adapter is trained at the lowest priority, which on a busy machine takes minutes.
TRAINED_MS = 600_000
OUT = "⊘ Out of scope"
CSV = """text,label
예약하고 싶어요,예약
월요일에 진료 잡아 주세요,예약
book me an appointment,예약
내일 오전에 갈 수 있나요,예약
예약 취소해 주세요,취소
내일 못 가요,취소
cancel my visit please,취소
없던 걸로 해 주세요,취소
진료비 얼마예요,비용
how much is a check-up,비용
보험 되나요,비용
검사 비용이 궁금해요,비용
"""
HOSTILE = [
    "<script>document.title = 'taken'</script>",
    "<img src=x onerror=\"document.title='taken'\">",
    "\u202eabc\u202c \u200f예약",
    "가" * 10_000,
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    try:
        opened = chromium()
        found = opened.__enter__()
    except Exception as error:
        pytest.skip(f"there is no browser: {str(error).splitlines()[0]}")
    yield found
    opened.__exit__(None, None, None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("playground") / "agents"


@pytest.fixture(scope="module")
def address(browser: Browser, folder: Path) -> Iterator[str]:
    with playground(folder) as found:
        yield found


Open = Callable[..., "Page"]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Opens a page as somebody new, and sees to it that nothing is asked elsewhere, and that no script fails."""
    contexts, requests, problems, allowed = [], [], [], []

    def show(address: str, **options: Any) -> Page:
        context = browser.new_context(**{"locale": "en-US", "viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if "Security" in message.text else None)
        allowed.append(re.match(r"http://[^/]+/", address)[0])
        page.goto(address)
        return page

    yield show
    for context in contexts:
        context.close()
    elsewhere = [url for url in requests if not url.startswith((*allowed, "data:", "blob:"))]
    assert requests
    assert not elsewhere
    assert not problems


def make(page: Page, name: str, content: str) -> None:
    page.get_by_role("button", name="New agent").or_(page.get_by_role("button", name="Bring my own")).first.click()
    page.get_by_label("Name", exact=True).fill(name)
    page.locator("#paste").fill(content)
    page.get_by_role("button", name="Make it").click()


def ask(page: Page, text: str) -> str:
    page.locator("#question").fill(text)
    page.locator("#question").press("Enter")
    page.locator("#answer .quote").get_by_text(text[:40]).wait_for()
    return page.locator("#answer .verdict strong").inner_text()


def examples(page: Page) -> list[str]:
    """Texts and intents, as they stand in the table."""
    found: list[str] = page.locator("#rows input").evaluate_all("inputs => inputs.map(input => input.value)")
    return found


def is_ready(page: Page) -> None:
    page.locator("#progress").get_by_text("Ready in").wait_for(timeout=TRAINED_MS)


def test_a_first_answer_of_an_agent_of_ones_own_within_ten_seconds(open_page: Open, browser: Browser, tmp_path: Path):
    rows = [f"{text},{label}" for label in ("a", "b") for text in [f"{label} example {n}" for n in range(4)]]
    lines = CSV.splitlines() + rows
    assert len(lines) == 21
    with playground(tmp_path / "agents") as address:
        began = time.monotonic()
        page = open_page(address)
        make(page, "clinic", "\n".join(lines))
        page.locator("#progress").get_by_text("answers already").wait_for(timeout=60_000)
        assert ask(page, "예약을 취소하려고요") == "취소"
        seconds = time.monotonic() - began
    assert seconds <= 10


def test_an_agent_from_a_pasted_csv_learns_and_is_found_again(open_page: Open, address: str, folder: Path):
    page = open_page(address)
    make(page, "병원", CSV)
    page.locator("#progress").get_by_text("answers already").wait_for(timeout=60_000)
    assert ask(page, "예약을 취소하려고요") == "취소"
    assert ask(page, "what does a blood test cost?") == "비용"
    early = page.locator("#answer").inner_text()
    assert "no threshold yet" in early
    assert page.locator("#why li").count() == 4
    is_ready(page)
    page.locator("#answer").get_by_text("threshold 0.").wait_for()
    assert "Before: 비용" in page.locator("#answer").inner_text()
    assert page.locator("#ranking .track b").count() == 3, "where the bars were before"

    # What has nothing to do with it is out of scope.
    assert ask(page, "어젯밤 축구 경기 누가 이겼어?") == OUT

    # One click puts right what was wrong.
    ask(page, "토요일에도 문 여나요?")
    page.get_by_role("button", name="Not for this agent").click()
    is_not_ready = page.locator("#progress").get_by_text(re.compile("Waiting|Starting|Training"))
    is_not_ready.first.wait_for()
    is_ready(page)
    page.locator("#answer").get_by_text("토요일에도 문 여나요?").wait_for()
    assert page.locator("#answer .verdict strong").inner_text() == OUT
    ask(page, "진료 없던 일로 할게요")
    page.get_by_role("button", name="Add “진료 없던 일로 할게요” to 취소 and teach").click()
    is_not_ready.first.wait_for()
    is_ready(page)
    assert page.locator("#answer .verdict strong").inner_text() == "취소"

    # The page as it is, once more.
    page.reload()
    page.locator("#answer").get_by_text("진료 없던 일로 할게요").wait_for()
    assert page.locator("#agent").input_value() == "병원"
    assert page.locator("#answer .verdict strong").inner_text() == "취소"
    assert page.locator("#rows tr").count() == len(CSV.splitlines()) - 1 + 2
    assert page.locator("#asked").get_by_text("what does a blood test cost?").count() == 1
    stored = page.evaluate("JSON.stringify({...localStorage, ...sessionStorage}) + document.cookie")
    assert address.partition("#token=")[2] not in stored

    # What it is, on a disk.
    page.get_by_role("tab", name="Take it along").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download adapter").click()
    assert download.value.suggested_filename == "병원.zip"
    with zipfile.ZipFile(download.value.path()) as archive:
        archive.extractall(folder.parent / "fetched")
    fetched = Adapter.read(folder.parent / "fetched" / "병원")
    assert fetched.version == Adapter.read(folder / "병원").version


def test_versions_threshold_and_many_lines(open_page: Open, address: str):
    page = open_page(address)
    make(page, "compared", CSV)
    page.locator("#question").fill("내일 못 갑니다")
    is_ready(page)
    page.get_by_role("tab", name="Compare").click()
    shown = [option.inner_text() for option in page.locator("#version-a option").all()]
    assert re.fullmatch(r"1 · probe,2 · (probe|adapter) · in use", ",".join(shown))
    page.locator("#compare-lines").fill("예약 취소\n날씨 어때?\nhow much?")
    page.get_by_role("button", name="Compare", exact=True).click()
    page.locator("#compare-answers tbody tr").nth(2).wait_for()
    assert "of 3 answered differently" in page.locator("#compare-sum").inner_text()

    page.get_by_role("tab", name="Threshold").click()
    assert page.locator("#strip .dot").count() == len(CSV.splitlines()) - 1
    page.locator("#threshold").fill("1")
    assert re.search(r"At 1.00, \d+ of 12 examples", page.locator("#threshold-effect").inner_text())
    page.locator("#threshold").fill("0")
    assert "At 0.00, 0 of 12" in page.locator("#threshold-effect").inner_text()
    page.locator("#threshold").fill("0.4")
    page.get_by_role("button", name="Use this threshold").click()
    page.locator("#threshold-effect").get_by_text("in use").wait_for()
    ask(page, "내일 못 갑니다")
    assert "threshold 0.40" in page.locator("#answer").inner_text()

    page.get_by_role("tab", name="Batch").click()
    page.locator("#batch-lines").fill("예약 취소\nhow much?\n")
    page.locator("#batch-agents").select_option(label="compared")
    page.get_by_role("button", name="Answer all").click()
    page.locator("#batch-answers tbody tr").nth(1).wait_for()
    assert re.search(r"Answers: 2 · agents: 1 · \d+ ms", page.locator("#batch-time").inner_text())

    page.get_by_role("tab", name="Check").click()
    page.locator("#confusions h3").wait_for()
    page.get_by_role("button", name="Look for mistakes").click()
    page.locator("#findings h3").wait_for()


def test_examples_are_edited_and_edits_undone(open_page: Open, address: str):
    page = open_page(address)
    page.get_by_role("button", name="New agent").or_(page.get_by_role("button", name="Bring my own")).first.click()
    page.get_by_label("Name", exact=True).fill("edited")
    page.get_by_role("button", name="Make it").click()
    page.locator("#maker").wait_for(state="hidden")
    for text, label in (("yes", "affirm"), ("no", "deny"), ("no way", "deny")):
        page.locator("#add-text").fill(text)
        page.locator("#add-label").fill(label)
        page.locator("#add-label").press("Enter")
    page.get_by_text("Saved").wait_for()
    assert page.locator("#intents li").count() == 3
    assert page.get_by_role("button", name="Teach").is_enabled()
    page.locator("#intents").get_by_text("deny").click()
    assert page.locator("#rows tr").count() == 2
    page.get_by_label("New name of the intent").fill("refuse")
    page.get_by_role("button", name="Rename").click()
    page.get_by_role("button", name="Remove no way").click()
    page.get_by_label("Example", exact=True).last.fill("nope")
    page.get_by_label("Example", exact=True).last.press("Tab")
    page.locator("#intents").get_by_text("All").click()
    assert examples(page) == ["nope", "refuse", "yes", "affirm"]
    for _ in range(3):
        page.get_by_role("button", name="Undo").click()
    assert examples(page) == ["no way", "deny", "no", "deny", "yes", "affirm"]
    page.get_by_text("Saved").wait_for()
    page.reload()
    page.locator("#rows tr").nth(2).wait_for()
    assert page.locator("#agent").input_value() == "edited"


def test_hostile_text_is_shown_as_text(open_page: Open, address: str):
    page = open_page(address)
    rows = "".join(f'"{text.replace(chr(34), chr(34) * 2)}",{label}\n' for text in HOSTILE for label in ["<b>x</b>"])
    make(page, "hostile", f"text,label\n{rows}fine,ok\ngood,ok\n")
    page.locator("#progress").get_by_text("answers already").wait_for(timeout=60_000)
    for text in HOSTILE:
        ask(page, text)
        assert page.locator("#answer .quote").text_content() == text
    assert page.title() == "Playground"
    assert page.locator("main script, main img, main b:not(.track b):not(.strip b)").count() == 0
    assert {*HOSTILE, "<b>x</b>"} <= {*examples(page)}
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_what_is_found_in_a_text_is_marked(open_page: Open, address: str):
    page = open_page(address)
    make(page, "found", "text,label\nyes,a\nno,b\nyeah,a\nnope,b\n")
    page.locator("#progress").get_by_text("answers already").wait_for(timeout=60_000)
    found = {"start": 2, "end": 6, "text": "<b>서", "entity": "city", "value": "<i>Seoul"}

    def answer(route: Route) -> None:
        content = route.fetch().json()
        route.fulfill(json={**content, "entities": [found]})

    page.route("**/predict", answer)
    page.locator("#question").fill("😀 <b>서 by bus")
    page.locator("#question").press("Enter")
    page.locator("#answer mark").wait_for()
    [mark] = page.locator("#answer mark").all()
    assert mark.inner_text() == "<b>서 city"
    assert mark.get_attribute("title") == "<i>Seoul"
    assert page.locator("#answer .quote").text_content() == "😀 <b>서 city by bus"


def test_what_cannot_be_used_is_said(open_page: Open, address: str):
    page = open_page(address)
    make(page, "broken", "one,two\na,b\n")
    page.locator("#maker-problem").get_by_text("examples.csv").wait_for()
    page.locator("#paste").fill("")
    page.get_by_label("Name", exact=True).fill("ends with a dot.")
    page.get_by_role("button", name="Make it").click()
    page.locator("#maker-problem").get_by_text("ends with a dot.").wait_for()
    page.get_by_label("Name", exact=True).fill("../x")
    page.get_by_role("button", name="Make it").click()
    assert page.locator("#name:invalid").count() == 1
    assert page.locator("#maker").is_visible()


def test_it_says_all_it_says_in_every_language(open_page: Open, address: str):
    page = open_page(address)
    words = page.evaluate("import('/playground/words.js').then(words => words.WORDS)")
    english, korean = ({**words[name], **words[name].pop("kinds")} for name in ("en", "ko"))
    assert english.keys() == korean.keys()
    assert not [name for name, said in korean.items() if said in ("", english[name])]
    code = "".join(PAGE.joinpath(name).read_text(encoding="utf-8") for name in ("index.html", "playground.js"))
    used = {name for names in re.findall(r'data-[tpl]="(\w+)"|\bt\("(\w+)"|\bword\("(\w+)"', code) for name in names}
    assert used - {"", "kinds"} <= english.keys()


def test_it_speaks_korean(open_page: Open, address: str):
    page = open_page(address, locale="ko-KR")
    assert page.locator("html").get_attribute("lang") == "ko"
    page.get_by_role("button", name="English").click()
    assert page.locator("html").get_attribute("lang") == "en"
    page.reload()
    page.get_by_role("button", name="한국어").wait_for()


def test_a_server_that_is_read_only_offers_questions_alone(open_page: Open, address: str, folder: Path):
    with playground(folder, "--read-only") as public:
        page = open_page(public)
        page.locator("#work").wait_for()
        assert page.get_by_role("button", name=re.compile("New agent|Teach|Undo|Publish|Enter a token")).count() == 0
        page.locator("#question").fill("예약 취소")
        page.locator("#question").press("Enter")
        page.locator("#answer .verdict").wait_for()
        assert page.get_by_role("button", name=re.compile("^Add “")).count() == 0
        assert [tab.inner_text() for tab in page.get_by_role("tab").all()] == ["Batch"]


def test_without_the_token_nothing_can_be_changed(open_page: Open, address: str):
    page = open_page(address.partition("#")[0])
    page.get_by_role("button", name="Enter a token").click()
    page.get_by_label("Token", exact=True).fill("another token")
    page.get_by_role("button", name="Use it").click()
    page.get_by_text("does not accept this token").wait_for()
    page.get_by_role("button", name="Enter a token").click()
    page.get_by_label("Token", exact=True).fill(address.partition("#token=")[2])
    page.get_by_role("button", name="Use it").click()
    page.get_by_role("button", name="New agent").or_(page.get_by_role("button", name="Bring my own")).first.wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["en-US", "ko-KR"])
def test_axe_finds_no_serious_fault(open_page: Open, address: str, scheme: str, locale: str):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = open_page(address, color_scheme=scheme, locale=locale, viewport={"width": 390, "height": 844})

    def check(where: str) -> None:
        violations = axe.run(page).response["violations"]
        serious = [v for v in violations if v["impact"] in ("serious", "critical")]
        assert not serious, (where, [(v["id"], [node["html"] for node in v["nodes"]]) for v in serious])

    page.locator("#welcome:not([hidden])").or_(page.locator("#work:not([hidden])")).first.wait_for()
    check("at first")
    if page.locator("#start").is_visible():
        page.locator("#start").click()
    else:
        page.locator("#agent").select_option(index=0)
    page.locator("#answer, #suggestions button").first.wait_for()
    page.locator("#suggestions button, #asked .line").first.click(timeout=TRAINED_MS)
    page.locator("#answer .verdict").wait_for()
    check("with an answer")
    for number in range(page.get_by_role("tab").count()):
        page.get_by_role("tab").nth(number).click()
        check(f"tab {number}")
    page.locator("#welcome").evaluate("element => { element.hidden = false }")
    check("the first page")
    page.locator("#new").click()
    check("the box for a new agent")


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_nothing_is_wider_than_the_screen(open_page: Open, address: str, width: int):
    page = open_page(address, viewport={"width": width, "height": 800}, locale="ko-KR")
    page.locator("#welcome:not([hidden])").or_(page.locator("#work:not([hidden])")).first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
