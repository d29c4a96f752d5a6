"""What is likely wrong with training data that can be read: labels, repetitions, and what a base makes of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from intent_adapters.choices import FindingKind
from intent_adapters.data.labels import is_catch_all, likely_typos, look_alikes, readable
from intent_adapters.data.reading import Source, read_rows
from intent_adapters.data.table import Row
from intent_adapters.errors import shorten
from intent_adapters.vectors import unit_vectors

KINDS: tuple[FindingKind, ...] = get_args(FindingKind)
# The others may be just what somebody wants.
PROBLEMS = frozenset(KINDS[:4])

# In units of the mean distance between utterances of different intents, since encoders differ in how far apart they
# put texts. Chosen on draws of CLINC150, HINT3 and three Korean chatbots, with and without wrong labels.
SUSPICIOUS_MARGIN = 0.2
NEAR = 0.06
# A text with more unknown tokens is hardly read.
UNKNOWN_SHARE = 0.2
# Tokens a letter. A base with a vocabulary for a script needs fewer; one without spells words out.
SPELT_OUT = 1.2
FEW_BESIDE = 5
ENOUGH_TO_BE_BROAD = 5
BROAD = 3.5
ROWS_AT_ONCE = 1024


class TokenCounts(Protocol):
    """As `intent_adapters.runtime.token_counts.TokenCount`."""

    @property
    def tokens(self) -> int: ...  # noqa: D102
    @property
    def unknown(self) -> int: ...  # noqa: D102
    @property
    def cut(self) -> bool: ...  # noqa: D102


class Encoder(Protocol):
    """What is asked of the base: an `IntentModel` does it."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(texts, dimensions) sentence embeddings."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> Sequence[TokenCounts]:
        """The tokens of each text."""
        ...


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to look at.

    Attributes:
        kind: What it is.
        places: Where the rows stand, as `clinic.csv:17`; none for what concerns an intent or the data as a whole.
        texts: The rows' texts, one a place.
        labels: The intents that it is about, or the entities, where it is about these.
        reason: Why it was found.
        advice: What to do.
    """

    kind: FindingKind
    places: tuple[str, ...]
    texts: tuple[str, ...]
    labels: tuple[str, ...]
    reason: str
    advice: str

    @classmethod
    def of(
        cls, kind: FindingKind, rows: Iterable[Row], reason: str, advice: str, labels: Iterable[str] | None = None
    ) -> Finding:
        """A finding about some rows, and about their intents unless it is about others."""
        rows = list(rows)
        named = dict.fromkeys(row.label for row in rows) if labels is None else labels
        return cls(
            kind, tuple(row.place for row in rows), tuple(row.text for row in rows), tuple(named), reason, advice
        )

    @property
    def is_problem(self) -> bool:
        """Whether it most likely makes the agent worse; the others may be as they should be."""
        return self.kind in PROBLEMS


@dataclass(frozen=True, slots=True)
class DataReport:
    """What `check` found.

    Attributes:
        rows: How many rows were looked at.
        intents: How many intents they have.
        findings: The likely wrong labels first, the surest one first; then the others by kind.
    """

    rows: int
    intents: int
    findings: tuple[Finding, ...]

    @property
    def problems(self) -> tuple[Finding, ...]:
        """The findings that most likely make the agent worse."""
        return tuple(finding for finding in self.findings if finding.is_problem)

    def of_kind(self, kind: FindingKind) -> tuple[Finding, ...]:
        """The findings of one kind."""
        return tuple(finding for finding in self.findings if finding.kind == kind)

    def without(self, kinds: Iterable[FindingKind]) -> DataReport:
        """The report without the findings of some kinds."""
        left_out = frozenset(kinds)
        return replace(self, findings=tuple(finding for finding in self.findings if finding.kind not in left_out))

    def to_dict(self) -> dict[str, Any]:
        """The report as values that JSON can hold."""
        findings = [{**asdict(finding), "is_problem": finding.is_problem} for finding in self.findings]
        return {"rows": self.rows, "intents": self.intents, "findings": findings}


def check(source: Source, encoder: Encoder | None = None, **reading: Any) -> DataReport:
    """Looks for likely mistakes in training data; nothing is changed.

    Args:
        source: As `read_intents`.
        encoder: The base that agents will be trained on. None: only what needs no base is looked for, which leaves out
            wrong labels, near-duplicates in other words, broad intents, unknown and cut texts.
        **reading: As `read_intents`.

    Returns:
        What was found.

    Raises:
        DataError: The data cannot be read; see `read_intents`.

    Example:
        ```python
        report = check("clinic.csv", IntentModel.from_pretrained("BASE"))
        [(finding.places, finding.reason) for finding in report.of_kind("wrong label")]
        ```
    """
    return check_rows(read_rows(source, purpose="evaluation", **reading), encoder)


def check_rows(rows: Sequence[Row], encoder: Encoder | None = None) -> DataReport:
    """As `check`, of rows that were read; texts that stand there twice are found too."""
    findings = [*_look_alike_labels(rows), *_few_utterances(rows), *_catch_all(rows)]
    groups = _spelt_alike(rows)
    if encoder is not None:
        counts = encoder.count_tokens([row.text for row in rows])
        findings += _cut(rows, counts)
        unread = _unread(rows, counts)
        if unread:
            reason = f"the base has no words for {len(unread):,} of the {len(rows):,} texts"
            advice = "train on a base for the language of these texts"
            findings.append(Finding.of("unknown to the base", unread, reason, advice))
        # Else it cannot tell what they mean, or there is nothing to tell apart.
        if len(unread) * 2 < len(rows) and len({row.label for row in rows}) > 1:
            space = _Space.of(rows, encoder)
            groups = space.near(groups)
            findings += [*space.wrong_labels(), *space.broad_intents()]
    findings += _repetitions(rows, groups)
    findings.sort(key=lambda finding: KINDS.index(finding.kind))  # stable: the surest stay first
    return DataReport(len(rows), len({row.label for row in rows}), tuple(findings))


def _look_alike_labels(rows: Sequence[Row]) -> Iterable[Finding]:
    intents, entities = dict[str, list[Row]](), dict[str, list[Row]]()
    for row in rows:
        intents.setdefault(row.label, []).append(row)
        for name in {entity.entity for entity in row.entities}:
            entities.setdefault(name, []).append(row)
    for one, rows_of in {"intent": intents, "entity": entities}.items():
        advice = f"spell them alike if they are one {one}"
        for group in look_alikes(rows_of):
            first = [rows_of[name][0] for name in group]
            names = " and ".join(map(shorten, group))
            reason = f"{names} differ only in case, width, white space or what does not show"
            yield Finding.of("look-alike labels", first, reason, advice, group)
        for rare, common in likely_typos({name: len(own) for name, own in rows_of.items()}):
            reason = f"{shorten(rare)} is nearly spelt as {shorten(common)}, which has many more utterances"
            yield Finding.of("look-alike labels", rows_of[rare], reason, advice, [rare, common])


def _few_utterances(rows: Sequence[Row]) -> Iterable[Finding]:
    counts = Counter(row.label for row in rows)
    usual = float(np.median(list(counts.values())))
    for label, count in sorted(counts.items(), key=lambda item: (item[1], item[0])):
        if count == 1 or count * FEW_BESIDE < usual:
            own = [row for row in rows if row.label == label]
            reason = f"{shorten(label)} has {count} utterance{'s' * (count > 1)}, others have {usual:g} as a rule"
            yield Finding.of("few utterances", own[:1], reason, "write a few more, in words that users would take")


def _catch_all(rows: Sequence[Row]) -> Iterable[Finding]:
    for label in sorted({row.label for row in rows if is_catch_all(row.label)}):
        reason = f"an answer with {shorten(label)} will be out of scope: it is named as what has no intent"
        advice = "leave it so if that is meant; else rename it, or train with catch_all=[]"
        yield Finding.of("catch-all", [], reason, advice, [label])


def _unread(rows: Sequence[Row], counts: Sequence[TokenCounts]) -> list[Row]:
    """The rows whose texts the base has no words for; all, if it spells them out on the whole."""
    letters = sum(not letter.isspace() for row in rows for letter in row.text)
    if sum(count.tokens for count in counts) > SPELT_OUT * letters + 2 * len(rows):  # 2: what tokenizers add
        return list(rows)
    return [
        row
        for row, count in zip(rows, counts, strict=True)
        if count.unknown > UNKNOWN_SHARE * max(count.tokens - 2, 1)
    ]


def _cut(rows: Sequence[Row], counts: Sequence[TokenCounts]) -> Iterable[Finding]:
    for row, count in zip(rows, counts, strict=True):
        if count.cut:
            reason = f"the text has {count.tokens:,} tokens, more than the base reads; what comes last is cut off"
            yield Finding.of("cut text", [row], reason, "put first what tells its intent")


def _spelt_alike(rows: Sequence[Row]) -> list[list[int]]:
    """Groups of rows whose texts differ only in case and in what is neither letter nor digit."""
    alike: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        letters = "".join(filter(str.isalnum, row.text.casefold()))
        alike.setdefault(letters or row.text, []).append(number)
    return [group for group in alike.values() if len(group) > 1]


def _repetitions(rows: Sequence[Row], groups: Iterable[list[int]]) -> Iterable[Finding]:
    for group in groups:
        own = [rows[number] for number in group]
        labels = sorted({row.label for row in own})
        if len(labels) > 1:
            reason = f"nearly the same text stands under {' and '.join(map(shorten, labels))}"
            yield Finding.of("two intents", own, reason, "keep it where it belongs, or make one intent of them")
        else:
            reason = f"{len(own)} texts of {shorten(labels[0])} are nearly the same"
            yield Finding.of("near-duplicate", own, reason, "keep one, and never one in a test file")


@dataclass(frozen=True)
class _Space:
    """The rows as the base sees them.

    Attributes:
        embeddings: (rows, dimensions) of length 1, float64.
        own: (rows,) the number of each row's intent.
        labels: The intents, by number.
        names: (intents, dimensions) the embeddings of the readable names; 0 for a name without words.
        scale: The mean distance, 1 less the cosine, between utterances of different intents.
    """

    rows: Sequence[Row]
    embeddings: NDArray[np.float64]
    own: NDArray[np.int64]
    labels: list[str]
    names: NDArray[np.float64]
    scale: float

    @classmethod
    def of(cls, rows: Sequence[Row], encoder: Encoder) -> _Space:
        labels = sorted({row.label for row in rows})
        number: Mapping[str, int] = {label: index for index, label in enumerate(labels)}
        own = np.array([number[row.label] for row in rows])
        embeddings = unit_vectors(encoder.encode([row.text for row in rows]))
        names = np.zeros((len(labels), embeddings.shape[1]))
        worded = [index for index, label in enumerate(labels) if readable(label)]
        if worded:
            names[worded] = unit_vectors(encoder.encode([readable(labels[index]) for index in worded]))
        sums = _sums(embeddings, own, len(labels))
        counts = np.bincount(own, minlength=len(labels))
        total = sums.sum(axis=0)
        cosines = (total @ total - (sums * sums).sum()) / (len(own) ** 2 - (counts**2).sum())
        return cls(rows, embeddings, own, labels, names, max(1 - float(cosines), 1e-6))

    def to_intents(self) -> NDArray[np.float64]:
        """(rows, intents) cosines with the mean of each intent and its name, a row's own intent without the row."""
        sums = _sums(self.embeddings, self.own, len(self.labels)) + self.names
        cosines = self.embeddings @ unit_vectors(sums).T
        without = unit_vectors(sums[self.own] - self.embeddings)
        cosines[np.arange(len(self.own)), self.own] = (self.embeddings * without).sum(axis=1)
        return cosines

    def wrong_labels(self) -> list[Finding]:
        """Rows that are much nearer to another intent than to the rest of their own, the surest first.

        A row that is the only one of its intent has just the intent's name to compare with, which may say little: it
        must fit the other intent as well as that one's own rows do.
        """
        cosines = self.to_intents()
        rows = np.arange(len(self.own))
        to_own = cosines[rows, self.own]
        others = cosines.copy()
        others[rows, self.own] = -np.inf
        nearest = others.argmax(axis=1)
        margins = (others.max(axis=1) - to_own) / self.scale
        usual = np.array([np.median(to_own[self.own == intent]) for intent in range(len(self.labels))])
        only = np.bincount(self.own)[self.own] == 1
        suspicious = (margins > SUSPICIOUS_MARGIN) & ~(only & (others.max(axis=1) < usual[nearest]))
        found = []
        for row in sorted(np.flatnonzero(suspicious).tolist(), key=lambda row: -margins[row]):
            label, other = self.rows[row].label, self.labels[nearest[row]]
            reason = f"it is much nearer to {shorten(other)} than to the rest of {shorten(label)}"
            advice = f"label it {shorten(other)} if that is meant; if not, write more like it for {shorten(label)}"
            found.append(Finding.of("wrong label", [self.rows[row]], reason, advice, [label, other]))
        return found

    def broad_intents(self) -> list[Finding]:
        """Intents whose utterances are much farther from each other than is usual here."""
        sums = _sums(self.embeddings, self.own, len(self.labels))
        counts = np.bincount(self.own, minlength=len(self.labels))
        large = np.flatnonzero(counts >= ENOUGH_TO_BE_BROAD)
        if len(large) < ENOUGH_TO_BE_BROAD:
            return []
        # Mean cosine of two utterances of an intent.
        within = ((sums[large] ** 2).sum(axis=1) - counts[large]) / (counts[large] * (counts[large] - 1))
        middle = np.median(within)
        spread = max(1.4826 * float(np.median(np.abs(within - middle))), 1e-6)
        return [
            Finding.of(
                "broad intent",
                [],
                f"the utterances of {shorten(self.labels[intent])} have less in common than those of other intents",
                "make several intents of it, if it is about several things",
                [self.labels[intent]],
            )
            for intent, mean in sorted(zip(large.tolist(), within.tolist(), strict=True), key=lambda pair: pair[1])
            if (middle - mean) / spread > BROAD and not is_catch_all(self.labels[intent])
        ]

    def near(self, groups: Iterable[list[int]]) -> list[list[int]]:
        """Groups of rows whose texts say nearly the same; those that are spelt alike stay together."""
        count = len(self.own)
        pairs = [(group[0], row) for group in groups for row in group[1:]]
        for start in range(0, count, ROWS_AT_ONCE):
            distances = 1 - self.embeddings[start : start + ROWS_AT_ONCE] @ self.embeddings.T
            pairs += [(start + row, other) for row, other in np.argwhere(distances <= NEAR * self.scale).tolist()]
        one, other = np.array(pairs).T
        _, group_of = connected_components(coo_array((np.ones(len(pairs)), (one, other)), shape=(count, count)))
        members: dict[int, list[int]] = {}
        for row, group in enumerate(group_of.tolist()):
            members.setdefault(group, []).append(row)
        return [group for group in members.values() if len(group) > 1]


def _sums(embeddings: NDArray[np.float64], own: NDArray[np.int64], intents: int) -> NDArray[np.float64]:
    sums = np.zeros((intents, embeddings.shape[1]))
    np.add.at(sums, own, embeddings)
    return sums
