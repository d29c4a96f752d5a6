"""docs/results/serving.md, written from the results of one or more runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from examples.benchmark.results import Results
from examples.benchmark.stages import LONG_SECONDS, SLOW_ROUNDS, SLOW_SECONDS
from examples.benchmark.systems import SYSTEMS
from examples.benchmark.tables import all_tables
from examples.benchmark.targets import targets

TITLE = "# Speed, memory and disk\n"

INTRODUCTION = """\
## What stands beside what

Our own systems and what one would take instead, side by side in one run on one machine. This page is written by the
program that took the figures, but for the first paragraph and the sections after the aims, which were written by
hand.

*The bare encoder*, with which all is compared, is the encoder alone: it gets tokens and gives an embedding. In PyTorch
it is transformers' model and the mean of its tokens. In ONNX Runtime it is the fastest export by standard means that
we found: PyTorch's exporter, ONNX Runtime's own quantiser for int8, the level of optimisation that is fastest here. It
is not the graph that we export.

The agents are adapters with random weights (and random heads, random regressions) of the sizes that training gives:
time, memory and bytes do not depend on what the weights are, and what these agents answer means nothing.
"""

COMMANDS = """\
## How it was measured

<!-- test: skip, needs environments of its own and minutes on an idle machine -->

```bash
python -m venv setfit-env && setfit-env/bin/pip install setfit==1.2.0 'transformers<5' 'sentence-transformers<6'
python -m venv adapterhub-env && adapterhub-env/bin/pip install adapters==1.3.0
pip install -e '.[cli,export,plots]'
{measure}
{render}
```

- **Text in, prediction out** for every system but the bare encoders: tokenizer, encoder, adapters, heads,
  probabilities, label. The bare encoders get tokens and give a sentence embedding. So a ratio to the bare encoder
  has the tokenizer and the head in its numerator only, ours and the peers' alike.
- **Exactly {tokens} tokens**: the 64 utterances, half of them Korean, are cut or continued until the tokenizer of
  the encoder in question makes {tokens} tokens of each, special tokens included.
- **A batch to k agents**: row i goes to agent i modulo k, so the rows of an agent are not neighbours. {agents}
  agents are in memory whatever k is.
- **Rounds**: all systems have their turn in each of {rounds} rounds, in random order (seed {seed}); a turn is as
  many timed calls as fit into {slice:g} s, at least one, after a call to warm up if a call takes less than
  {long:g} s. What takes longer than {slow:g} s has its turn in {slow_rounds} rounds only. A round counts as the
  median of its calls. Times are the median over the rounds with quartiles; a ratio is taken within each round, then
  the median with quartiles.
- **One agent of the batch or many**: "x bare encoder" is always to the one batch of the bare encoder, which knows no
  agents. PyTorch's systems are compared with the bare encoder in PyTorch, ONNX Runtime's with the bare encoder in
  ONNX Runtime of the same precision.
- **Threads** are set by OMP_NUM_THREADS and its like before a fresh process starts; ONNX Runtime gets the same
  number.
- **Peers with needs of their own** (SetFit, AdapterHub) run in their own environment and time themselves; their
  ratio is to the bare encoder in their own process, with their own versions.
- **Loading** is measured in a fresh process with {fewest}: the median of loads 1 to 9, 60 to 68 and 992 to 1,000.
  It ends after {budget:g} s, so systems that get slower with every agent have no figure for the 1,000th. The page
  cache is warm. *Memory an agent* is the growth of the process from the first to the last agent loaded, all
  weights read once; systems with a model per agent load 8 (the large one 4).
- **Disk**: bytes of folders as saved; N agents are the base's bytes and N times an agent's.
"""

KEPT_BEFORE = "<!-- What precedes is kept when python -m examples.benchmark writes this page anew. -->"
KEPT = "<!-- What follows is kept when python -m examples.benchmark writes this page anew. -->"


def write_page(page: Path, runs: Sequence[Results], pictures: Sequence[Sequence[Path]]) -> None:
    """Write the page, or write it anew between the lines `KEPT_BEFORE` and `KEPT`; see `render_page`."""
    former = page.read_text(encoding="utf-8") if page.exists() else ""
    first, begin, _ = former.partition(KEPT_BEFORE)
    _, end, last = former.partition(KEPT)
    before = f"{first}{begin}" if begin else f"{TITLE}\n{KEPT_BEFORE}"
    after = f"\n{end}{last}" if end else ""
    page.write_text(f"{before}\n\n{render_page(runs, pictures)}{after}", encoding="utf-8")


def render_page(runs: Sequence[Results], pictures: Sequence[Sequence[Path]]) -> str:
    """What is written of the page, Markdown.

    Args:
        runs: One or more runs; the first one's settings are described.
        pictures: The files of each run's pictures, in `picture_folder`.
    """
    parts = [INTRODUCTION, _commands(runs)]
    parts += [_run(results, files) for results, files in zip(runs, pictures, strict=True)]
    parts.append(_aims(runs))
    return "\n".join(parts)


def picture_folder(results: Results) -> str:
    """The folder of a run's pictures, beside the page."""
    return f"serving/{results.settings['base']}"


