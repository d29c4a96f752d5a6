"""Regular expressions that come with adapters: matching one can take for ever, so only tame ones are let through."""

from __future__ import annotations

import re

from intent_adapters.errors import ConfigError

NAME_LENGTH = 64
"""How long a module name is taken to be, in characters; real ones are shorter."""

MAXIMUM_PATHS = 2**20
"""How many ways of matching one name a pattern may have."""

_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?:|\(\?|[()|]|[*+?]|\{\d*(?:,\d*)?\}|.", re.DOTALL)
_REPEAT = re.compile(r"[*+?]|\{(\d*)(?:(,)(\d*))?\}")


def check_pattern(pattern: str) -> None:
    """Refuse a regular expression whose matching could take for ever, before it is ever used.

    A backtracking matcher tries at most as many paths as there are combinations of choices: each repeat can end
    anywhere, each `|` takes any side. Without repeats of groups their number is a product that is known beforehand.

    Args:
        pattern: A valid regular expression.

    Raises:
        ConfigError: It repeats a group, looks around or refers back, or it leaves too many choices.
    """
    # One pair for each open group: paths through the branches that are done, and through the current one.
    groups = [(0, 1)]
    previous = ""
    for token in _TOKEN.findall(pattern):
        done, current = groups[-1]
        if token == "(?" or re.fullmatch(r"\\[1-9]", token):
            raise ConfigError(f"target_modules may have groups as in (a|b) or (?:a|b), but no other {token!r}")
        if token in ("(", "(?:"):
            groups.append((0, 1))
        elif token == ")":
            groups.pop()
            groups[-1] = (groups[-1][0], groups[-1][1] * (done + current))
        elif token == "|":
            groups[-1] = (done + current, 1)
        elif previous and _REPEAT.fullmatch(token):
            choices = _choices(token)
            if previous == ")" and token != "?":
                raise ConfigError(f"target_modules repeats a group with {token!r}; only single characters can be")
            # After another repeat it says how eager that one is.
            groups[-1] = (done, current * (1 if _REPEAT.fullmatch(previous) else choices))
        previous = token
        if groups[-1][1] > MAXIMUM_PATHS:
            raise ConfigError(
                "target_modules leaves too many choices to match it in reasonable time: at most three `*` or `+`; "
                "a list of module names needs none"
            )


def _choices(repeat: str) -> int:
    """At how many places a repeat of one character can end."""
    match = _REPEAT.fullmatch(repeat)
    assert match is not None
    if repeat == "?":
        return 2
    if repeat in ("*", "+"):
        return NAME_LENGTH
    low, comma, high = match.groups()
    return 1 if not comma else min(NAME_LENGTH, int(high or NAME_LENGTH) - int(low or 0) + 1)
