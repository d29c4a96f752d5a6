"""Before stage 1: pretrain a language model from random weights, by masked language modelling.

Only where there is no pretrained model to start from. The result is as weak as its data and steps are few.
"""

from __future__ import annotations

import dataclasses
import hashlib
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from torch.utils.data import Dataset
from transformers import (
    AutoConfig,
    AutoModelForMaskedLM,
    DataCollatorForLanguageModeling,
    PreTrainedTokenizerBase,
    Trainer,
    TrainingArguments,
)

from intent_adapters.artifacts.base import save_base
from intent_adapters.errors import ConfigError, DataError
from intent_adapters.inputs import check_number, check_range
from intent_adapters.training.base.run import (
    RunCare,
    RunSettings,
    check_as_begun,
    checkpoint_folder,
    last_checkpoint,
    log_of,
)
from intent_adapters.training.randomness import own_process

CHUNK = 10_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskedTraining(RunSettings):
    """How long and how to pretrain: the settings of `RunSettings`, where rows are blocks, and these.

    The rate falls in a straight line, and the last checkpoint is kept.

    Attributes:
        block_length: Tokens of a block, 8 or more; texts are laid end to end and cut.
        max_seq_length: Tokens of a text that the saved encoder reads, 3 or more; what stages 1 and 2 cost grows with
            it.
        mask_share: Share of the tokens to guess, above 0 and below 1.
    """

    steps: int = 10_000
    learning_rate: float = 3e-4
    warmup_steps: int = 500
    save_every: int = 1000
    log_every: int = 100
    adam_beta2: float = 0.98
    block_length: int = 128
    max_seq_length: int = 128
    mask_share: float = 0.15

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("block_length", self.block_length, 8)
        check_range("max_seq_length", self.max_seq_length, 3)
        check_number("mask_share", self.mask_share, 0, 1, above=True, below=True)


def pretrain(
    texts: Iterable[str],
    tokenizer: PreTrainedTokenizerBase,
    output: str | Path,
    *,
    architecture: str = "bert",
    shape: Mapping[str, int] | None = None,
    training: MaskedTraining | None = None,
    device: str | None = None,
    resume: bool = False,
) -> list[dict[str, float]]:
    """Pretrains an encoder and saves it, with mean pooling, as a folder for stage 1.

    Args:
        texts: What to learn from.
        tokenizer: With a mask token.
        output: The folder for the model; checkpoints go to `OUTPUT-checkpoints` beside it.
        architecture: `model_type` of transformers, such as "bert" or "roberta".
        shape: Settings of its config, such as `num_hidden_layers`; the others are transformers' defaults, which for
            "bert" are 12 layers of 768.
        training: Steps, rates and the like; None for the defaults of `MaskedTraining`.
        device: "cpu" trains there even where there is a GPU.
        resume: Go on from the last checkpoint; without one, start. What is masked from there on is
            drawn anew.

    Returns:
        What was logged: losses by step.

    Raises:
        ConfigError: A setting is out of range, the tokenizer has no mask token, or there are checkpoints and `resume`
            is False, or they are of a run with other settings or texts.
        BaseError: The folder holds other things.
        DataError: The texts do not fill a block.
    """
    training = training or MaskedTraining()
    if tokenizer.mask_token_id is None:
        raise ConfigError("the tokenizer has no mask token to hide words behind: take another one")
    last = last_checkpoint(output, resume=resume)
    blocks = pack_blocks(texts, tokenizer, training.block_length)
    made_of = {
        **training.made_of(),
        "architecture": architecture,
        "shape": dict(shape or {}),
        "data": hashlib.sha256(blocks.data).hexdigest()[:16],
    }
    check_as_begun(last, made_of)
    with own_process(training.seed):
        config = AutoConfig.for_model(
            architecture, vocab_size=len(tokenizer), **_special_ids(tokenizer), **(shape or {})
        )
        model = AutoModelForMaskedLM.from_config(config)
        trainer = Trainer(
            model=model,
            args=TrainingArguments(
                str(checkpoint_folder(output)),
                **training.arguments(on_cpu=device == "cpu" or not torch.cuda.is_available()),
                lr_scheduler_type="linear",
                save_total_limit=1,
                report_to="none",
                disable_tqdm=True,
            ),
            train_dataset=_Blocks(blocks),
            data_collator=DataCollatorForLanguageModeling(tokenizer, mlm_probability=training.mask_share),
            callbacks=[RunCare(made_of)],
        )
        trainer.train(resume_from_checkpoint=last)
        if trainer.is_world_process_zero():  # opening it again draws the weights of a pooler
            _save(model, tokenizer, Path(output), training.max_seq_length)
    return log_of(trainer)


def pack_blocks(texts: Iterable[str], tokenizer: PreTrainedTokenizerBase, length: int) -> NDArray[np.int32]:
    """Texts laid end to end, each closed as the tokenizer closes one, and cut into blocks; the rest is left out.

    Args:
        texts: The texts.
        tokenizer: The tokenizer.
        length: Tokens of a block.

    Returns:
        Token ids (blocks, length).

    Raises:
        DataError: The texts do not fill a block.
    """
    parts: list[NDArray[np.int32]] = [np.zeros(0, dtype=np.int32)]
    iterator = iter(texts)
    while chunk := list(islice(iterator, CHUNK)):
        parts += [np.asarray(ids, dtype=np.int32) for ids in tokenizer(chunk, verbose=False)["input_ids"]]
    tokens = np.concatenate(parts)
    count = len(tokens) // length
    if count == 0:
        raise DataError(f"the texts have {len(tokens)} tokens, which do not fill a block of {length}: give more texts")
    return tokens[: count * length].reshape(count, length)


class _Blocks(Dataset[dict[str, Sequence[int]]]):
    def __init__(self, blocks: NDArray[np.int32]) -> None:
        self.blocks = blocks

    def __len__(self) -> int:
        return len(self.blocks)

    def __getitem__(self, index: int) -> dict[str, Sequence[int]]:
        return {"input_ids": self.blocks[index].tolist()}


def _special_ids(tokenizer: PreTrainedTokenizerBase) -> dict[str, int]:
    """Of the special tokens that a config names; an architecture's defaults are those of another vocabulary."""
    ids = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("pad", "bos", "eos", "cls", "sep")}
    return {name: number for name, number in ids.items() if number is not None}


def _save(model: Any, tokenizer: PreTrainedTokenizerBase, output: Path, max_seq_length: int) -> None:
    # By way of transformers' own format: sentence-transformers then opens it as it opens any language model.
    with tempfile.TemporaryDirectory() as folder:
        model.base_model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        transformer = Transformer(folder, max_seq_length=max_seq_length)
        pooling = Pooling(transformer.get_embedding_dimension(), pooling_mode="mean")
        save_base(SentenceTransformer(modules=[transformer, pooling], device="cpu"), output)
