"""The names among which settings choose that several rooms know: in signatures, checks and options of the commands."""

from __future__ import annotations

from typing import Literal

Backend = Literal["torch", "onnx"]
"""What runs the encoder."""

Precision = Literal["float32", "int8"]
"""In which an exported base computes."""

StoredDtype = Literal["auto", "float16", "float32"]
"""How the weights of a base are stored."""

Sites = Literal["houlsby", "pfeiffer", "parallel", "none"]
"""Where an adapter has its bottlenecks; see `BottleneckConfig`."""

NonLinearity = Literal["relu", "gelu", "gelu_tanh", "silu", "tanh", "sigmoid", "leaky_relu"]
"""What is between the two projections of a bottleneck."""

Method = Literal["adapter", "full", "probe"]
"""What of an agent is trained."""

Effort = Literal["fast", "default", "best"]
"""How long an agent is trained."""

ExecutorName = Literal["local", "process", "ray"]
"""Where many agents are trained: in this process, in others of this machine, or on Ray."""

SystemName = Literal["probe", "adapter-ce", "adapter", "full"]
"""What `compare` sets side by side."""

Placement = Literal["spread", "pack"]
"""Where a cluster puts the replicas of a server: on all nodes evenly, or on few of them."""

DataFormat = Literal["jsonl", "csv", "rasa", "clu"]
"""In which `convert` writes utterances with their entities."""

FindingKind = Literal[
    "wrong label",
    "two intents",
    "unknown to the base",
    "look-alike labels",
    "cut text",
    "near-duplicate",
    "few utterances",
    "broad intent",
    "catch-all",
    "unmarked entity",
    "part of a word",
    "overlapping entities",
    "rare entity",
]
"""What `check` finds in training data; the first four most likely make an agent worse."""
