"""Phone numbers, by Google's rules for each country."""

from __future__ import annotations

from collections.abc import Iterator

from intent_adapters.extras import need


def find_phones(text: str, region: str) -> Iterator[tuple[int, int, str]]:
    """Valid phone numbers, in the form +82212345678; those without the code of a country are of the region."""
    if sum(letter.isdigit() for letter in text) < 3:
        return
    phonenumbers = need("phonenumbers")
    for found in phonenumbers.PhoneNumberMatcher(text, region):
        number = phonenumbers.format_number(found.number, phonenumbers.PhoneNumberFormat.E164)
        yield found.start, found.end, number
