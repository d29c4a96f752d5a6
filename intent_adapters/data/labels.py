"""What the names of intents say."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

CATCH_ALL_NAMES = (
    *("none", "fallback", "nlu fallback", "default fallback intent", "out of scope", "oos", "unknown"),
    *("other", "others", "기타", "없음", "그 외", "해당 없음"),
)

SHORTEST_WITH_TYPO = 6
TIMES_AS_COMMON = 4

# What Unicode calls default ignorable, beyond the category Cf: fillers and variation selectors.
_IGNORABLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")


def readable(label: str) -> str:
    """A label as words: "card_arrival" and "CardArrival" become "card arrival"."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", label)
    return " ".join(re.sub(r"[\W_]+", " ", split).split()).lower()


def is_catch_all(label: str) -> bool:
    """Whether an intent is named as one that stands for what has no intent: "none", "fallback", "기타"."""
    return readable(label) in CATCH_ALL_NAMES


def look_alikes(labels: Iterable[str]) -> list[list[str]]:
    """Labels that differ only in case, width, white space or characters that do not show, in groups."""
    alike: dict[str, list[str]] = {}
    for label in sorted(labels):
        alike.setdefault(visible(unicodedata.normalize("NFKC", label).casefold()), []).append(label)
    return [group for group in alike.values() if len(group) > 1]


def likely_typos(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    """Rare labels that differ from a common one in a letter or two neighbours, each with the common one.

    Hangul counts by its letters (jamo). Digits are no typos: `plan_1` and `plan_2` are two intents. `counts` has the
    rows of each label.
    """
    spelt = {label: unicodedata.normalize("NFD", label).casefold() for label in counts}
    alike: dict[str, set[str]] = {}
    for label, letters in spelt.items():
        if len(letters) >= SHORTEST_WITH_TYPO:
            for place in range(len(letters) + 1):  # at the end nothing is left out
                alike.setdefault(letters[:place] + letters[place + 1 :], set()).add(label)
    found = {
        (rare, common)
        for labels in alike.values()
        for rare in labels
        for common in labels
        if counts[common] >= TIMES_AS_COMMON * counts[rare]
        and re.sub(r"\d", "", spelt[rare]) != re.sub(r"\d", "", spelt[common])
    }
    return sorted(found)


def visible(text: str) -> str:
    """What of a text shows: not white space, control characters, zero-width joiners, fillers."""
    shown = (c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Zs", "Zl", "Zp"))
    return _IGNORABLE.sub("", "".join(shown))
