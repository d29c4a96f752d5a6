"""The systems that are measured, by name, in the order of the tables."""

from __future__ import annotations

from examples.benchmark.protocol import System
from examples.benchmark.systems.bare import BareOnnx, BareOnnxInt8, BareTorch
from examples.benchmark.systems.finetuned import LargeFineTuned, SmallFineTuned
from examples.benchmark.systems.lora import LoraAllLinear, LoraQueryValue
from examples.benchmark.systems.ours import OursHalf, OursOnnx, OursOnnxInt8, OursTorch
from examples.benchmark.systems.probe import Probe
from examples.benchmark.systems.worker import AdapterHub, SetFit

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