def _aims(runs: Sequence[Results]) -> str:
    lines = ["## Aims, missed and reached\n"]
    for results in runs:
        found = targets(results)
        lines.append(f"### Targets with {results.settings['base']}\n")
        for heading, reached in (("Missed", False), ("Reached", True), ("Not measured", None)):
            some = [target for target in found if target.reached is reached]
            if some:
                lines.append(f"{heading}, {len(some)} of {len(found)}:\n")
                lines += [
                    f"- {target.name}: wanted {target.wanted}"
                    + (f", measured **{target.measured}**" if target.measured else "")
                    for target in some
                ]
                lines.append("")
    return "\n".join(lines)


def _commands(runs: Sequence[Results]) -> str:
    files = [f"{results.settings['base']}.json" for results in runs]
    measure = "\n".join(_measure(results, file) for results, file in zip(runs, files, strict=True))
    settings = runs[0].settings
    fewest = min(settings["threads"])
    render = (
        f"python -m examples.benchmark {' '.join(f'--from {file}' for file in files)} --page docs/results/serving.md"
    )
    return COMMANDS.format(
        measure=measure,
        render=render,
        tokens=settings["tokens"],
        agents=settings["agents"],
        rounds=settings["rounds"],
        seed=settings["seed"],
        slice=settings["slice_seconds"],
        long=LONG_SECONDS,
        slow=SLOW_SECONDS,
        slow_rounds=SLOW_ROUNDS,
        budget=settings["budget_seconds"],
        fewest=f"{fewest} thread{'s' if fewest > 1 else ''}",
    )


def _measure(results: Results, file: str) -> str:
    settings = results.settings
    left_out = [name for name in SYSTEMS if name not in results.values["systems"]]
    options = [
        f"--base {settings['base']}",
        f"--large {settings['large']}" if settings["large"] else "",
        *(f"--peer {peer}={peer}-env/bin/python" for peer in settings["peers"]),
        f"--systems {','.join(results.values['systems'])}" if left_out else "",
        f"--threads {','.join(map(str, settings['threads']))}",
        f"--seed {settings['seed']}" if settings["seed"] else "",
        "--quick" if settings["quick"] else "",
        f"--rounds {settings['rounds']} --json {file}",
    ]
    return f"python -m examples.benchmark {' '.join(option for option in options if option)}"


def _run(results: Results, pictures: Sequence[Path]) -> str:
    settings, machine = results.settings, results.values["machine"]
    versions = ", ".join(f"{name} {found}" for name, found in machine["versions"].items())
    memory = f", {machine['memory_bytes'] / 2**30:.0f} GiB" if machine["memory_bytes"] else ""
    large = f", large model {settings['large']}" if settings["large"] else ""
    parts = [
        f"## {settings['base']}\n",
        f"Base {settings['base']}{large}; agents of {settings['labels']} intents ({settings['agents_are']}). "
        f"{machine['date']}; {machine['processor']}, {machine['cores']} cores{memory}, {machine['system']}; "
        f"{versions}.\n",
    ]
    folder = picture_folder(results)
    parts += [f"![{path.stem}]({folder}/{path.name})\n" for path in pictures]
    parts += [f"### {table.title}\n\n{table.markdown()}\n" for table in all_tables(results)]
    parts.append(_notes(results))
    return "\n".join(parts)


def _notes(results: Results) -> str:
    lines = []
    for system, facts in results.values["systems"].items():
        versions = ", ".join(f"{name} {found}" for name, found in facts["versions"].items())
        said = " ".join(part for part in (facts["note"], f"Versions: {versions}." if versions else "") if part)
        if said and system not in results.values["not_run"]:
            lines.append(f"- {facts['title']}: {said}")
    return "\n".join(["### Notes\n", *lines, ""]) if lines else ""
