"""The rows of the paper's tables: which encoder, what is trained on it, and with which loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Role = Literal["large-plm", "large-se", "distilled-plm", "distilled-se"]
Way = Literal["adapter", "full", "probe", "setfit"]

ROLES: Mapping[Role, str] = {
    "large-plm": "Large PLM",
    "large-se": "Large SE",
    "distilled-plm": "Distilled PLM",
    "distilled-se": "Distilled SE",
}
"""The four encoders: a pretrained language model (PLM), the sentence encoder that stage 1 makes of it (SE), and what
stage 2 distils from each."""


@dataclass(frozen=True)
class System:
    """One row.

    Attributes:
        role: The encoder that it stands on.
        way: What is trained: an adapter with its head, the whole encoder, logistic regression, or SetFit.
        metric: Whether the Circle loss is added to cross-entropy.
        note: What stands behind the encoder's name.
    """

    role: Role
    way: Way
    metric: bool
    note: str

    @property
    def title(self) -> str:
        """Its name in the tables."""
        return f"{ROLES[self.role]}{self.note}"


def _both(role: Role) -> dict[str, System]:
    return {
        role: System(role, "adapter", metric=False, note=""),
        f"{role}-metric": System(role, "adapter", metric=True, note=" + metric"),
    }


SYSTEMS: Mapping[str, System] = {
    **_both("large-plm"),
    **_both("large-se"),
    **_both("distilled-plm"),
    **_both("distilled-se"),
    "large-se-tuned": System("large-se", "full", metric=True, note=", fine-tuned"),
    "distilled-se-tuned": System("distilled-se", "full", metric=True, note=", fine-tuned"),
    "distilled-se-probe": System("distilled-se", "probe", metric=False, note=", logistic regression"),
    "distilled-se-setfit": System("distilled-se", "setfit", metric=False, note=", SetFit"),
}
"""All rows by name: the eight of table 2, the fine-tuned ones of table 3, and two that the paper lacks."""

TABLE_2 = (
    "large-plm",
    "large-plm-metric",
    "large-se",
    "large-se-metric",
    "distilled-plm",
    "distilled-plm-metric",
    "distilled-se",
    "distilled-se-metric",
)
TABLE_3 = (
    "large-se-tuned",
    "large-se-metric",
    "distilled-se-tuned",
    "distilled-se-metric",
    "distilled-se-probe",
    "distilled-se-setfit",
)
