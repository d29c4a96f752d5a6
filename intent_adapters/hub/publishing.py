"""Publishing: one repository an agent or a base, one atomic commit of its files and its card."""

from __future__ import annotations

import dataclasses
import logging
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, Unpack

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, ModelCard, hf_hub_download
from huggingface_hub.hf_api import ModelInfo

from intent_adapters.adapter_config import AdapterConfig
from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.artifacts.contents import ADAPTER, CARD_NAME, MAX_CARD_BYTES, WHOLE_BASE, Files
from intent_adapters.errors import BaseMismatchError, ConfigError, HubError
from intent_adapters.hub.cards import CardFacts, adapter_card, base_card
from intent_adapters.hub.cards.merging import OWN_KEY, handwritten_text
from intent_adapters.hub.endpoint import write_handler
from intent_adapters.hub.naming import check_repo_id, is_repo_id
from intent_adapters.hub.problems import clean_token, hub_errors, with_retries

logger = logging.getLogger(__name__)


class PublishOptions(TypedDict, total=False):
    """How to publish; the names and meanings are those of `push_to_hub` in transformers.

    Attributes:
        private: Whether a repository that is made now is private; `None` for the default of its owner.
        token: Hub token with the right to write, `True` for the stored one.
        revision: Branch to commit to, made if it is not there; `None` for the default one.
        commit_message: The first line of the commit.
        create_pr: Propose the commit as a pull request on a repository that is there already.
        tag: Name to give to the new state, such as "v1.0"; it must be free.
    """

    private: bool | None
    token: str | bool | None
    revision: str | None
    commit_message: str | None
    create_pr: bool
    tag: str | None


@dataclass(frozen=True, slots=True)
class Published:
    """What is on the Hub now.

    Attributes:
        repo_id: The repository.
        commit: The commit that was made, or the one that is there if nothing had changed.
        url: Its page, or that of the pull request.
        base: What an adapter names as its base.
        base_revision: The commit of the base that it is pinned to.
    """

    repo_id: str
    commit: str
    url: str
    base: str | None = None
    base_revision: str | None = None


def publish_adapter(
    adapter: Adapter,
    repo_id: str,
    *,
    base: str | None = None,
    loaded_base: tuple[str, str] | None = None,
    facts: CardFacts | None = None,
    readme: str | None = None,
    handler: bool = False,
    **options: Unpack[PublishOptions],
) -> Published:
    """Publish an agent: config, weights and card in one commit.

    What is published names its base by Hub id and commit, so that others find just the base that it was trained on.

    Args:
        adapter: The agent's config and weights.
        repo_id: Where to: "ORG/NAME".
        base: Hub id of its base. None: the one that its config names, or else `loaded_base`.
        loaded_base: Hub id and commit that the base is known to be from.
        facts: What its makers say about it, for the card.
        readme: The text of the card to go on from. None: the one in the repository, if it has one.
        handler: Put in what has a Hugging Face Inference Endpoint answer for the agent: handler.py, requirements.txt.
        **options: See `PublishOptions`.

    Returns:
        What is on the Hub now.

    Raises:
        ConfigError: The base is on no Hub, or options contradict each other.
        BaseMismatchError: `base` names another base than the one that the adapter was trained on.
        HubError: The Hub refuses it or cannot be reached; nothing was changed, or all of it.
    """
    _check_options(repo_id, options)
    name, revision = _pinned_base(adapter.config, base, loaded_base, options.get("token"))
    config = dataclasses.replace(adapter.config, base_model_name_or_path=name, revision=revision)

    def write(folder: Path, existing: str | None) -> ModelCard:
        Adapter(config, adapter.arrays, adapter.entities).write(folder)
        if handler:
            write_handler(folder)
        return adapter_card(folder, repo_id=repo_id, facts=facts, existing=existing)

    published = _publish(repo_id, write, ADAPTER, readme, "agent", options)
    return dataclasses.replace(published, base=name, base_revision=revision)


def publish_base(
    folder: str | Path,
    repo_id: str,
    fingerprint: str,
    *,
    facts: CardFacts | None = None,
    readme: str | None = None,
    **options: Unpack[PublishOptions],
) -> Published:
    """Publish a base in one commit: what sentence-transformers loads, graphs for ONNX Runtime, and the card.

    Args:
        folder: The base's folder, as `artifacts.base.save_base` writes it. Graphs in it must be of its weights: see
            `graph_origins`. Those in the repository go where it has none.
        repo_id: Where to: "ORG/NAME".
        fingerprint: Its fingerprint.
        facts: What its makers say about it, for the card.
        readme: The text of the card to go on from. None: the one in the repository, if it has one.
        **options: See `PublishOptions`.

    Returns:
        What is on the Hub now.

    Raises:
        ConfigError: Options contradict each other.
        BaseError: The folder holds no base.
        HubError: The Hub refuses it or cannot be reached; nothing was changed, or all of it.
    """
    _check_options(repo_id, options)
    source = Path(folder)

    def write(staging: Path, existing: str | None) -> ModelCard:
        for name in WHOLE_BASE.present(source):
            if name != CARD_NAME:
                (staging / name).parent.mkdir(parents=True, exist_ok=True)
                (staging / name).symlink_to((source / name).resolve())
        return base_card(source, fingerprint, repo_id=repo_id, facts=facts, existing=existing)

    return _publish(repo_id, write, WHOLE_BASE, readme, "base", options)


