"""Makes two sites of one: English, and Korean in `ko/`, with the same page in the other language one click away.

Every Korean page is the translation of the English page of the same path. A page gets the navigation, the words of the
theme and the neighbours of its own language.
"""

from __future__ import annotations

import copy
from typing import Any

KOREAN = "ko/"
# The section of the navigation that becomes the navigation of the Korean pages.
KOREAN_SECTION = "한국어"


def on_page_context(context: dict[str, Any], page: Any, config: Any, nav: Any) -> dict[str, Any]:
    """Called by MkDocs with what a page is rendered from."""
    korean = _is_korean(page)
    config.theme["language"] = "ko" if korean else "en"
    for neighbour in ("previous_page", "next_page"):
        other = getattr(page, neighbour)
        if other is not None and _is_korean(other) != korean:
            setattr(page, neighbour, None)
    config.extra["alternate"] = _alternates(page, nav)
    return {**context, "nav": _own_navigation(nav, korean)}


def _is_korean(page: Any) -> bool:
    return bool(page.file.src_uri.startswith(KOREAN))


def _own_navigation(nav: Any, korean: bool) -> Any:
    """The navigation without the other language."""
    (section,) = (item for item in nav.items if item.title == KOREAN_SECTION)
    own = copy.copy(nav)
    own.items = section.children if korean else [item for item in nav.items if item is not section]
    own.homepage = next(page for page in nav.pages if _is_korean(page) == korean)
    return own


def _alternates(page: Any, nav: Any) -> list[dict[str, str]]:
    """The same page in both languages; the first page of a language that does not have it."""
    path = page.file.src_uri.removeprefix(KOREAN)
    pages = {other.file.src_uri: other.url for other in nav.pages}
    return [
        {"name": "English", "link": pages[path], "lang": "en"},
        {"name": "한국어", "link": pages.get(KOREAN + path, pages[f"{KOREAN}index.md"]), "lang": "ko"},
    ]
