"""The runner of documented code notices what it must notice."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from tests.docs.blocks import MarkerError, blocks_of
from tests.docs.running import Session, check

# Newer releases of typer carry a click of their own.
UsageError = typer.BadParameter.__mro__[1]

PAGE = """
text

```python
a = 1
a + 1  # 2
```

<!-- test: slow, needs an hour of CPU -->

```bash
# a comment
echo one \\
    two
```

- in a list

    ```python
    a
    ```

```text
not code
```
"""


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str) -> Path:
        page = tmp_path / "page.md"
        page.write_text(text, encoding="utf-8")
        return page

    return write


def test_blocks_have_language_line_and_marker(write):
    first, second, third = blocks_of(write(PAGE))
    assert (first.language, first.line, first.code, first.kind) == ("python", 5, "a = 1\na + 1  # 2\n", "run")
    assert (second.language, second.kind, second.reason) == ("shell", "slow", "needs an hour of CPU")
    assert (third.code, third.kind) == ("a\n", "run")


def test_names_live_from_block_to_block(write, tmp_path):
    session = Session(tmp_path)
    for block in blocks_of(write(PAGE)):
        session.run(block)
    assert session.namespace["a"] == 1


def test_a_block_knows_its_tab_and_the_name_of_its_file(write, tmp_path):
    page = write(
        '=== "One"\n\n    ```python\n    a\n    ```\n\n=== "Other"\n\n    ```csv title="b.csv"\n    é\n    ```\n\n'
        "then\n\n```python\nc\n```\n"
    )
    assert [(block.tab, block.title) for block in blocks_of(page)] == [("One", None), ("Other", "b.csv"), (None, None)]
    Session(tmp_path).run(list(blocks_of(page))[1])
    assert (tmp_path / "b.csv").read_text(encoding="utf-8") == "é\n"


@pytest.mark.parametrize("marker", ["<!-- test: later, needs an hour -->", "<!-- test: skip -->"])
def test_a_marker_without_kind_or_reason_is_refused(write, marker):
    with pytest.raises(MarkerError, match=r"page\.md:1"):
        list(blocks_of(write(f"{marker}\n\n```python\n1\n```\n")))


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("```python\n'a' + 'b'  # 'ac'\n```", r"page.md:2 gives 'ab', the page says 'ac'"),
        ("```bash\nfalse\n```", "page.md:2"),
        ("```bash\nintent-adapters no-such-command\n```", "no-such-command"),
        ("```bash\nmake no-such-target\n```", "no-such-target"),
        ("```bash\npip install 'intent-adapters[nothing]'\n```", "no extra {'nothing'}"),
    ],
)
def test_what_is_wrong_is_noticed(write, tmp_path, code, message):
    (block,) = blocks_of(write(code))
    with pytest.raises(AssertionError, match=message):
        Session(tmp_path).run(block)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("```bash\nintent-adapters train a.csv --bass BASE --output b\n```", "--bass"),
        ("```bash\ncat a | intent-adapters predikt\n```", "predikt"),
        ("```python\na = = 1\n```", "invalid syntax"),
    ],
)
def test_what_is_not_run_is_still_checked(write, code, error):
    (block,) = blocks_of(write(code))
    with pytest.raises((SyntaxError, UsageError)) as caught:
        check(block)
    assert error in str(getattr(caught.value, "message", caught.value))


def test_python_errors_name_the_line_of_the_page(write, tmp_path):
    (block,) = blocks_of(write("one\n\n```python\na = 1\nundefined\n```"))
    with pytest.raises(NameError) as caught:
        Session(tmp_path).run(block)
    assert caught.traceback[-1].lineno == 4  # counted from 0
