"""The systems that are measured, by name, in the order of the tables."""

from __future__ import annotations

from examples.benchmark.measured_system import MeasuredSystem
from examples.benchmark.systems.bare_encoder import BareOnnx, BareOnnxInt8, BareTorch
from examples.benchmark.systems.fine_tuned import LargeFineTuned, SmallFineTuned
from examples.benchmark.systems.logistic_regression import FrozenEncoderRegression
from examples.benchmark.systems.other_environments import AdapterHub, SetFit
from examples.benchmark.systems.ours import OursHalf, OursOnnx, OursOnnxInt8, OursTorch
from examples.benchmark.systems.peft_lora import LoraAllLinear, LoraQueryValue

SYSTEMS: dict[str, type[MeasuredSystem]] = {
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
        FrozenEncoderRegression,
        LoraQueryValue,
        LoraAllLinear,
        AdapterHub,
    )
}
