"""Options and arguments that several commands have, so that they are spelt alike everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from intent_adapters.choices import Backend as BackendName
from intent_adapters.choices import Effort, ExecutorName
from intent_adapters.cli.loading import check_folders

Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="csv, tsv, jsonl, json, xlsx, parquet or Rasa nlu.yml; a folder of them; an export of CLU, LUIS, "
        "Dialogflow ES, wit.ai, Lex V2 or Botpress; or the name of a data set on the Hub.",
    ),
]
Base = Annotated[
    str | None,
    typer.Option(
        "--base",
        "-b",
        help="Encoder: Hub id or folder.",
        callback=check_folders,
        show_default="the one that the adapter names",
    ),
]
RequiredBase = Annotated[str, typer.Option("--base", "-b", help="Encoder: Hub id or folder.", callback=check_folders)]
_ADAPTERS = typer.Option(
    "--adapter",
    "-a",
    metavar="[NAME=]ADAPTER",
    help="Hub id or folder of an adapter; may be given several times. The agent is called NAME, else like the last "
    "part of the id or folder.",
    callback=check_folders,
)
Adapters = Annotated[list[str], _ADAPTERS]
OptionalAdapters = Annotated[list[str] | None, _ADAPTERS]
Agent = Annotated[str | None, typer.Option("--agent", help="The agent to ask.", show_default="the only one")]
Split = Annotated[
    str | None, typer.Option("--split", help="Part of the data: train, test, ...", show_default="the only one")
]
TestSplit = Annotated[
    str | None, typer.Option("--test-split", help="As --split, for the test data.", show_default="the only one")
]
TextColumn = Annotated[
    str | None, typer.Option("--text-column", help="Column of the utterances.", show_default="found by its name")
]
LabelColumn = Annotated[
    str | None, typer.Option("--label-column", help="Column of the intents.", show_default="found by its name")
]
Encoding = Annotated[
    str | None, typer.Option("--encoding", help="Encoding of text files, such as cp949.", show_default="utf-8")
]
Device = Annotated[
    str | None, typer.Option("--device", help="cpu, cuda, cuda:1, mps.", show_default="the best there is")
]
Backend = Annotated[
    BackendName | None,
    typer.Option(
        "--backend",
        help="onnx runs a base that intent-adapters export made, on the CPU.",
        show_default="onnx for the folder of such a base and where PyTorch is not installed, else torch",
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        "--threshold",
        min=0.0,
        max=1.0,
        help="Scope score below which an utterance counts as out of scope: about the share of its own utterances that "
        "a calibrated agent then rejects.",
        show_default="the agent's",
    ),
]
TopK = Annotated[int, typer.Option("--top-k", "-k", min=1, help="How many intents to show for each text.")]
BatchSize = Annotated[int, typer.Option("--batch-size", min=1, help="Texts in one pass of the encoder.")]
OutOfScope = Annotated[
    str | None,
    typer.Option(
        "--out-of-scope",
        metavar="FILE",
        help="Utterances that the agent should reject: a file as DATA, labels or not, or .txt with one a line.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Write JSON instead of tables.")]

# Of the commands that go to the Hub, and of those that write cards.
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        help="Hub token. Better kept out of command lines: `hf auth login`, or HF_TOKEN.",
        show_default="the stored one",
    ),
]
Facts = Annotated[
    Path | None,
    typer.Option(
        "--facts",
        help="JSON with any of: language, license, description, data, datasets, texts, examples, measurements, "
        "latency, limits.",
    ),
]
Language = Annotated[list[str] | None, typer.Option("--language", help="Code of the texts' language, such as ko.")]
License = Annotated[str | None, typer.Option("--license", help="Licence as the Hub spells it, such as apache-2.0.")]
TrainingData = Annotated[
    str | None,
    typer.Option(
        "--data",
        help="The utterances that it was trained on: they are counted, and the first of each intent is shown.",
    ),
]
Scores = Annotated[
    list[Path] | None,
    typer.Option("--scores", help="What `evaluate --json` wrote; given several times, one for each seed."),
]
ScoresName = Annotated[
    str, typer.Option("--scores-name", help="What the scores were measured on, in words.", metavar="TEXT")
]

# Of stages 1 and 2.
Pairs = Annotated[
    list[str],
    typer.Argument(
        metavar="PAIRS...",
        help="Files (csv, tsv, jsonl, json, parquet) or Hub data sets with columns anchor and positive; FILE=0.25 "
        "takes a quarter of the pairs.",
    ),
]
ModelOutput = Annotated[Path, typer.Option("--output", "-o", help="Folder for the trained model.")]
Kinds = Annotated[
    list[str] | None,
    typer.Option("--kind", help="Take only pairs of this kind; may be given several times.", show_default="all"),
]
LeaveOut = Annotated[
    list[str] | None,
    typer.Option("--leave-out", help="Leave out this source; may be given several times.", show_default="none"),
]
Steps = Annotated[int, typer.Option("--steps", min=2, help="Steps of the optimizer.")]
PairBatch = Annotated[int, typer.Option("--batch-size", min=2, help="Pairs in a step, on each device.")]
Sts = Annotated[
    Path | None,
    typer.Option("--sts", help="A file of scored sentence pairs to evaluate on during training.", show_default="none"),
]
Every = Annotated[int, typer.Option("--every", min=1, help="Steps between checkpoints, and between evaluations.")]
Report = Annotated[Literal["none", "tensorboard", "trackio"], typer.Option("--report-to", help="Where logs go.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint of a run that was cut off.")]
PairSeed = Annotated[int, typer.Option("--seed", min=0, help="Seed of batches and dropout.")]

# Of the commands that train many agents.
_AGENTS_DATA = (
    "A folder with a file, or a folder of files, for each agent; or a file, or the name of a data set on the Hub, in "
    "which a column says whose a row is."
)
AgentsData = Annotated[str, typer.Argument(metavar="DATA", help=_AGENTS_DATA)]
AgentsDataOption = Annotated[str, typer.Option("--data", "-d", metavar="DATA", help=_AGENTS_DATA)]
AgentColumn = Annotated[
    str | None,
    typer.Option("--agent-column", help="Column of the agents' names.", show_default="found by its name"),
]
TrainSplit = Annotated[
    str | None,
    typer.Option("--split", help="Part of each agent's data to train on.", show_default="train, where there is one"),
]
HeldOutSplit = Annotated[
    str | None,
    typer.Option("--test-split", help="Part that is not trained on.", show_default="test, where there is one"),
]
Executor = Annotated[
    ExecutorName,
    typer.Option(
        "--executor",
        help="local: one after the other, in this process; process: in several of this machine; ray: as tasks of Ray, "
        r"with intent-adapters\[ray].",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="How many agents at the same time.", show_default="one per processor"),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        "--address",
        help="Ray's cluster: auto (that of this machine), local (one of its own), HOST:PORT.",
        show_default="RAY_ADDRESS, else auto, else local",
    ),
]
RuntimeEnv = Annotated[
    Path | None,
    typer.Option("--runtime-env", metavar="FILE", help="What Ray's workers need, as Ray has it: JSON or YAML."),
]
EachMethod = Annotated[Literal["adapter", "probe"], typer.Option("--method", help="As for train.")]
EachEffort = Annotated[Effort, typer.Option("--effort", help="How long to train each agent, as for train.")]
EachSeed = Annotated[int, typer.Option("--seed", min=0, help="Of each training.")]

Entities = Annotated[
    bool,
    typer.Option(
        "--entities",
        help="Have agents find the entities that their data defines (lookup tables, synonyms, patterns, kinds such as "
        "dates) and learn those that are marked in their utterances. What a former version defined stays.",
    ),
]
