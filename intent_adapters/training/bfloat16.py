"""Where bfloat16 is the faster type to multiply in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether the processor has instructions for it, without which bfloat16 costs more than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities: Callable[[], dict[str, Any]] = getattr(torch.cpu, "get_capabilities", dict)
    found = capabilities()
    return device.type == "cpu" and bool(found.get("avx512_bf16") or found.get("amx_bf16"))
