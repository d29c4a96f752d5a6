"""The type of our method, by which PEFT and its users tell it from others."""

from __future__ import annotations


class ExternalPeftType(str):
    """The type of a PEFT method that lives outside PEFT: behaves as a member of `peft.PeftType` does."""

    __slots__ = ()

    @property
    def value(self) -> str:
        """The plain string."""
        return str.__str__(self)

    @property
    def name(self) -> str:
        """The same: PEFT's own members have equal names and values."""
        return self.value

    def __str__(self) -> str:
        """As an enum's member shows itself: PEFT's status report takes what is behind the dot."""
        return f"PeftType.{self.value}"


INTENT_BOTTLENECK = ExternalPeftType("INTENT_BOTTLENECK")
"""Our method's type. It is namespaced since PEFT may one day have a BOTTLENECK of its own."""
