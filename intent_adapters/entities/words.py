"""Where a word starts and ends: at a space, where the script changes, and in Korean before a particle."""

from __future__ import annotations

import re
from functools import lru_cache

# After a consonant, after a vowel; after either.
_BY_SOUND = (
    *(("은", "는"), ("이", "가"), ("을", "를"), ("과", "와"), ("이나", "나"), ("이랑", "랑"), ("이라도", "라도")),
    *(("이에요", "예요"), ("이야", "야"), ("이고", "고"), ("이라고", "라고"), ("이든지", "든지"), ("이든", "든")),
    *(("이면", "면"), ("이라면", "라면"), ("이라면서", "라면서"), ("이라서", "라서")),
    ("이니까", "니까"),
)
_EITHER = (
    *("의", "에", "엔", "에서", "에선", "에게", "에게서", "께", "께서", "한테", "한테서", "하고", "도", "만"),
    *("까지", "부터", "마다", "조차", "밖에", "처럼", "보다", "만큼", "대로", "쯤", "정도", "요", "인데"),
    *("인데요", "입니다", "인가요", "이요"),
)
_TOWARDS = (("으로", "로"), ("으로서", "로서"), ("으로써", "로써"), ("으로부터", "로부터"))


def _particles(after_consonant: bool, after_l: bool) -> re.Pattern[str]:
    side = 0 if after_consonant else 1
    first = [pair[side] for pair in _BY_SOUND]
    first += [pair[0 if after_consonant and not after_l else 1] for pair in _TOWARDS]
    # What may follow another particle, such as 는 in 에서는: by the sound of that one, which is not looked at.
    more = [word for pair in _BY_SOUND for word in pair] + list(_EITHER)
    return re.compile(f"(?:{_any([*first, *_EITHER])})(?:{_any(more)}){{0,2}}")


def _any(words: list[str]) -> str:
    return "|".join(sorted(set(words), key=len, reverse=True))


_AFTER_VOWEL, _AFTER_CONSONANT, _AFTER_L = _particles(False, False), _particles(True, False), _particles(True, True)
_AFTER_ANY = re.compile(f"(?:{_AFTER_VOWEL.pattern}|{_AFTER_CONSONANT.pattern})")
_HANGUL = re.compile("[가-힣]*")
_RIEUL = 8


def starts_word(text: str, start: int) -> bool:
    """Whether a word can start here: not between two letters of one script, nor between two digits."""
    return start == 0 or not _is_one_word(text[start - 1], text[start])


def ends_word(text: str, end: int) -> bool:
    """Whether a word can end here: as one can start, or before the particles that a Korean word ends in.

    Which particle there is depends on the sound before: 사 ends in 사가 and 사를, not in 사과.
    """
    if end == len(text) or not _is_one_word(text[end - 1], text[end]):
        return True
    tail = _HANGUL.match(text, end)
    if not tail or not tail[0] or not _is_hangul(text[end - 1]):
        return False
    final = (ord(text[end - 1]) - ord("가")) % 28
    particles = _AFTER_VOWEL if final == 0 else _AFTER_L if final == _RIEUL else _AFTER_CONSONANT
    return particles.fullmatch(tail[0]) is not None


def ends_number(text: str, end: int) -> bool:
    """Whether a number can end here, which in Korean is before a space or a particle: 3은, but not 3월."""
    if end == len(text):
        return True
    if not _is_hangul(text[end]):
        return not _is_one_word(text[end - 1], text[end])
    tail = _HANGUL.match(text, end)
    return tail is not None and _AFTER_ANY.fullmatch(tail[0]) is not None


def _is_hangul(letter: str) -> bool:
    return "가" <= letter <= "힣"


def _is_one_word(before: str, after: str) -> bool:
    own = script(before)
    return own != "" and own == script(after)


@lru_cache(maxsize=4096)
def script(letter: str) -> str:
    """What a letter may not be parted from; nothing for signs, and for scripts that are written without spaces."""
    if _is_hangul(letter) or "\u3131" <= letter <= "\u318e":
        return "hangul"
    if letter.isdigit():
        return "digit"
    if not letter.isalpha() or "\u0e00" <= letter <= "\u0eff" or "\u3040" <= letter <= "\u9fff":
        return ""
    return "letter"
