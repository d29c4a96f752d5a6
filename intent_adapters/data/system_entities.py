"""Entities that need no examples, such as dates: which there are here, and what other products call them."""

from __future__ import annotations

import re

SYSTEM_KINDS = ("date", "time", "number", "amount", "phone", "email", "url")
"""What can be found without examples; `amount` is one of money."""

# Last parts of names, letters alone: `sys.date-time`, `wit$datetime`, `datetimeV2`, `Quantity.Currency`.
_KINDS_OF = {
    **dict.fromkeys(("datetime", "datetimev", "dateperiod", "datetimealt"), ("date", "time")),
    "date": ("date",),
    "time": ("time",),
    **dict.fromkeys(("number", "numberinteger", "cardinal"), ("number",)),
    **dict.fromkeys(("currency", "unitcurrency", "money", "amountofmoney"), ("amount",)),
    **dict.fromkeys(("phone", "phonenumber"), ("phone",)),
    **dict.fromkeys(("email", "emailaddress"), ("email",)),
    "url": ("url",),
}


def kinds_of_product(name: str) -> tuple[str, ...]:
    """The kinds that a product's own entity is here; none where there is no such kind."""
    last = re.split(r"[.$]", name)[-1]
    return _KINDS_OF.get(re.sub(r"[^a-z]", "", last.lower()), ())
