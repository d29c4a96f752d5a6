"""The card of a base."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard

from intent_adapters.artifacts.base_weights import read_shapes
from intent_adapters.artifacts.contents import graphs_in
from intent_adapters.errors import BaseError
from intent_adapters.hub.cards import markdown
from intent_adapters.hub.cards.facts import CardFacts
from intent_adapters.hub.cards.merging import OWN_KEY, finished_card
from intent_adapters.hub.naming import folder_name

TAGS = ("sentence-transformers", "intent-adapters", "intent-classification", "feature-extraction")

TRAINING = """from intent_adapters import IntentModel, train_agent

model = IntentModel.from_pretrained({source})
train_agent(
    model,
    "clinic",
    [
        {{"text": "I can't make it tomorrow", "label": "cancel_appointment"}},
        {{"text": "please cancel my visit", "label": "cancel_appointment"}},
        {{"text": "how much is a check-up?", "label": "ask_cost"}},
        {{"text": "what do you charge for a blood test", "label": "ask_cost"}},
    ],
)
print(model.predict("something came up, sorry").label)"""


def base_card(
    folder: str | Path,
    fingerprint: str,
    *,
    name: str | None = None,
    repo_id: str | None = None,
    facts: CardFacts | None = None,
    existing: str | None = None,
) -> ModelCard:
    """Describe a base.

    Args:
        folder: The base's folder.
        fingerprint: Its fingerprint.
        name: What it is called. None: the last part of `repo_id`, or else of `folder`.
        repo_id: Where it is or will be on the Hub; the usage block loads it from there.
        facts: What its makers say about it.
        existing: The text of the card that there is. What a person wrote into it is kept, and so is what an earlier
            call knew about the same weights and this one does not.

    Returns:
        The card.

    Raises:
        BaseError: The folder holds no base with safetensors weights.
        ConfigError: The existing card is broken.
    """
    folder, facts = Path(folder), facts or CardFacts()
    name = name or (repo_id or folder_name(folder)).rpartition("/")[2]
    source = repo_id or name
    values: dict[str, Any] = {
        "shape": markdown.listed({**_shape(folder), "fingerprint": f"`{fingerprint}`"}),
        "usage": markdown.fenced(TRAINING.format(source=markdown.quoted(source))),
        "plain_usage": markdown.fenced(
            "from sentence_transformers import SentenceTransformer\n\n"
            f"encoder = SentenceTransformer({markdown.quoted(source)})\n"
            'print(encoder.encode(["please cancel my visit"]).shape)'
        ),
    }
    metadata = facts.metadata(name, TAGS, library_name="sentence-transformers", pipeline_tag="sentence-similarity")
    return finished_card(
        existing,
        {**metadata, OWN_KEY: {"fingerprint": fingerprint}},
        markdown.render("base.md", facts, **values),
        title=markdown.plain(name),
        owned={"library_name", OWN_KEY} | ({"license"} if facts.license else set()),
    )


def _shape(folder: Path) -> dict[str, object]:
    """What the files of a base say about it."""
    config = _read_json(folder / "config.json")
    settings_file = folder / "sentence_bert_config.json"
    settings = _read_json(settings_file) if settings_file.is_file() else {}
    shapes = read_shapes(folder, str(folder))
    graphs = [
        f"{path.stem.removeprefix('encoder_')}, {markdown.size(path.stat().st_size)}" for path in graphs_in(folder)
    ]
    if not shapes:
        raise BaseError(f"{str(folder)!r} has no safetensors weights: that is no base whose card could be written.")
    return {
        "architecture": markdown.code(str(config.get("model_type"))),
        "layers": config.get("num_hidden_layers", config.get("n_layers")),
        "hidden size": config.get("hidden_size", config.get("dim")),
        "vocabulary": f"{config['vocab_size']:,}" if "vocab_size" in config else None,
        "longest text": f"{settings['max_seq_length']} tokens" if settings.get("max_seq_length") else None,
        "parameters": f"{sum(math.prod(shape) * count for shape, count in shapes.items()):,}",
        "weights on disk": markdown.size(sum(path.stat().st_size for path in folder.rglob("*.safetensors"))),
        'for ONNX Runtime (`backend="onnx"`)': "; ".join(graphs) or None,
    }


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BaseError(f"{str(path)!r} cannot be read: {error}. Give the folder of a base.") from error
    return values if isinstance(values, dict) else {}
