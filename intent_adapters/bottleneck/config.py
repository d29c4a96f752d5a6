"""`BottleneckConfig`: what adapter_config.json says, as a config of PEFT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from peft import PeftConfig

from intent_adapters.adapter_config.config import AdapterConfig, from_version_0_1
from intent_adapters.errors import AdapterError, ConfigError


@dataclass(eq=False)
class BottleneckConfig(AdapterConfig, PeftConfig):  # type: ignore[misc] # PEFT names a type by its own enum, too
    """An adapter's config as one of PEFT's: what can be set, checked and read is that of `AdapterConfig`.

    Raises:
        ConfigError: A field has a wrong type or a value out of its range, or fields contradict each other.
    """

    def __post_init__(self) -> None:
        AdapterConfig.__post_init__(self)
        try:
            PeftConfig.__post_init__(self)
        except (ValueError, TypeError) as error:
            raise ConfigError(str(error)) from error

    @classmethod
    def of(cls, config: AdapterConfig) -> BottleneckConfig:
        """The config itself if it is one of PEFT's, or one with the same settings."""
        return config if isinstance(config, cls) else cls(**vars(config))

    @classmethod
    def check_kwargs(cls, **kwargs: Any) -> dict[str, Any]:
        """What a file says, in the form of this version; PEFT's hook for it."""
        return from_version_0_1(kwargs)

    @classmethod
    def from_json_file(cls, path_json_file: str, **kwargs: Any) -> dict[str, Any]:
        """Read the attributes from a JSON file.

        Raises:
            AdapterError: The file is not JSON, or not a JSON object.
        """
        try:
            attributes: Any = super().from_json_file(path_json_file, **kwargs)
        except (ValueError, TypeError, RecursionError) as error:
            raise AdapterError(f"{path_json_file} is not a JSON file: {error}") from error
        if not isinstance(attributes, dict):
            raise AdapterError(f"{path_json_file} must hold a JSON object, got {type(attributes).__name__}")
        return attributes
