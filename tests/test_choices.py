"""What is written down a second time, so that it can be known without importing what it belongs to."""

from __future__ import annotations

from typing import get_args

import peft.utils

from intent_adapters.artifacts import contents
from intent_adapters.bottleneck import NON_LINEARITIES
from intent_adapters.choices import Method, NonLinearity, SystemName
from intent_adapters.evaluation import SYSTEMS
from intent_adapters.training.agent.methods import FITTERS


def test_each_name_stands_for_something():
    assert get_args(NonLinearity) == tuple(NON_LINEARITIES)
    assert get_args(SystemName) == tuple(SYSTEMS)
    assert set(get_args(Method)) == set(FITTERS)


def test_the_files_of_an_adapter_are_called_as_peft_calls_them():
    assert contents.CONFIG_NAME == peft.utils.CONFIG_NAME
    assert contents.SAFETENSORS_WEIGHTS_NAME == peft.utils.SAFETENSORS_WEIGHTS_NAME
