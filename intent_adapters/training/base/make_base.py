"""`make_base`: stages 1 and 2 as a recipe says."""

from __future__ import annotations

import copy
import dataclasses
import logging
import string
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from torch import nn

from intent_adapters.artifacts.encoder import encoder_of
from intent_adapters.data.pairs import PairSource, read_pairs
from intent_adapters.data.texts import read_texts
from intent_adapters.errors import ConfigError
from intent_adapters.inputs import check_number
from intent_adapters.loading import load_base
from intent_adapters.training.base.distillation import STAGE_2, distill
from intent_adapters.training.base.encoder import train_encoder
from intent_adapters.training.base.pair_training import PairTraining
from intent_adapters.training.base.recipe import SCRIPTS, STAGE_1, START, DataTable, Recipe, Stage1Table, TargetsTable
from intent_adapters.training.base.sts import sts_evaluator
from intent_adapters.training.base.student import student_from_layers
from intent_adapters.training.base.targets import (
    Targets,
    Teacher,
    averaged,
    joined,
    reduced,
    teacher_embeddings,
    turned_onto,
)
from intent_adapters.training.base.vocabulary import trim_vocabulary
from intent_adapters.vectors import unit_vectors

log = logging.getLogger(__name__)

PLAIN = str.maketrans("", "", string.punctuation)


def make_base(
    recipe: Recipe,
    output: str | Path,
    *,
    data: str | Path = ".",
    sts: str | Path | None = None,
    share: float = 1.0,
    stop_after: int | None = None,
    resume: bool = False,
) -> list[dict[str, float]]:
    """Makes a base as a recipe says, and saves it.

    Args:
        recipe: The recipe.
        output: The folder for the base. What is computed on the way goes to `OUTPUT-work` and `OUTPUT-checkpoints`
            beside it, and stays there.
        data: The folder from which the recipe names its files.
        sts: A file as for `sts_evaluator`, to see how the training goes.
        share: How much of the data to take, drawn at random, for a trial: fewer targets are to be computed then.
        stop_after: Steps of the distillation after which to stop for now, with the rates of the full run.
        resume: Go on where an earlier run was: targets that are stored are not computed again in any case.

    Returns:
        What the distillation logged: losses by step, and scores.

    Raises:
        ConfigError: A setting is out of range, or does not fit the models; or there are checkpoints, and `resume` is
            False or they are of a run with other settings, data or targets.
        BaseError: A model cannot be loaded or saved, or `output` holds other things.
        DataError: A file cannot be read or trained on.
    """
    check_number("share", share, 0, 1, above=True)
    output, data = Path(output).absolute(), Path(data)
    work = output.with_name(f"{output.name}-work")
    pairs, singles = read_data(recipe.data, data, share)
    texts = list(dict.fromkeys([*pairs["anchor"][:], *pairs["positive"][:], *singles]))
    models = {START: load_base(_place(recipe.start.base, data))}
    if recipe.start.trim:
        models[START] = trim_vocabulary(models[START], texts)
    if recipe.stage_1:
        models[STAGE_1] = _stage_1(recipe.stage_1, models[START], pairs, work / STAGE_1, resume=resume)
    large = models.get(STAGE_1, models[START])
    student = student_from_layers(large, recipe.start.layers or encoder_of(large).config.num_hidden_layers)
    if recipe.start.dropout is not None:
        for module in student.modules():
            if isinstance(module, nn.Dropout):
                module.p = recipe.start.dropout
    targets = None
    if recipe.targets:
        vectors = _targets(recipe.targets, texts, models, data, work)
        if recipe.data.averaged_kinds:
            averaged_pairs = _read_pairs(recipe.data, recipe.data.averaged_kinds, data, whole=True)
            _average(vectors, texts, averaged_pairs["anchor"][:], averaged_pairs["positive"][:])
        targets = Targets(texts, vectors)
    table = recipe.distillation
    weight: float | tuple[float, float] = 0.0
    if table.teacher:
        given = table.relation_weight
        weight = (given[0], given[1]) if isinstance(given, list) else given
    return distill(
        models[table.teacher] if table.teacher else None,
        student,
        pairs,
        output,
        texts=Dataset.from_dict({"text": texts}) if singles else None,
        targets=targets,
        contrastive_weight=table.contrastive_weight,
        relation_weight=weight,
        matching_weight=table.matching_weight,
        temperature=table.temperature,
        projection=table.projection,
        num_relation_heads=table.num_relation_heads,
        start_share=table.start_share,
        dtype=table.dtype,
        training=dataclasses.replace(STAGE_2, **table.training, stop_after=stop_after),
        evaluator=None if sts is None else sts_evaluator(sts),
        resume=resume,
    )


