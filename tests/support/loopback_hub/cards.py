"""Model cards as the Hub reads them: the metadata, the tags that follow from it, and what it finds wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from tests.support.loopback_hub.storage import Commit

FRONT_MATTER = re.compile(r"\A\s*---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(\r?\n|\Z)", re.DOTALL)
ARXIV = re.compile(r"arxiv\.org/(?:abs|pdf)/(\d{4}\.\d{4,5})")
REPO_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]+)*|multilingual|code")
LICENCES = frozenset(
    {
        "agpl-3.0",
        "apache-2.0",
        "bigscience-openrail-m",
        "bsd",
        "bsd-2-clause",
        "bsd-3-clause",
        "cc",
        "cc-by-2.0",
        "cc-by-3.0",
        "cc-by-4.0",
        "cc-by-nc-4.0",
        "cc-by-nc-sa-4.0",
        "cc-by-sa-3.0",
        "cc-by-sa-4.0",
        "cc0-1.0",
        "cdla-permissive-2.0",
        "gpl",
        "gpl-2.0",
        "gpl-3.0",
        "lgpl-3.0",
        "mit",
        "mpl-2.0",
        "odbl",
        "openrail",
        "other",
        "unknown",
        "unlicense",
    }
)
RELATIONS = ("adapter", "finetune", "merge", "quantized")
PIPELINES = frozenset(
    {
        "feature-extraction",
        "fill-mask",
        "question-answering",
        "sentence-similarity",
        "summarization",
        "text-classification",
        "text-generation",
        "text-ranking",
        "token-classification",
        "translation",
        "zero-shot-classification",
    }
)


def read_metadata(readme: str) -> dict[str, Any]:
    """The front matter of a README; empty if there is none or it cannot be read."""
    match = FRONT_MATTER.match(readme)
    try:
        data = yaml.safe_load(match.group(1)) if match else None
    except yaml.YAMLError:
        return {}
    return data if isinstance(data, dict) else {}


def card_of(commit: Commit) -> tuple[dict[str, Any], str]:
    """The metadata and the text of a revision's README."""
    file = commit.files.get("README.md")
    readme = file.content.decode(errors="replace") if file else ""
    return read_metadata(readme), readme


def tags_of(commit: Commit) -> list[str]:
    """What a repository is found by: the card's own tags and those that the Hub makes of the other fields."""
    data, readme = card_of(commit)
    tags = [str(data[key]) for key in ("library_name", "pipeline_tag") if data.get(key)]
    if any(path.endswith(".safetensors") for path in commit.files):
        tags.append("safetensors")
    tags += _strings(data.get("tags"))
    tags += _strings(data.get("language"))
    tags += [f"dataset:{name}" for name in _strings(data.get("datasets"))]
    tags += [f"arxiv:{number}" for number in ARXIV.findall(readme)]
    for base in _strings(data.get("base_model")):
        tags += [f"base_model:{base}", f"base_model:{_relation(data)}:{base}"]
    if data.get("license"):
        tags.append(f"license:{data['license']}")
    return list(dict.fromkeys([*tags, "region:us"]))


def problems(readme: str) -> tuple[list[str], list[str]]:
    """Errors and warnings of a README's metadata; a push is refused for an error."""
    match = FRONT_MATTER.match(readme)
    if match is None:
        return [], ["empty or missing yaml metadata in repo card"]
    try:
        data = yaml.safe_load(match.group(1))
    except yaml.YAMLError as error:
        return [f"YAML parse error: {error}"], []
    if data is None:
        return [], ["empty or missing yaml metadata in repo card"]
    if not isinstance(data, dict):
        return ["the metadata must be a mapping"], []
    return list(_errors(data)), []


def _relation(data: Mapping[str, Any]) -> str:
    given = data.get("base_model_relation")
    if given in RELATIONS:
        return str(given)
    return "adapter" if data.get("library_name") == "peft" else "finetune"


def _strings(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [item for item in values if isinstance(item, str)]


def _errors(data: Mapping[str, Any]) -> Iterator[str]:
    for key in ("license", "library_name", "pipeline_tag", "base_model_relation", "license_name", "license_link"):
        if key in data and not isinstance(data[key], str):
            yield f'"{key}" must be a string'
    for key, known in (("license", LICENCES), ("base_model_relation", RELATIONS), ("pipeline_tag", PIPELINES)):
        if isinstance(data.get(key), str) and data[key] not in known:
            yield f'"{key}" must be one of {sorted(known)}'
    for key, form in (("language", LANGUAGE), ("base_model", REPO_ID), ("datasets", REPO_ID), ("tags", None)):
        value = data.get(key)
        if value is None:
            continue
        for item in value if isinstance(value, list) else [value]:
            if not isinstance(item, str) or (form is not None and not form.fullmatch(item)):
                yield f'"{key}" holds {item!r}, which is not valid'
    if "model-index" in data:
        yield from _index_errors(data["model-index"])


def _index_errors(index: Any) -> Iterator[str]:
    if not isinstance(index, list):
        yield '"model-index" must be an array'
        return
    for number, model in enumerate(index):
        where = f'"model-index[{number}]'
        if not isinstance(model, dict) or not isinstance(model.get("name"), str):
            yield f'{where}.name" is required'
            continue
        for place, result in enumerate(model.get("results") or [{}]):
            yield from _result_errors(result, f"{where}.results[{place}]")


def _result_errors(result: Mapping[str, Any], where: str) -> Iterator[str]:
    for part, key in (("task", "type"), ("dataset", "type"), ("dataset", "name")):
        if not isinstance((result.get(part) or {}).get(key), str):
            yield f'{where}.{part}.{key}" is required'
    metrics = result.get("metrics") or []
    if not metrics:
        yield f'{where}.metrics" is required'
    for metric in metrics:
        if not isinstance(metric.get("type"), str) or metric.get("value") is None:
            yield f'{where}.metrics" must have a type and a value each'
