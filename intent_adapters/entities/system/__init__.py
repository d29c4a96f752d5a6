"""Entities that need no examples, one file a kind.

Each takes a text as `normalised.folded` gives it, and yields start and end in it and what is meant; None for the text
itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from intent_adapters.entities.system.addresses import find_emails, find_urls
from intent_adapters.entities.system.amounts import find_amounts
from intent_adapters.entities.system.dates import find_dates
from intent_adapters.entities.system.numbers import find_numbers
from intent_adapters.entities.system.phones import find_phones
from intent_adapters.entities.system.times import find_times

Found = Iterator[tuple[int, int, str | None]]

FINDERS: dict[str, Callable[[str, datetime, str], Found]] = {
    "date": lambda text, now, region: find_dates(text, now.date()),
    "time": lambda text, now, region: find_times(text, now),
    "number": lambda text, now, region: find_numbers(text),
    "amount": lambda text, now, region: find_amounts(text),
    "phone": lambda text, now, region: find_phones(text, region),
    "email": lambda text, now, region: find_emails(text),
    "url": lambda text, now, region: find_urls(text),
}
"""By the kinds of `intent_adapters.data.system_entities.SYSTEM_KINDS`; `region` is where phone numbers are from."""
