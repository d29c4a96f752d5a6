"""The systems that are measured, by name, in the order of the tables."""

from __future__ import annotations

from intent_adapters.benchmark.protocol import System
from intent_adapters.benchmark.systems.bare import BareOnnx, BareOnnxInt8, BareTorch
from intent_adapters.benchmark.systems.finetuned import LargeFineTuned, SmallFineTuned
from intent_adapters.benchmark.systems.lora import LoraAllLinear, LoraQueryValue
from intent_adapters.benchmark.systems.ours import OursHalf, OursOnnx, OursOnnxInt8, OursTorch
from intent_adapters.benchmark.systems.probe import Probe
from intent_adapters.benchmark.systems.worker import AdapterHub, SetFit

SYSTEMS: dict[str, type[System]] = {
    system.name: system
    for system in (
        BareTorch,
        BareOnnx,
        BareOnnxInt8,
        OursTorch,
        OursOnnx,
        OursOnnxInt8,
        OursHalf,
        LargeFineTuned,
        SmallFineTuned,
        SetFit,
        Probe,
        LoraQueryValue,
        LoraAllLinear,
        AdapterHub,
    )
}
