"""Before stage 1: pretrain a language model from random weights, by masked language modelling.

Only where there is no pretrained model to start from. The result is as weak as its data and steps are few.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterable, Mapping, Sequence
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

from intent_adapters.errors import ConfigError, DataError
from intent_adapters.training.base.checkpoints import CHECKPOINTS, last_checkpoint
from intent_adapters.training.randomness import own_process

CHUNK = 10_000


@dataclasses.dataclass(frozen=True)
class MaskedTraining:
    """How long and how to pretrain.

    Attributes:
        steps: Steps of the optimizer.
        batch_size: Blocks in a step, on each device.
        block_length: Tokens of a block; texts are laid end to end and cut.
        max_seq_length: Tokens of a text that the saved encoder reads; what stages 1 and 2 cost grows with it.
        mask_share: Share of the tokens to guess, above 0 and below 1.
        learning_rate: The peak rate; it rises over `warmup_steps` and falls to 0 in a straight line.
        warmup_steps: Steps until the peak.
        weight_decay: Of AdamW.
        bf16: Compute in bfloat16 where that is safe. None: on a GPU that has it.
        seed: Of weights, batches and masks.
        save_every: Steps between checkpoints, of which the last is kept.
        log_every: Steps between log entries.
        workers: Processes that mask, beside the main one.
    """

    steps: int = 10_000
    batch_size: int = 256
    block_length: int = 128
    max_seq_length: int = 128
    mask_share: float = 0.15
    learning_rate: float = 3e-4
    warmup_steps: int = 500
    weight_decay: float = 0.01
    bf16: bool | None = None
    seed: int = 0
    save_every: int = 1000
    log_every: int = 100
    workers: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "save_every", "log_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, but it is {getattr(self, name)!r}")
        if self.block_length < 8:
            raise ConfigError(f"block_length must be at least 8, but it is {self.block_length!r}")
        if not self.max_seq_length > 2:
            raise ConfigError(f"max_seq_length must be above 2, but it is {self.max_seq_length!r}")
        if not 0 < self.mask_share < 1:
            raise ConfigError(f"mask_share must be between 0 and 1, but it is {self.mask_share!r}")
        if not 0 <= self.warmup_steps < self.steps:
            raise ConfigError(f"warmup_steps must be in [0, {self.steps}), but it is {self.warmup_steps!r}")


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
    """Pretrains an encoder and saves it, with mean pooling, ready for `SentenceTransformer(output)`.

    Args:
        texts: What to learn from.
        tokenizer: With a mask token.
        output: The folder for the model; checkpoints go below it.
        architecture: `model_type` of transformers, such as "bert" or "roberta".
        shape: Settings of its config, such as `num_hidden_layers`; the others are transformers' defaults, which for
            "bert" are 12 layers of 768.
        training: Steps, rates and the like; None for the defaults of `MaskedTraining`.
        device: "cpu" trains there even where there is a GPU.
        resume: Go on from the last checkpoint below `output`; without one, start. What is masked from there on is
            drawn anew.

    Returns:
        What was logged: losses by step.

    Raises:
        ConfigError: A setting is out of range, the tokenizer has no mask token, or `output` holds a run that was cut
            off and `resume` is False.
        DataError: The texts do not fill a block.
    """
    training = training or MaskedTraining()
    if tokenizer.mask_token_id is None:
        raise ConfigError("the tokenizer has no mask token, without which nothing can be masked: take another one")
    checkpoints = Path(output) / CHECKPOINTS
    last = last_checkpoint(output, resume=resume)
    blocks = pack_blocks(texts, tokenizer, training.block_length)
    with own_process(training.seed):
        config = AutoConfig.for_model(
            architecture, vocab_size=len(tokenizer), **_special_ids(tokenizer), **(shape or {})
        )
        model = AutoModelForMaskedLM.from_config(config)
        trainer = Trainer(
            model=model,
            args=_arguments(checkpoints, training, device),
            train_dataset=_Blocks(blocks),
            data_collator=DataCollatorForLanguageModeling(tokenizer, mlm_probability=training.mask_share),
        )
        trainer.train(resume_from_checkpoint=last)
        if trainer.is_world_process_zero():  # opening it again draws the weights of a pooler
            _save(model, tokenizer, Path(output), training.max_seq_length)
    return [{name: value for name, value in entry.items() if name != "epoch"} for entry in trainer.state.log_history]


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
    parts: list[NDArray[np.int32]] = []
    chunk: list[str] = []

    def tokenise() -> None:
        for ids in tokenizer(chunk, verbose=False)["input_ids"]:
            parts.append(np.asarray(ids, dtype=np.int32))
        chunk.clear()

    for text in texts:
        chunk.append(text)
        if len(chunk) == CHUNK:
            tokenise()
    if chunk:
        tokenise()
    tokens = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int32)
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


def _arguments(folder: Path, training: MaskedTraining, device: str | None) -> TrainingArguments:
    on_cpu = device == "cpu" or not torch.cuda.is_available()
    bf16 = training.bf16
    if bf16 is None:
        bf16 = not on_cpu and torch.cuda.is_bf16_supported()
    return TrainingArguments(
        str(folder),
        max_steps=training.steps,
        per_device_train_batch_size=training.batch_size,
        learning_rate=training.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=training.warmup_steps,
        weight_decay=training.weight_decay,
        adam_beta2=0.98,
        seed=training.seed,
        bf16=bf16,
        use_cpu=on_cpu,
        dataloader_pin_memory=not on_cpu,
        dataloader_num_workers=training.workers,
        dataloader_drop_last=True,
        logging_steps=training.log_every,
        save_strategy="steps",
        save_steps=training.save_every,
        save_total_limit=1,
        report_to="none",
        disable_tqdm=True,
    )


def _save(model: Any, tokenizer: PreTrainedTokenizerBase, output: Path, max_seq_length: int) -> None:
    # By way of transformers' own format: sentence-transformers then opens it as it opens any language model.
    with tempfile.TemporaryDirectory() as folder:
        model.base_model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        transformer = Transformer(folder, max_seq_length=max_seq_length)
        pooling = Pooling(transformer.get_embedding_dimension(), pooling_mode="mean")
        SentenceTransformer(modules=[transformer, pooling], device="cpu").save_pretrained(str(output))
