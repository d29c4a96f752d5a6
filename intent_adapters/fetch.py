"""Where things come from: a local folder, or a Hub repository of which only the files we read are fetched."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict, Unpack

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from peft.utils import CONFIG_NAME, SAFETENSORS_WEIGHTS_NAME

from intent_adapters.errors import AdapterError


class HubOptions(TypedDict, total=False):
    """What every call that may go to the Hub understands; the names and meanings are those of transformers.

    Attributes:
        revision: Branch, tag or commit of the repository.
        token: Hub token, `True` for the stored one.
        cache_dir: Where downloads are kept.
        local_files_only: Do not go to the network.
    """

    revision: str | None
    token: str | bool | None
    cache_dir: str | Path | None
    local_files_only: bool


def adapter_folder(source: str | Path, **hub: Unpack[HubOptions]) -> Path:
    """Find an adapter's folder, downloading it if it is on the Hub.

    Args:
        source: Local folder or Hub id.
        **hub: See `HubOptions`.

    Returns:
        A local folder.

    Raises:
        AdapterError: There is no such folder, and nothing to fetch by that name.
    """
    if Path(source).is_dir():
        return Path(source)
    try:
        files = [CONFIG_NAME, SAFETENSORS_WEIGHTS_NAME]
        return Path(snapshot_download(str(source), allow_patterns=files, **hub))
    except (HFValidationError, LocalEntryNotFoundError, HfHubHTTPError) as error:
        raise AdapterError(
            f"No adapter {str(source)!r}: it is no folder, and it cannot be fetched from the Hub ({error}). "
            "Check the spelling, the network, the token and `local_files_only`."
        ) from error