def read_data(table: DataTable, folder: Path, share: float = 1.0) -> tuple[Dataset, list[str]]:
    """The pairs of a recipe, and its single texts, none twice.

    Args:
        table: What to read.
        folder: From where it names its files.
        share: How much of it to take, drawn at random.

    Raises:
        ConfigError: A file is missing.
        DataError: A file cannot be read.
    """
    missing = [name for name in (*table.pairs, *table.texts) if not (folder / name).exists()]
    if missing:
        raise ConfigError(
            f"there is no file {missing[0]!r} in {str(folder)!r}, the folder of the data: name another one (`data=`), "
            "or mend `[data]`"
        )
    pairs = _read_pairs(table, table.kinds, folder)
    loose = [_read_pairs(table, table.single_kinds, folder)] if table.single_kinds else []
    if table.single_sources:
        loose.append(_read_pairs(table, [], folder, table.single_sources))
    singles = [text for found in loose for column in ("anchor", "positive") for text in found[column][:]]
    for name in table.texts:
        singles += read_texts(folder / name, leave_out_unusable=True)
    if table.plain_share:
        latin = [text for text in singles if SCRIPTS["latin"].search(text) and not SCRIPTS["hangul"].search(text)]
        drawn = _drawn(len(latin), table.plain_share)
        singles += [plain for row in drawn if (plain := latin[row].lower().translate(PLAIN).strip())]
    singles = list(dict.fromkeys(singles))
    if share < 1:
        pairs = pairs.select(_drawn(len(pairs), share))
        singles = [singles[row] for row in _drawn(len(singles), share)]
    return pairs, singles


def _drawn(rows: int, share: float) -> NDArray[np.int64]:
    """A share of so many rows, in their order; the same in every run."""
    return np.sort(np.random.default_rng(0).permutation(rows)[: round(share * rows)])


def _read_pairs(
    table: DataTable,
    kinds: Sequence[str],
    folder: Path,
    sources: Sequence[str] | None = None,
    *,
    whole: bool = False,
) -> Dataset:
    """The pairs of some kinds, or all of some sources; whole, or the shares of them that the recipe takes."""
    shares = {} if whole else table.shares
    leave_out = table.leave_out if sources else [*table.leave_out, *table.single_sources]
    return read_pairs(
        [
            PairSource(folder / name, kinds=kinds or None, sources=sources, shares=shares, leave_out=leave_out)
            for name in table.pairs
        ]
    )


def _average(
    vectors: NDArray[np.float16], texts: Sequence[str], anchors: Sequence[str], positives: Sequence[str]
) -> None:
    """Gives anchors the mean of their own target and their positive's, where both have one."""
    row = {text: number for number, text in enumerate(texts)}
    both = [pair for pair in zip(anchors, positives, strict=True) if row.keys() >= set(pair)]
    ours, theirs = ([row[pair[side]] for pair in both] for side in (0, 1))
    vectors[ours] = unit_vectors(vectors[ours].astype(np.float32) + vectors[theirs], np.float32)


def _stage_1(
    table: Stage1Table, start: SentenceTransformer, pairs: Dataset, output: Path, *, resume: bool
) -> SentenceTransformer:
    """The encoder after stage 1; one that an earlier run has finished is taken as it is."""
    finished = output.is_dir() and resume
    if not finished:
        train_encoder(
            copy.deepcopy(start),
            pairs,
            output,
            temperature=table.temperature,
            training=PairTraining(**table.training),
            resume=resume,
        )
    return load_base(output)


def _targets(
    tables: Sequence[TargetsTable],
    texts: Sequence[str],
    models: Mapping[str, SentenceTransformer],
    data: Path,
    work: Path,
) -> NDArray[np.float16]:
    """The target of each text."""
    left = list(range(len(texts)))
    parts: list[tuple[list[int], NDArray[np.float32]]] = []
    for table in tables:
        rows = [row for row in left if table.script is None or SCRIPTS[table.script].search(texts[row])]
        left = sorted({*left} - {*rows})
        if rows:
            parts.append((rows, _targets_of(table, [texts[row] for row in rows], models, data, work)))
    widths = {found.shape[1] for _, found in parts}
    if len(widths) > 1:
        raise ConfigError(f"the `[[targets]]` are of different widths, {sorted(widths)}: give each the same `width`")
    vectors = np.zeros((len(texts), widths.pop()), dtype=np.float16)
    for rows, found in parts:
        vectors[rows] = found
    return vectors


def _targets_of(
    table: TargetsTable,
    texts: Sequence[str],
    models: Mapping[str, SentenceTransformer],
    data: Path,
    work: Path,
) -> NDArray[np.float32]:
    teachers = []
    for entry in table.teachers:
        settings = {field.name: getattr(entry, field.name) for field in dataclasses.fields(entry)}
        settings["model"] = models.get(entry.model) or load_base(_place(entry.model, data))
        teachers.append(Teacher(**settings))
    embeddings = [teacher_embeddings(teacher, texts, work / "embeddings") for teacher in teachers]
    found = joined(teachers, embeddings) if table.combine == "join" else averaged(teachers, embeddings)
    if table.width is not None:
        found, energy = reduced(found, table.width)
        log.info("the %d directions that are kept have %.1f %% of the energy", table.width, 100 * energy)
    if table.turn is not None:
        found = turned_onto(found, teacher_embeddings(Teacher(model=models[table.turn]), texts, work / "embeddings"))
    return found


def _place(name: str, data: Path) -> str:
    """Where a model is: a folder named from that of the data, or the Hub."""
    return str(data / name) if (data / name).is_dir() else name
