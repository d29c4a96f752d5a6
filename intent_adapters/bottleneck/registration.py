"""How PEFT comes to know a method that it does not ship.

PEFT's `PeftType` is a closed enum and `register_peft_method` refuses any name that is not in it. PEFT, transformers
and sentence-transformers need three things of a method's type, though: that it is a string (the key of the mappings,
and what is written to adapter_config.json), that it has a `value`, and that it has a `name`. A subclass of `str` has
them all, and its hash equals that of the plain string that is read back from JSON.
"""

from __future__ import annotations

import contextlib
from typing import Any

from peft import mapping
from peft.utils import register_peft_method

from intent_adapters.adapter_config.peft_type import INTENT_BOTTLENECK

PREFIX = "intent_bottleneck_"
"""Prefix of the attributes that hold adapter weights; transformers derives it from the type, so the two must agree."""


def register(config_class: type[Any], model_class: type[Any]) -> None:
    """Make PEFT know the method; calling it again changes nothing.

    Args:
        config_class: The `PeftConfig` subclass.
        model_class: The `BaseTuner` subclass.
    """
    # Refused by every PEFT so far (ValueError), or already done (KeyError): then the mappings are filled by hand.
    with contextlib.suppress(ValueError, KeyError):
        register_peft_method(
            name=INTENT_BOTTLENECK.lower(), config_cls=config_class, model_cls=model_class, prefix=PREFIX
        )
    tables: list[tuple[dict[Any, Any], Any]] = [
        (mapping.PEFT_TYPE_TO_CONFIG_MAPPING, config_class),
        (mapping.PEFT_TYPE_TO_TUNER_MAPPING, model_class),
        (mapping.PEFT_TYPE_TO_PREFIX_MAPPING, PREFIX),
    ]
    for table, entry in tables:
        table[INTENT_BOTTLENECK] = entry
