"""`intent-adapters benchmark`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Annotated, Any

import typer

from intent_adapters.choices import Precision
from intent_adapters.cli import options
from intent_adapters.cli.console import examples, print_facts, working
from intent_adapters.cli.loading import name_and_source

if TYPE_CHECKING:
    from intent_adapters.model import IntentModel


EXAMPLES = examples(
    "intent-adapters benchmark --base BASE --adapter agents/clinic --adapter agents/it",
    "intent-adapters benchmark --base base-int8 --backend onnx --adapter-dir agents --texts log.txt --json",
)

BATCH = 64
SECONDS, ROUNDS = 3.0, 10
"""A measurement ends after so many seconds, if it has had so many rounds."""
TEXTS = (
    "can I move my appointment to Thursday?",
    "예약을 다음 주로 바꾸고 싶어요",
    "my parcel has not come",
    "택배가 아직 안 왔어요",
    "how do I reset my password?",
    "비밀번호를 잊어버렸어요",
    "I was charged twice for the same order, please check",
    "결제가 두 번 됐는데 확인해 주세요",
)


def command(
    base: options.RequiredBase,
    adapter: options.OptionalAdapters = None,
    adapter_dir: Annotated[
        Path | None, typer.Option("--adapter-dir", help="A folder of adapter folders: all of them.", exists=True)
    ] = None,
    backend: options.Backend = None,
    precision: Annotated[
        Precision | None,
        typer.Option("--precision", help="Which graph of a base in ONNX.", show_default="int8 if there"),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads", min=1, help="Threads of one pass.", show_default="OMP_NUM_THREADS, or all processors"
        ),
    ] = None,
    device: options.Device = None,
    texts: Annotated[
        Path | None,
        typer.Option("--texts", help="Utterances to ask: one a line, or a data file.", show_default="eight of ours"),
    ] = None,
    json: options.Json = False,
) -> None:
    """Measure how fast your base and your agents answer on this machine, and what they take.

    The bare encoder, with which a batch is compared, embeds the same texts without any agent, tokenizer included.
    """
    sources = [name_and_source(one) for one in adapter or ()]
    if adapter_dir is not None:
        sources += [(None, str(config.parent)) for config in sorted(adapter_dir.glob("*/adapter_config.json"))]
    if not sources:
        raise typer.BadParameter("give --adapter, or --adapter-dir with adapters in it", param_hint="--adapter")
    from intent_adapters.data import read_texts
    from intent_adapters.runtime.onnx.run.base import default_threads

    rows = list(TEXTS) if texts is None else read_texts(texts)
    from intent_adapters.loading import backend_for
    from intent_adapters.model import IntentModel

    backend = backend_for(base, backend)
    of_onnx: dict[str, Any] = {}
    if backend == "onnx":
        threads = threads or default_threads()
        of_onnx = {"precision": precision, "threads": threads}
    else:
        import torch

        torch.set_num_threads(threads or torch.get_num_threads())
        threads = torch.get_num_threads()
    with working("measuring"):
        started = time.perf_counter()
        model = IntentModel.from_pretrained(base, device=device, backend=backend, **of_onnx)
        seconds = time.perf_counter() - started
        facts = {
            "base": base,
            "backend": backend,
            "threads": threads,
            "agents": len(sources),
            "base_loading_seconds": seconds,
            "agent_loading_milliseconds": _loading(model, sources),
            **_one_by_one(model, rows),
            **_batch(model, list(islice(cycle(rows), BATCH))),
            "adapter_bytes": model.stats.bytes,
            "process_bytes": _process_bytes(),
        }
    print_facts(facts, f"{base}, this machine", json=json)


def _loading(model: IntentModel, sources: list[tuple[str | None, str]]) -> float:
    """Milliseconds to load an agent, each having been loaded before: a download is not what is measured."""
    again = cycle([(model.load_adapter(source, name=name), source) for name, source in sources])

    def load() -> None:
        name, source = next(again)
        model.load_adapter(source, name=name, replace=True)

    [seconds] = _in_turn(load)
    return 1000 * median(seconds)


def _one_by_one(model: IntentModel, rows: list[str]) -> dict[str, float]:
    texts, agents = cycle(rows), cycle(model.agents)
    [seconds] = _in_turn(lambda: model.predict(next(texts), next(agents)))
    p95 = quantiles(seconds, n=20, method="inclusive")[-1]
    return {"one_utterance_p50_milliseconds": 1000 * median(seconds), "one_utterance_p95_milliseconds": 1000 * p95}


def _batch(model: IntentModel, rows: list[str]) -> dict[str, float]:
    agents = list(islice(cycle(model.agents), len(rows)))
    ours, bare = _in_turn(lambda: model.predict(rows, agents), lambda: model.encode(rows))
    return {
        f"batch_of_{BATCH}_milliseconds": 1000 * median(ours),
        f"bare_encoder_batch_of_{BATCH}_milliseconds": 1000 * median(bare),
        "times_the_bare_encoder": median(one / other for one, other in zip(ours, bare, strict=True)),
    }


def _in_turn(*calls: Callable[[], object]) -> list[list[float]]:
    """Seconds of calls that take turns, so that what disturbs one disturbs all; the first round warms up."""
    rounds: list[list[float]] = []
    began = time.perf_counter()
    while len(rounds) <= ROUNDS or time.perf_counter() - began < SECONDS:
        rounds.append([])
        for call in calls:
            started = time.perf_counter()
            call()
            rounds[-1].append(time.perf_counter() - started)
    return [list(seconds) for seconds in zip(*rounds[1:], strict=True)]


def _process_bytes() -> int | None:
    """What this process takes of the memory; None where the system has no /proc."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.exists() else None