def _publish(
    repo_id: str,
    write: Callable[[Path, str | None], ModelCard],
    files: Files,
    readme: str | None,
    what: str,
    options: PublishOptions,
) -> Published:
    token, revision = options.get("token"), options.get("revision")
    api = HfApi(token=token)
    with hub_errors(HubError, f"Cannot push to {repo_id!r}", revision=revision, token=token):
        info = _open_repository(api, repo_id, options)
        remote = _remote_card(repo_id, info, token)
        if (
            readme is not None
            and remote is not None
            and handwritten_text(remote) not in ("", handwritten_text(readme))
        ):
            logger.warning("What was written into the card of %s on the Hub gives way to the local card.", repo_id)
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "repository"
            folder.mkdir()
            card = write(folder, remote if readme is None else readme)
            card.save(folder / CARD_NAME)
            return _commit(api, repo_id, folder, info, files, what, options)


def _commit(
    api: HfApi, repo_id: str, folder: Path, info: ModelInfo, files: Files, what: str, options: PublishOptions
) -> Published:
    """Everything in one commit: whoever loads the repository sees the old state or the new one."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    there = [file.rfilename for file in info.siblings or ()]
    ours = files.weights if what == "base" else {**files.small, **files.weights}
    stale = sorted(set(files.choose(there, ours)) - set(names))
    create_pr, revision, tag = options.get("create_pr", False), options.get("revision"), options.get("tag")

    def commit() -> Published:
        made = api.create_commit(
            repo_id,
            [
                *(CommitOperationAdd(path_in_repo=name, path_or_fileobj=folder / name) for name in names),
                *(CommitOperationDelete(path_in_repo=name) for name in stale),
            ],
            commit_message=options.get("commit_message") or f"Push the {what} with intent-adapters",
            revision=revision,
            create_pr=create_pr,
            parent_commit=info.sha,
        )
        return Published(repo_id, str(made.oid), str(made.pr_url or made.commit_url))

    # A second pull request, where the answer to the first got lost, would be worse than an error.
    published = commit() if create_pr else with_retries(commit)
    if tag:
        with_retries(lambda: api.create_tag(repo_id, tag=tag, revision=published.commit))
    return published


def _open_repository(api: HfApi, repo_id: str, options: PublishOptions) -> ModelInfo:
    """The repository as it is, made first if it is not there."""
    private, revision = options.get("private"), options.get("revision")
    if not options.get("create_pr"):
        with_retries(lambda: api.create_repo(repo_id, private=private, exist_ok=True))
        if revision:
            with_retries(lambda: api.create_branch(repo_id, branch=revision, exist_ok=True))
    info = with_retries(lambda: api.model_info(repo_id, revision=revision, files_metadata=True))
    if private and not info.private:
        raise HubError(
            f"{repo_id!r} is there already, and it is public: nothing was pushed. Make it private on its settings "
            "page, or choose another name."
        )
    return info


def _remote_card(repo_id: str, info: ModelInfo, token: str | bool | None) -> str | None:
    sizes = {file.rfilename: file.size for file in info.siblings or ()}
    if CARD_NAME not in sizes or (sizes[CARD_NAME] or 0) > MAX_CARD_BYTES:
        return None
    path = with_retries(lambda: hf_hub_download(repo_id, CARD_NAME, revision=info.sha, token=token))
    return Path(path).read_bytes().decode("utf-8-sig")


def _pinned_base(
    config: AdapterConfig, base: str | None, loaded: tuple[str, str] | None, token: str | bool | None
) -> tuple[str, str]:
    """Hub id and commit of an adapter's base."""
    named = config.base_model_name_or_path
    if base is None and named and config.revision and is_repo_id(named):
        return named, config.revision
    if base is None and loaded:
        return loaded
    base = base or named
    if not base or not is_repo_id(base):
        raise ConfigError(
            f"The agent's base {base or 'unknown'!r} is a folder of this machine, where nobody else would find it. "
            "Push the base first (`push_base`), or name where it is on the Hub with `base=`."
        )
    with hub_errors(HubError, f"Cannot look up the agent's base {base!r}", token=token):
        info = with_retries(lambda: HfApi().model_info(base, token=token))
    stated = ((info.card_data.to_dict() if info.card_data else {}).get(OWN_KEY) or {}).get("fingerprint")
    trained_on = config.provenance.base_fingerprint
    if stated and trained_on and stated != trained_on:
        raise BaseMismatchError(
            f"The agent was trained on a base with fingerprint {trained_on[:12]}, but {base!r} on the "
            f"Hub has {str(stated)[:12]}: whoever loads the agent would be refused. Name the base that it stands on."
        )
    return base, str(info.sha)


def _check_options(repo_id: str, options: PublishOptions) -> None:
    options["token"] = clean_token(options.get("token"), HubError)
    try:
        check_repo_id(repo_id)
    except ValueError as error:
        raise ConfigError(f"{repo_id!r} cannot name a repository: {error} Use ORG/NAME.") from error
    if options.get("create_pr") and (options.get("tag") or options.get("revision")):
        raise ConfigError("create_pr proposes a change to the default branch: leave `tag` and `revision` out.")
    for name in ("tag", "revision"):
        value = options.get(name)
        if value is not None and not re.fullmatch(r"[\w][\w./-]*", str(value)):
            raise ConfigError(f"{name}={value!r} cannot name a {'branch' if name == 'revision' else name}.")
