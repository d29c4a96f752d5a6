"""What this package runs on: the versions, threads and extras that a bug report should carry."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution, version
from typing import Any

from packaging.requirements import Requirement
from packaging.version import Version

from intent_adapters.extras import is_installed

PACKAGE = "intent-adapters"
LIBRARIES = (
    "torch",
    "transformers",
    "sentence-transformers",
    "peft",
    "accelerate",
    "datasets",
    "huggingface-hub",
    "tokenizers",
    "safetensors",
    "numpy",
    "scikit-learn",
    "onnxruntime",
)
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def describe_environment() -> dict[str, Any]:
    """Everything about this environment that decides how the package behaves, ready for JSON.

    Returns:
        `"python"`, `"system"`; `"versions"` by library, None where it is not installed; `"processor"` (cores; with
        PyTorch the instruction set that it uses, and GPUs); `"threads"` (of PyTorch, and the variables that set
        them); `"extras"`, whether all that an extra of ours needs is there; `"problems"`, one sentence for each pair
        of versions that do not go together.
    """
    extras, problems = _requirements()
    with_torch: dict[str, Any] = {}
    threads: dict[str, Any] = {}
    if is_installed("torch"):
        import torch

        with_torch = {
            "instructions": torch.backends.cpu.get_cpu_capability(),
            "gpus": [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())],
        }
        threads = {"torch": torch.get_num_threads()}
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "versions": {name: _version(name) for name in (PACKAGE, *LIBRARIES)},
        "processor": {"cores": os.cpu_count(), **with_torch},
        "threads": threads | {name: os.environ[name] for name in THREAD_VARIABLES if name in os.environ},
        "extras": extras,
        "problems": problems + _refused_adapters(),
    }


def versions(libraries: Iterable[str]) -> dict[str, str]:
    """The versions of Python and of those of the libraries that are installed, by name."""
    found = {name: _version(name) for name in libraries}
    return {"python": platform.python_version(), **{name: said for name, said in found.items() if said}}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _requirements() -> tuple[dict[str, bool], list[str]]:
    """Which extras are installed, and which libraries have a version that was not tested."""
    try:
        metadata = distribution(PACKAGE)
    except PackageNotFoundError:
        return {}, [f"{PACKAGE} itself is not installed, only found as a folder: what it needs is not known."]
    requirements = [Requirement(text) for text in metadata.requires or ()]
    found = {requirement.name: _version(requirement.name) for requirement in requirements}

    def complete(extra: str) -> bool:
        needed = [entry for entry in requirements if entry.marker and entry.marker.evaluate({"extra": extra})]
        return all(
            all(map(complete, entry.extras)) if entry.name == PACKAGE else found[entry.name] for entry in needed
        )

    untested = {
        f"{entry.name} {found[entry.name]} is installed, tested is {entry.specifier}."
        for entry in requirements
        if found[entry.name] and not entry.specifier.contains(str(found[entry.name]), prereleases=True)
    }
    extras = metadata.metadata.get_all("Provides-Extra") or ()
    return {extra: complete(extra) for extra in sorted(extras)}, sorted(untested)


def _refused_adapters() -> list[str]:
    peft = _version("peft")
    if peft is None or not is_installed("transformers"):
        return []
    import transformers.integrations.peft

    # Read, not imported: the name is transformers' own and may go. Without it there is nothing to compare.
    oldest = getattr(transformers.integrations.peft, "MIN_PEFT_VERSION", "0")
    if Version(peft) >= Version(oldest):
        return []
    return [
        f"transformers {version('transformers')} refuses its own add_adapter and load_adapter beside PEFT {peft}: it "
        f"asks for {oldest}. Nothing here needs them; PeftModel.from_pretrained does the same."
    ]
