"""The figures of Yoon & Kang, to stand beside ours: quoted, not measured."""

from __future__ import annotations

from collections.abc import Mapping

IT_ACCURACY: Mapping[str, float] = {
    "large-plm": 96.85,
    "large-plm-metric": 97.65,
    "large-se": 97.10,
    "large-se-metric": 97.86,
    "distilled-plm": 88.79,
    "distilled-plm-metric": 89.57,
    "distilled-se": 92.21,
    "distilled-se-metric": 94.46,
    "large-se-tuned": 96.79,
    "distilled-se-tuned": 94.02,
}
"""Accuracy in per cent in the IT domain (ParaKQC, 998 classes, 2 shots), tables 2 and 3; the others are private."""

CHECKPOINT_MEGABYTES: Mapping[str, Mapping[int, int]] = {
    "large, fine-tuned": {1: 423, 50: 21150, 100: 42300},
    "distilled, fine-tuned": {1: 90, 50: 4500, 100: 9000},
    "distilled, adapter": {1: 102, 50: 690, 100: 1290},
}
"""Megabytes of the checkpoints of 1, 50 and 100 agents, table 4."""

SIZE_RATIO = 0.21
"""Parameters and checkpoint of the distilled model over those of the large one, figure 2."""

FASTER = 0.68
"""How much faster the distilled model answers than the large one, figure 2: 1 - seconds over seconds."""
