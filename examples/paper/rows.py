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
class TableRow:
    """One row."""

    role: Role  # the encoder that it stands on
    way: Way  # what is trained: an adapter with its head, the whole encoder, logistic regression, or SetFit
    metric: bool  # whether the Circle loss is added to cross-entropy
    note: str  # what stands behind the encoder's name

    @property
    def title(self) -> str:
        """Its name in the tables."""
        return f"{ROLES[self.role]}{self.note}"


ROWS: Mapping[str, TableRow] = {
    "large-plm": TableRow("large-plm", "adapter", metric=False, note=""),
    "large-plm-metric": TableRow("large-plm", "adapter", metric=True, note=" + metric"),
    "large-se": TableRow("large-se", "adapter", metric=False, note=""),
    "large-se-metric": TableRow("large-se", "adapter", metric=True, note=" + metric"),
    "distilled-plm": TableRow("distilled-plm", "adapter", metric=False, note=""),
    "distilled-plm-metric": TableRow("distilled-plm", "adapter", metric=True, note=" + metric"),
    "distilled-se": TableRow("distilled-se", "adapter", metric=False, note=""),
    "distilled-se-metric": TableRow("distilled-se", "adapter", metric=True, note=" + metric"),
    "large-se-tuned": TableRow("large-se", "full", metric=True, note=", fine-tuned"),
    "distilled-se-tuned": TableRow("distilled-se", "full", metric=True, note=", fine-tuned"),
    "distilled-se-probe": TableRow("distilled-se", "probe", metric=False, note=", logistic regression"),
    "distilled-se-setfit": TableRow("distilled-se", "setfit", metric=False, note=", SetFit"),
}
"""All rows by name: the eight of table 2, the fine-tuned ones of table 3, and two that the paper lacks."""

TABLE_2 = tuple(ROWS)[:8]
TABLE_3 = (
    "large-se-tuned",
    "large-se-metric",
    "distilled-se-tuned",
    "distilled-se-metric",
    "distilled-se-probe",
    "distilled-se-setfit",
)
