"""Data sets that the `datasets` library loads: from the Hub, and from folders that `save_to_disk` wrote."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from intent_adapters.data.problems import data_error, reason_of
from intent_adapters.data.readers import is_data_file
from intent_adapters.extras import need
from intent_adapters.inputs import is_path
from intent_adapters.progress_bars import no_bars_in_logs

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict


def load_hub(name: str, subset: str | None = None, **options: Any) -> DatasetDict:
    """Loads all splits of a Hub data set, with options of `load_dataset`; never runs code that comes with it."""
    if is_path(name) or is_data_file(Path(name)):
        raise data_error(name, "there is no such file or folder", "check the path and the working directory")
    datasets = need("datasets")

    try:
        with no_bars_in_logs(
            datasets.disable_progress_bars,
            datasets.enable_progress_bars,
            shown=not datasets.are_progress_bars_disabled(),
        ):
            return datasets.load_dataset(name, subset, **options)
    # The Hub, its client and every format that it stores raise errors of their own.
    except Exception as error:
        cure = "check the name (ORG/NAME), its subset, your token and the network; for a file, check its path"
        what = f"no such file, and the Hub data set cannot be loaded ({reason_of(error)})"
        raise data_error(name, what, cure) from error


def is_saved_dataset(path: Path) -> bool:
    """Whether `save_to_disk` wrote this folder."""
    return (path / "state.json").is_file() or (path / "dataset_dict.json").is_file()


def load_saved(path: Path) -> Dataset | DatasetDict:
    """Loads a folder that `save_to_disk` wrote."""
    need("datasets")
    from datasets import load_from_disk

    try:
        return load_from_disk(str(path))
    # Damaged Arrow, JSON and feature descriptions each raise errors of their own.
    except Exception as error:
        what = f"the saved data set cannot be loaded ({reason_of(error)})"
        raise data_error(str(path), what, "save it again with save_to_disk") from error
