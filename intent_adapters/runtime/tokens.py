"""Texts to token numbers, as the base itself would make them, for a fraction of the time."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from intent_adapters.artifacts.encoder import encoder_of
from intent_adapters.artifacts.fingerprint import PROBE_TEXTS
from intent_adapters.errors import ConfigError
from intent_adapters.inputs import check_range

if TYPE_CHECKING:  # what answers in ONNX Runtime needs neither PyTorch nor transformers
    from sentence_transformers import SentenceTransformer
    from torch import Tensor, nn
    from transformers import PreTrainedTokenizerFast

PROBES = [*PROBE_TEXTS, "a", " spaces \n around ", "to be cut off " * 500]
# transformers' way of saying that there is no limit.
NO_LIMIT = 10**20


class FastTokenizer:
    """A fast tokenizer that threads can share.

    transformers sets the truncation and padding of a fast tokenizer anew in every call, as the tokenizer's state.
    The state of this one never changes; padding is done here.

    Args:
        backend: A `tokenizers.Tokenizer`, which belongs to this one from now on.
        max_tokens: Where texts are cut; None for nowhere.
        truncation_side: Which end of a text is cut off.
        padding_side: At which end short texts are padded.
        padding: What stands for padding: the number of the token.
        padding_type: The same in `token_type_ids`; None for an encoder without them.
    """

    def __init__(
        self,
        backend: Any,
        max_tokens: int | None,
        *,
        truncation_side: str = "right",
        padding_side: str = "right",
        padding: int = 0,
        padding_type: int | None = None,
    ) -> None:
        self._backend = backend
        backend.no_padding()
        backend.no_truncation()
        if max_tokens is not None:
            backend.enable_truncation(max_tokens, direction=truncation_side)
        self._left = padding_side == "left"
        # Of a text without a second segment: what stands for padding in each of the encoder's inputs, and for a token.
        self._inputs: dict[str, tuple[int, int]] = {"attention_mask": (0, 1)}
        if padding_type is not None:
            self._inputs["token_type_ids"] = (padding_type, 0)
        self._padding = padding

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerFast) -> FastTokenizer:
        """A private copy of a tokenizer of transformers."""
        has_types = "token_type_ids" in tokenizer.model_input_names
        return cls(
            copy.deepcopy(tokenizer.backend_tokenizer),
            tokenizer.model_max_length if tokenizer.model_max_length < NO_LIMIT else None,
            truncation_side=tokenizer.truncation_side,
            padding_side=tokenizer.padding_side,
            padding=int(tokenizer.pad_token_id or 0),
            padding_type=int(tokenizer.pad_token_type_id) if has_types else None,
        )

    def __call__(self, texts: list[str], *, offsets: bool = False) -> TokenRows:
        """Tokenise; with the offsets of tokens if they are wanted, which takes longer."""
        encode = self._backend.encode_batch if offsets else self._backend.encode_batch_fast
        encodings = encode(texts)
        found = [encoding.offsets for encoding in encodings] if offsets else []
        return TokenRows([encoding.ids for encoding in encodings], self._pad, found)

    def _pad(self, ids: Sequence[list[int]]) -> dict[str, NDArray[np.int64]]:
        """Put token numbers of different lengths into one batch: `input_ids` and what goes with them."""
        longest = max(map(len, ids))
        if all(len(row) == longest for row in ids):
            features = {"input_ids": np.array(ids, dtype=np.int64)}
            return features | {name: np.full((len(ids), longest), token) for name, (_, token) in self._inputs.items()}
        features = {"input_ids": np.full((len(ids), longest), self._padding)}
        features |= {name: np.full((len(ids), longest), padding) for name, (padding, _) in self._inputs.items()}
        for index, row in enumerate(ids):
            place = slice(longest - len(row), None) if self._left else slice(len(row))
            features["input_ids"][index, place] = row
            for name, (_, token) in self._inputs.items():
                features[name][index, place] = token
        return features


class TokenRows:
    """Token numbers that are padded batch by batch.

    Args:
        ids: Of each text.
        pad: Makes one batch of some.
        offsets: As the attribute.

    Attributes:
        lengths: How many tokens each text has.
        offsets: Where each token that the encoder reads starts and ends in its text: nowhere, (0, 0), for special
            ones. Empty where they were not wanted.
    """

    def __init__(
        self,
        ids: list[list[int]],
        pad: Callable[[Sequence[list[int]]], dict[str, NDArray[np.int64]]],
        offsets: Sequence[list[tuple[int, int]]] = (),
    ) -> None:
        self.offsets = offsets
        self.lengths = [len(row) for row in ids]
        self._ids = ids
        self._pad = pad

    def batch(self, rows: Sequence[int]) -> dict[str, Tensor]:
        """What the encoder takes for these texts, padded to the longest of them: (rows, tokens) each."""
        import torch

        return {name: torch.from_numpy(values) for name, values in self.arrays(rows).items()}

    def arrays(self, rows: Sequence[int]) -> dict[str, NDArray[np.int64]]:
        """The same, for what is not PyTorch."""
        return self._pad([self._ids[row] for row in rows])


class PreprocessTokenizer:
    """The base's own preprocessing, one thread at a time.

    Args:
        model: The base.
    """

    def __init__(self, model: SentenceTransformer) -> None:
        self._model = model
        self._lock = threading.Lock()

    def __call__(self, texts: list[str]) -> PaddedTokens:
        """Tokenise."""
        with self._lock:
            return PaddedTokens(self._model.preprocess(texts))


class PaddedTokens:
    """As `TokenRows`, padded to the longest text of all; a batch leaves out the columns it has no use for."""

    def __init__(self, features: Mapping[str, Any]) -> None:
        from torch import Tensor

        self._features = {name: value for name, value in features.items() if isinstance(value, Tensor)}
        self._mask = self._features["attention_mask"].bool()
        self.lengths = self._mask.sum(dim=1).tolist()

    def batch(self, rows: Sequence[int]) -> dict[str, Tensor]:
        """See `TokenRows.batch`."""
        used = self._mask[list(rows)].any(dim=0)
        return {name: value[list(rows)][:, used] for name, value in self._features.items()}


# Both are safe to call from several threads.
Tokenizer = FastTokenizer | PreprocessTokenizer


def tokenizer_for(model: SentenceTransformer) -> Tokenizer:
    """The fastest way that gives what `model.preprocess` gives.

    Raises:
        ConfigError: The model is set to read no tokens of a text, or more than its encoder has positions for.
    """
    import torch
    from transformers import PreTrainedTokenizerFast

    positions = _positions(encoder_of(model))
    wanted: Any = model.max_seq_length  # whatever somebody has set
    check_range("max_seq_length of the base", wanted, model.tokenizer.num_special_tokens_to_add() + 1)
    if positions is not None and wanted > positions:
        raise ConfigError(
            f"max_seq_length of the base is {wanted}, but its encoder has positions for {positions} tokens only: set "
            f"it to {positions} at most."
        )
    if isinstance(model.tokenizer, PreTrainedTokenizerFast) and hasattr(
        model.tokenizer.backend_tokenizer, "no_padding"
    ):
        fast = FastTokenizer.of(model.tokenizer)
        ours, theirs = fast(PROBES).batch(range(len(PROBES))), model.preprocess(PROBES)
        names = {name for name, value in theirs.items() if isinstance(value, torch.Tensor)}
        if names == set(ours) and all(torch.equal(ours[name], theirs[name]) for name in names):
            return fast
    return PreprocessTokenizer(model)


def _positions(encoder: nn.Module) -> int | None:
    """How many tokens an encoder can number; None if it does not number them by a table."""
    from torch import nn

    for name, module in encoder.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding):
            # RoBERTa and its kin begin behind the number of padding.
            return module.num_embeddings - (0 if module.padding_idx is None else module.padding_idx + 1)
    return None
