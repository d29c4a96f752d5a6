"""What a server is told: by flags, the environment or a TOML file."""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, model_validator

from intent_adapters.artifacts.contents import CONFIG_NAME
from intent_adapters.choices import Precision
from intent_adapters.errors import ConfigError

ENVIRONMENT_PREFIX = "INTENT_ADAPTERS_"
# Kubernetes describes a service to every pod beside it, and one may well be called intent-adapters.
OF_A_SERVICE = re.compile(ENVIRONMENT_PREFIX + r"(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_\w+)")
ADDRESS_OF_A_SERVICE = "tcp://"


class Token(BaseModel):
    """Who may ask.

    Attributes:
        token: The secret that comes as `Authorization: Bearer TOKEN`.
        agents: The agents that it may ask; `None`: all of them.
        train: Whether it may train these agents, too.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: SecretStr = Field(min_length=16)
    agents: tuple[str, ...] | None = None
    train: bool = False


def _listed(value: object) -> object:
    """The environment has lists with commas."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class Settings(BaseModel):
    """All settings of a server. A flag goes before an environment variable, and that before the TOML file.

    Attributes:
        agents: A folder of adapter folders: each is an agent, named as its folder. It is watched: what is added to it,
            replaced or removed there is so here, too.
        base: Hub id or folder of a base in ONNX.
        precision: Which graph of the base; `None` takes int8 if there is one.
        threads: How many threads one pass of the encoder uses.
        workers: Processes. Each has the base, and answers for all agents.
        adapter_dtype: In which adapters are held in memory.
        max_adapter_bytes: How much memory the adapters may take in each process; `None`: no limit.
        host: The address to listen on.
        port: The port to listen on; 0 takes a free one.
        unix_socket: The path of a Unix socket to listen on, instead of host and port.
        token: A token that may ask all agents. Kept out of the command line: the environment or a file has it.
        token_file: A TOML file with `[[tokens]]`, each with `token` and, if wished, `agents` and `train`.
        allow_anonymous: Listen on other addresses than the loopback ones without any token.
        max_wait_ms: How long what waits already may take; a request that comes then is turned down with status 429.
        timeout_ms: How long after it came a request that has no answer yet is given up, with status 504.
        max_body_bytes: The longest body of a request.
        max_rows: The most texts in a request.
        max_characters: The longest text.
        body_seconds: How long a body may take to arrive.
        max_connections: How many connections may be open at the same time, in each process.
        drain_seconds: On SIGTERM, how long requests are still taken, while `/readyz` says that it is over.
        shutdown_seconds: How long after that requests under way may take.
        poll_seconds: How often the folder of agents is looked at.
        access_log: Log every request.
        log_texts: Log the texts of requests, too. They are users' words: off by default.
        admin_token: The token that opens `/admin`, which is not there without one. It may not ask agents.
        admin_folder: Agents may be taken from adapter folders inside this one.
        admin_organisations: Agents may be taken from repositories of these on the Hub.
        train_base: Hub id or folder of the base in PyTorch that agents are trained on, the one that `base` was
            exported from. Without it nothing is trained.
        train_queue: How many trainings may wait or run at the same time.
        train_max_rows: The most utterances in a training.
        train_seconds: How long a training may take.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    agents: Path
    base: str
    precision: Precision | None = None
    threads: int = Field(1, ge=1)
    workers: int = Field(1, ge=1, le=512)
    adapter_dtype: Literal["float32", "float16"] = "float32"
    max_adapter_bytes: int | None = Field(None, ge=1)
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    unix_socket: Path | None = None
    token: SecretStr | None = Field(None, min_length=16)
    token_file: Path | None = None
    allow_anonymous: bool = False
    max_wait_ms: float = Field(500, gt=0)
    timeout_ms: float = Field(10_000, gt=0)
    max_body_bytes: int = Field(4 * 2**20, ge=1)
    max_rows: int = Field(1024, ge=1)
    max_characters: int = Field(10_000, ge=1)
    body_seconds: float = Field(10, gt=0)
    max_connections: int = Field(2048, ge=1)
    drain_seconds: float = Field(1, ge=0)
    shutdown_seconds: int = Field(30, ge=1)
    poll_seconds: float = Field(1, gt=0)
    access_log: bool = True
    log_texts: bool = False
    admin_token: SecretStr | None = Field(None, min_length=16)
    admin_folder: Path | None = None
    admin_organisations: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    train_base: str | None = None
    train_queue: int = Field(8, ge=1)
    train_max_rows: int = Field(10_000, ge=1)
    train_seconds: float = Field(3600, gt=0)

    @model_validator(mode="after")
    def _guard(self) -> Settings:
        has_tokens = self.token is not None or self.token_file is not None
        if not (has_tokens or self.allow_anonymous or self.unix_socket or is_loopback(self.host)):
            raise ValueError(
                f"without a token, the server listens on a loopback address only, and {self.host!r} is another: set "
                f"{ENVIRONMENT_PREFIX}TOKEN or `token_file=`, or `allow_anonymous=True` if something in front of it "
                "checks who asks"
            )
        return self

    def tokens(self) -> list[Token]:
        """All tokens; without any, everybody may ask.

        Raises:
            ConfigError: The file of tokens cannot be used.
        """
        tokens = [] if self.token is None else [Token(token=self.token)]
        if self.token_file is not None:
            content = _read_toml(self.token_file)
            try:
                listed = _TokenFile.model_validate(content).tokens
            except ValidationError as error:
                raise ConfigError(f"The tokens in {str(self.token_file)!r} cannot be used: {_said(error)}") from error
            tokens += listed
        secrets = [token.token for token in tokens]
        if len(set(secrets)) < len(secrets):
            raise ConfigError("A token is there twice: each entry of `token_file=`, and `token=`, needs its own.")
        if self.admin_token in secrets:
            raise ConfigError("`admin_token=` is a token that asks agents, too: give the admin one of its own.")
        return tokens


class _TokenFile(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    tokens: list[Token] = Field(min_length=1)


def read_settings(
    flags: Mapping[str, Any], file: Path | None = None, environment: Mapping[str, str] | None = None
) -> Settings:
    """Settings from all their sources.

    Args:
        flags: By name; those that are `None` were not given.
        file: A TOML file with settings by name.
        environment: Variables such as `INTENT_ADAPTERS_MAX_WAIT_MS`; `None`: those of this process.

    Raises:
        ConfigError: A setting is unknown or makes no sense, or there is no base or no folder of agents.
    """
    variables = os.environ if environment is None else environment
    given = {} if file is None else _read_toml(file)
    for name in Settings.model_fields:
        value = variables.get(ENVIRONMENT_PREFIX + name.upper())
        if value is not None and not (name == "port" and value.startswith(ADDRESS_OF_A_SERVICE)):
            given[name] = value
    given |= {name: value for name, value in flags.items() if value is not None}
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        raise ConfigError(f"The server's settings make no sense: {_said(error)}") from error
    if not settings.agents.is_dir():
        raise ConfigError(f"There is no folder {str(settings.agents)!r}: `agents=` is a folder of adapter folders.")
    if (settings.agents / CONFIG_NAME).exists():
        folder, parent = str(settings.agents), str(settings.agents.absolute().parent)
        raise ConfigError(f"{folder!r} is itself an adapter: `agents=` is the folder around it, {parent!r}.")
    return settings


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Variables that look like settings and are not."""
    known = {ENVIRONMENT_PREFIX + name.upper() for name in Settings.model_fields}
    return sorted(
        name
        for name in environment
        if name.startswith(ENVIRONMENT_PREFIX) and name not in known and not OF_A_SERVICE.fullmatch(name)
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{str(file)!r} cannot be read as TOML: {error}") from error


def _said(error: ValidationError) -> str:
    """What is wrong, setting by setting, without the values: some are secrets."""
    parts = []
    for problem in error.errors(include_url=False, include_input=False):
        place = ".".join(map(str, problem["loc"]))
        parts.append(f"`{place}=`: {problem['msg']}" if place else problem["msg"].removeprefix("Value error, "))
    return "; ".join(parts) + "."
