"""What an exported graph says about itself, in its own metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, get_args

from intent_adapters.artifacts.contents import ONNX_FOLDER
from intent_adapters.choices import Precision
from intent_adapters.errors import BaseError
from intent_adapters.runtime.onnx.run.sites import GraphSite

# What the inputs and the output of a graph are called, besides the inputs at its sites.
IDS, MASK, OUTPUT = "input_ids", "attention_mask", "sentence_embedding"
KEY = "intent_adapters"
FORMAT = 1
MAX_BYTES = 2**31 - 1  # what protobuf can hold
# Every tensor that lies outside its file says where under this name.
EXTERNAL = b"location"


def graph_file(precision: str) -> str:
    """Where the graph of a precision is in a base's folder."""
    return f"{ONNX_FOLDER}/encoder_{precision}.onnx"


@dataclass(frozen=True)
class Description:
    """What one needs to know to run a graph.

    Attributes:
        fingerprint: Of the float32 base that it was made from: adapters name the base they need by it.
        precision: How its weights are held.
        non_linearity: Of the bottlenecks.
        sites: Where there are bottlenecks.
        dimension: Of the sentence embeddings.
        max_tokens: At how many tokens texts are cut off.
        probes: What the tokenizer makes of `PROBE_TEXTS`.
        token_layer: Behind which layer the token states are that the graph gives; 0 for one that gives none, as
            version 0.3 exported them.
        token_states: The name of that output.
    """

    fingerprint: str
    precision: Precision
    non_linearity: str
    sites: tuple[GraphSite, ...]
    dimension: int
    max_tokens: int
    probes: list[list[int]]
    token_layer: int = 0
    token_states: str = ""

    def metadata(self) -> dict[str, str]:
        """As the graph's metadata."""
        return {KEY: json.dumps({"format": FORMAT, **asdict(self)})}

    @classmethod
    def read(cls, metadata: Mapping[str, str], where: str) -> Description:
        """From a graph's metadata.

        Raises:
            BaseError: It is no graph of ours, or of a format that this version does not know.
        """
        problem = f"{where} is no graph that `intent-adapters export` made"
        if KEY not in metadata:
            raise BaseError(f"{problem}: export the base.")
        try:
            values: dict[str, Any] = json.loads(metadata[KEY])
            if (found := values.pop("format", None)) != FORMAT:
                raise BaseError(
                    f"{where} has format {found!r}, this version reads format {FORMAT}: export the base again with "
                    "this version of intent-adapters."
                )
            sites = tuple(GraphSite(str(s["path"]), str(s["kind"]), int(s["width"])) for s in values.pop("sites"))
            description = cls(sites=sites, **values)
            whole = (description.dimension, description.max_tokens)
            if description.precision not in get_args(Precision) or not all(type(n) is int and n > 0 for n in whole):
                raise ValueError(f"precision, dimension or max_tokens of {values}")
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise BaseError(f"{problem}: its description cannot be read ({error}). Export the base again.") from error
        return description


def check_graph(path: Path) -> None:
    """See that a graph is whole in its file: one that asks for further files is refused, wherever they are.

    Raises:
        BaseError: It is too large, or asks for other files.
    """
    size = path.stat().st_size
    if not 0 < size <= MAX_BYTES:
        raise BaseError(f"{str(path)!r} has {size} bytes; an exported graph has 1 to {MAX_BYTES}.")
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        further = content.find(EXTERNAL) != -1
    if further:
        raise BaseError(
            f"{str(path)!r} asks for tensors in other files. Graphs that we export hold all that they need."
        )
