"""Where a base and its agents come from: folders and Hub repositories, found and read once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Unpack, get_args

from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.artifacts.contents import ADAPTER, CONFIG_NAME, is_exported
from intent_adapters.choices import Backend, Precision
from intent_adapters.errors import AdapterError, BaseMismatchError, ConfigError, MissingExtraError
from intent_adapters.extras import is_installed
from intent_adapters.hub.fetching import Fetched, HubOptions, check_hub_options, fetch, fetch_base
from intent_adapters.hub.naming import folder_name, is_hub_id
from intent_adapters.inputs import check_choice, check_range
from intent_adapters.runtime.onnx.run import OnnxBase, read_onnx_base

if TYPE_CHECKING:  # what answers in ONNX Runtime needs none of it
    import torch
    from sentence_transformers import SentenceTransformer


def load_base(
    base: str | Path, *, device: str | torch.device | None = None, **hub: Unpack[HubOptions]
) -> SentenceTransformer:
    """Load a sentence encoder from safetensors, in float32, and freeze it.

    Args:
        base: Hub id or local folder of a sentence-transformers or transformers encoder.
        device: Where to run; `None` takes the best device that there is.
        **hub: See `HubOptions`.

    Returns:
        The encoder in eval mode, no parameter requiring a gradient.

    Raises:
        BaseError: Nothing loadable there, weights that are not safetensors, or modules that would run foreign code.
    """
    return load_base_and_commit(base, device=device, **hub)[0]


def load_base_and_commit(
    base: str | Path, *, device: str | torch.device | None = None, **hub: Unpack[HubOptions]
) -> tuple[SentenceTransformer, str | None]:
    """As `load_base`, with the Hub commit that the base is from; `None` for a folder."""
    fetched = fetch_base(base, **hub)
    from intent_adapters.artifacts.base import read_base  # once it is there

    return read_base(fetched.folder, str(base), device=device), fetched.commit


def load_onnx_base(
    base: str | Path, *, precision: Precision | None = None, threads: int | None = None, **hub: Unpack[HubOptions]
) -> OnnxBase:
    """Load a base that `intent-adapters export` made.

    Args:
        base: Folder or Hub id.
        precision: Which of its graphs; `None` takes int8 where there is one.
        threads: How many threads one run may use; `None` takes what OMP_NUM_THREADS says, or as many as there are
            processors for this process.
        **hub: See `HubOptions`.

    Raises:
        BaseError: There is no such base, it has no graph of ours, or a damaged one.
        ConfigError: A setting is out of range.
    """
    if precision is not None:
        check_choice("precision", precision, get_args(Precision))
    if threads is not None:
        check_range("threads", threads, 1)
    folder = fetch_base(base, onnx=True, **hub).folder
    return read_onnx_base(folder, str(base), precision=precision, threads=threads)


def backend_for(base: str | Path, backend: Backend | None) -> Backend:
    """The backend that was asked for, or else the one that can run a base here.

    That is ONNX Runtime for a folder that holds nothing else, and where PyTorch is not installed; otherwise PyTorch.
    """
    if backend is None:
        return "onnx" if is_exported(Path(base)) or not is_installed("sentence_transformers") else "torch"
    return backend


def load_for(
    backend: Backend | None,
    base: str | Path,
    *,
    device: str | torch.device | None,
    precision: Precision | None,
    threads: int | None,
    **hub: Unpack[HubOptions],
) -> tuple[SentenceTransformer | OnnxBase, str | None]:
    """A base for a backend, and the commit that agents trained on it name: `None` in ONNX, where nothing is trained.

    Raises:
        BaseError: It cannot be loaded.
        ConfigError: A setting is out of range, or of the other backend.
        MissingExtraError: PyTorch is asked for, and it is not installed.
    """
    if backend is not None:
        check_choice("backend", backend, get_args(Backend))
    backend = backend_for(base, backend)
    if backend == "torch" and (precision, threads) != (None, None):
        raise ConfigError(
            'precision and threads are settings of backend="onnx"; for PyTorch there are `dtype` and '
            "`torch.set_num_threads`."
        )
    if backend == "onnx" and device is not None and str(device).partition(":")[0] != "cpu":
        raise ConfigError(f'backend="onnx" runs on the CPU, not on {str(device)!r}.')
    if backend == "onnx":
        return load_onnx_base(base, precision=precision, threads=threads, **hub), None
    if not is_installed("sentence_transformers"):
        raise MissingExtraError(
            'backend="torch" needs PyTorch: pip install \'intent-adapters[torch]\'. Without it, backend="onnx" runs a '
            "base that `intent-adapters export` made."
        )
    return load_base_and_commit(base, device=device, **hub)


class AgentSource:
    """Where an agent's adapter is read from, as often as it is needed.

    What is on the Hub is fetched once: an agent that left the memory and comes back is the one that it was, whatever
    was pushed in the meantime, and needs no network.

    Args:
        source: Hub id or folder.
        hub: See `HubOptions`.

    Raises:
        TypeError: There is no such option.
    """

    def __init__(self, source: str | Path, hub: HubOptions) -> None:
        check_hub_options(hub)
        self.source = str(source)
        self.is_local = Path(source).is_dir()
        self._hub = hub
        self._fetched: Fetched | None = None
        self._adapter: Adapter | None = None

    @property
    def name(self) -> str:
        """The name of an agent that was given none: the last part of the subfolder, the folder or the id."""
        inside = (self._hub.get("subfolder") or "").rstrip("/")
        if self.is_local:
            return folder_name(Path(self.source, inside))
        return re.split(r"[/\\]", inside or self.source)[-1]

    def read(self) -> Adapter:
        """Read the adapter.

        Raises:
            AdapterError: Missing or damaged files.
        """
        adapter, self._adapter = self._adapter, None
        if adapter is not None:
            return adapter
        fetched = self._fetched
        if fetched is None or not (fetched.folder / CONFIG_NAME).is_file():
            hub: HubOptions = {**self._hub}
            if fetched is not None and fetched.commit is not None:  # someone has emptied the cache
                hub["revision"] = fetched.commit
            self._fetched = fetched = fetch(self.source, ADAPTER, **hub)
        return Adapter.read(fetched.folder)

    def base(self) -> tuple[str, str | None]:
        """The base that the adapter was trained on, and its revision; what was read for it is the next `read`.

        Raises:
            AdapterError: Missing or damaged files, or a downloaded adapter sends us to a place that is not on the Hub.
            ConfigError: The adapter does not say.
        """
        self._adapter = self.read()
        config = self._adapter.config
        base = config.base_model_name_or_path
        if not base:
            raise ConfigError(f"The adapter {self.source!r} does not name its base: pass it as `base=`.")
        if not self.is_local and not is_hub_id(base):
            raise AdapterError(
                f"The adapter {self.source!r} names {base!r} as its base, and that is no Hub id, so nobody but its "
                "maker can find it there: pass the base as `base=`."
            )
        return base, config.revision


def check_base(name: str, adapter: Adapter, fingerprint: str, base_name: str | None) -> None:
    """See whether an agent's adapter was trained on a base; one that does not say passes.

    Raises:
        BaseMismatchError: It was trained on another base.
    """
    trained_on = adapter.config.provenance.base_fingerprint
    if trained_on is not None and trained_on != fingerprint:
        raise BaseMismatchError(
            f"The adapter for agent {name!r} was trained on the base "
            f"{adapter.config.base_model_name_or_path or 'unknown'!r} (fingerprint {trained_on[:12]}), not on "
            f"{base_name or 'this one'!r} ({fingerprint[:12]}): its answers would be noise. "
            "Load that base, or train the agent again on this one."
        )


class Sources(NamedTuple):
    """Where a model and its first agents come from.

    Attributes:
        base: Hub id or folder of the base.
        hub: How to fetch the base.
        loaded: Agents to load now, by name.
        registered: Agents to load when they are first asked.
    """

    base: str | Path
    hub: HubOptions
    loaded: dict[str, AgentSource]
    registered: dict[str, AgentSource]


def find_sources(
    base: str | Path | None,
    adapter: str | Path | Mapping[str, str | Path] | None,
    adapter_dir: str | Path | None,
    hub: HubOptions,
) -> Sources:
    """What the arguments of `IntentModel.from_pretrained` name; a base that is left out is the first agent's.

    Raises:
        AdapterError: No adapters in `adapter_dir`, or those files of the first agent that name the base are unusable.
        ConfigError: There is no base, or `revision` and `subfolder` belong to nothing.
    """
    place: HubOptions = {"revision": hub.get("revision"), "subfolder": hub.get("subfolder")}
    if base is None and any(place.values()) and (not adapter or isinstance(adapter, Mapping)):
        raise ConfigError("revision and subfolder need a base or one adapter to belong to; use load_adapter.")
    elsewhere: HubOptions = {**hub, "revision": None, "subfolder": None}
    if isinstance(adapter, Mapping):
        loaded = {name: AgentSource(source, elsewhere) for name, source in adapter.items()}
    else:
        single = [] if adapter is None else [AgentSource(adapter, hub if base is None else elsewhere)]
        loaded = {source.name: source for source in single}
    registered = {} if adapter_dir is None else _agents_in(Path(adapter_dir))
    if base is not None:
        return Sources(base, hub, loaded, registered)
    # What is registered is read when it is first asked, whatever it is by then.
    first = next(iter([*loaded.values(), *(AgentSource(agent.source, {}) for agent in registered.values())]), None)
    if first is None:
        raise ConfigError("from_pretrained needs a base, or an adapter that names its base; it got neither.")
    base, revision = first.base()
    return Sources(base, {**elsewhere, "revision": revision}, loaded, registered)


def _agents_in(folder: Path) -> dict[str, AgentSource]:
    """The adapter folders directly inside a folder, by name, in alphabetical order."""
    found: dict[str, AgentSource] = {}
    for path in sorted(folder.glob("[!.]*")):
        name = folder_name(path)
        if not (path / CONFIG_NAME).is_file():
            continue
        if name in found:
            raise AdapterError(
                f"Two folders in {str(folder)!r} are called {name!r}; they differ only in how their letters are "
                "composed. Rename one."
            )
        found[name] = AgentSource(path, {})
    if not found:
        raise AdapterError(
            f"No adapter folders in {str(folder)!r}. Give the folder that holds them: FOLDER/AGENT/{CONFIG_NAME}."
        )
    return found
