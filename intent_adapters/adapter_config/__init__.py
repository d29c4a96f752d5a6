"""What adapter_config.json says, and which tensors follow from it: plain data, without PyTorch and PEFT."""

from __future__ import annotations

from intent_adapters.adapter_config.calibration import Calibration
from intent_adapters.adapter_config.config import AdapterConfig
from intent_adapters.adapter_config.provenance import Provenance

__all__ = ["AdapterConfig", "Calibration", "Provenance"]
