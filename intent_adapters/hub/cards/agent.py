"""The card of an agent."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard

from intent_adapters.adapter_config import AdapterConfig
from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.artifacts.contents import CONFIG_NAME, SAFETENSORS_WEIGHTS_NAME
from intent_adapters.errors import ConfigError
from intent_adapters.hub.cards import markdown
from intent_adapters.hub.cards.facts import CardFacts
from intent_adapters.hub.cards.merging import OWN_KEY, finished_card
from intent_adapters.hub.naming import folder_name, is_hub_id, is_repo_id

TAGS = ("intent-adapters", "intent-classification", "peft", "sentence-transformers", "few-shot")
WITHOUT_THRESHOLD = "It has no out-of-scope threshold: every utterance is given one of them, however far off it is."
WITH_THRESHOLD = "Utterances that score below its threshold are marked as out of scope; some slip through."
ACCURACIES = {"cross-validation": "accuracy in cross-validation", "validation": "accuracy on validation rows"}
OWNED = frozenset({"base_model", "base_model_relation", "library_name", "pipeline_tag", OWN_KEY})


def adapter_card(
    folder: str | Path,
    *,
    name: str | None = None,
    repo_id: str | None = None,
    facts: CardFacts | None = None,
    existing: str | None = None,
) -> ModelCard:
    """Describe an agent.

    Args:
        folder: The adapter's folder.
        name: The agent's name. None: the last part of `repo_id`, or else of `folder`.
        repo_id: Where it is or will be on the Hub; the usage block loads it from there.
        facts: What its makers say about it.
        existing: The text of the card that there is. What a person wrote into it is kept, and so is what an earlier
            call knew about the same weights and this one does not.

    Returns:
        The card.

    Raises:
        AdapterError: The folder holds no adapter.
        ConfigError: The existing card is broken, or an example is of an intent that the agent does not have.
    """
    folder, facts = Path(folder), facts or CardFacts()
    adapter = Adapter.read(folder)
    config = adapter.config
    unknown = sorted(facts.examples.keys() - set(adapter.labels))
    if unknown:
        raise ConfigError(f"The examples of the card name {unknown[0]!r}, which is no intent of the agent.")
    name = name or (repo_id or folder_name(folder)).rpartition("/")[2]
    source = repo_id or _former_repository(existing or "") or name
    base = config.base_model_name_or_path
    example = next((facts.examples[label] for label in adapter.labels if label in facts.examples), None)
    text = example or _former_argument(existing or "", r"model\.predict\(") or adapter.labels[0].replace("_", " ")
    arguments = (
        f"adapter={markdown.quoted(source)}"
        if config.revision
        else f"{markdown.quoted(base or 'BASE')}, adapter={markdown.quoted(source)}"
    )
    values: dict[str, Any] = {
        "name": markdown.plain(name),
        "intents": len(adapter.labels),
        "size": markdown.size(sum((folder / file).stat().st_size for file in (CONFIG_NAME, SAFETENSORS_WEIGHTS_NAME))),
        "base": _link(base),
        "usage": markdown.fenced(
            f"from intent_adapters import IntentModel\n\nmodel = IntentModel.from_pretrained({arguments})\n"
            f"prediction = model.predict({markdown.quoted(text)})\n"
            "print(prediction.label, prediction.score, prediction.in_scope)"
        ),
        "plain_usage": markdown.fenced(
            "import intent_adapters  # makes PEFT know this kind of adapter\n"
            "from peft import PeftModel\n"
            "from sentence_transformers import SentenceTransformer\n\n"
            f"encoder = SentenceTransformer({markdown.quoted(base or 'BASE')}{_pin(config)})\n"
            f"PeftModel.from_pretrained(encoder.transformers_model, {markdown.quoted(source)})  # put on in place\n"
            f"print(encoder.encode([{markdown.quoted((config.prompt or '') + text)}]).shape)"
        ),
        "labels": _intents(adapter, facts),
        "texts": config.provenance.rows or facts.texts,
        "settings": markdown.listed(_settings(config) | {"entities": _entities(adapter)}),
        "parameters": f"{adapter.num_parameters:,}",
        "fingerprint": config.provenance.base_fingerprint,
        "scope": WITHOUT_THRESHOLD if config.calibration.threshold is None else WITH_THRESHOLD,
    }
    known = {"intents": facts.examples, "data": facts.data or facts.texts}
    return finished_card(
        existing,
        _metadata(name, adapter, facts),
        markdown.render("agent.md", facts, **values),
        title=markdown.plain(name),
        owned=OWNED | ({"license"} if facts.license else set()),
        modest={part for part, given in known.items() if not given},
    )


def _metadata(name: str, adapter: Adapter, facts: CardFacts) -> dict[str, Any]:
    config = adapter.config
    # A base that is in a folder has no id yet: its name stands for it until the push.
    base = config.base_model_name_or_path and Path(config.base_model_name_or_path).name
    if config.base_model_name_or_path and is_repo_id(config.base_model_name_or_path):
        base = config.base_model_name_or_path
    has_base = bool(base) and is_hub_id(str(base))
    learned = config.calibration
    calibration = [learned.temperature, learned.threshold, learned.scope_location, learned.scope_spread]
    version = hashlib.sha256(json.dumps([adapter.digest, calibration]).encode()).hexdigest()
    own: dict[str, Any] = {"version": version, "intents": len(adapter.labels)}
    if config.provenance.base_fingerprint:
        own["base_fingerprint"] = config.provenance.base_fingerprint
    metrics = [entry.to_eval_result().metric_type for entry in facts.measurements]
    metadata = facts.metadata(
        name,
        TAGS,
        library_name="peft",
        pipeline_tag="text-classification",
        base_model=base if has_base else None,
        base_model_relation="adapter" if has_base else None,
        metrics=list(dict.fromkeys(metrics)) or None,
    )
    return {**metadata, OWN_KEY: own}


def _intents(adapter: Adapter, facts: CardFacts) -> str:
    """The table of the intents, with those columns that hold something."""
    described = {label: " / ".join(texts) for label, texts in (adapter.config.descriptions or {}).items()}
    columns = {name: values for name, values in {"about": described, "example": facts.examples}.items() if values}
    rows = [
        (markdown.code(label), *(markdown.plain(values.get(label, "")) for values in columns.values()))
        for label in adapter.labels
    ]
    return markdown.table(["intent", *columns], rows)


def _entities(adapter: Adapter) -> str | None:
    return "; ".join(f"{markdown.plain(name)} ({facts})" for name, facts in adapter.entity_facts.items()) or None


def _settings(config: AdapterConfig) -> dict[str, object]:
    """The hyper-parameters that say something about this adapter."""
    has_sites = config.sites != "none"
    calibration, provenance, training = config.calibration, config.provenance, config.provenance.training
    circle = ", ".join(f"{name} {_shown(training.get(f'circle_{name}'))}" for name in ("weight", "gamma", "margin"))
    accuracy = None if provenance.accuracy is None else f"{100 * provenance.accuracy:.1f} %"
    return {
        "trained": provenance.date,
        "digest of the utterances": markdown.code(provenance.data_digest) if provenance.data_digest else None,
        "seed": _shown(training.get("seed")),
        ACCURACIES.get(str(provenance.accuracy_source), ""): accuracy,
        "versions": ", ".join(f"{markdown.plain(name)} {_shown(said)}" for name, said in provenance.versions.items())
        or None,
        "sites": config.sites if has_sites else "none: the head alone is trained",
        "bottleneck size": config.bottleneck_size if has_sites else None,
        "reduction factor": config.reduction_factor if has_sites else None,
        "non-linearity": config.non_linearity if has_sites else None,
        "scaling": config.scaling if has_sites and config.scaling != 1 else None,
        "dropout": config.dropout if has_sites and config.dropout else None,
        "head": config.head,
        "initial head scale": f"{config.initial_head_scale:.4g}" if config.head == "cosine" else None,
        "label smoothing": _shown(training.get("label_smoothing")),
        "Circle loss": circle if training.get("circle_weight") else None,
        "prompt": markdown.code(config.prompt) if config.prompt else None,
        "temperature": f"{calibration.temperature:.4g}" if calibration.temperature != 1 else None,
        "threshold": None if calibration.threshold is None else f"{calibration.threshold:.4g}",
    }


def _shown(value: object) -> str | None:
    return f"{value:g}" if isinstance(value, int | float) else None if value is None else markdown.plain(str(value))


def _former_repository(existing: str) -> str | None:
    """Where an earlier card's usage loads the agent from, if that is a repository."""
    source = _former_argument(existing, r"adapter=")
    return source if source and "/" in source else None


def _former_argument(existing: str, before: str) -> str | None:
    """The string that stands in an earlier card's usage after a pattern."""
    found = re.search(before + r'("(?:[^"\\\n]|\\.)*")\)', existing)
    try:
        return str(json.loads(found[1])) if found else None
    except ValueError:
        return None


def _pin(config: AdapterConfig) -> str:
    return f", revision={markdown.quoted(config.revision)}" if config.revision else ""


def _link(base: str | None) -> str | None:
    if base is None:
        return None
    return f"[{markdown.plain(base)}](https://huggingface.co/{base})" if is_repo_id(base) else markdown.code(base)
