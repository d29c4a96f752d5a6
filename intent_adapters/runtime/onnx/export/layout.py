"""Whether an encoder can be exported, and what its parts are called."""

from __future__ import annotations

from transformers import PreTrainedModel

from intent_adapters.architectures import ARCHITECTURES, Architecture, GraphNames, architecture_of, model_type_of
from intent_adapters.errors import BaseError


def layout_of(encoder: PreTrainedModel) -> tuple[Architecture, GraphNames]:
    """The names of an encoder's modules, and what its graph takes besides.

    Raises:
        BaseError: Its architecture cannot be exported.
    """
    architecture = architecture_of(encoder)
    if architecture is None or architecture.graph is None:
        exported = ", ".join(name for name, known in ARCHITECTURES.items() if known.graph)
        raise BaseError(
            f"Encoders of the architecture {model_type_of(encoder)!r} cannot be exported to ONNX; these can: "
            f'{exported}. Run this base with backend="torch".'
        )
    return architecture, architecture.graph
