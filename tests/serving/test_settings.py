"""Settings from flags, the environment and files."""

from __future__ import annotations

from pathlib import Path

import pytest

from intent_adapters.errors import ConfigError
from intent_adapters.serving.settings import is_loopback, read_settings, unknown_variables

SECRET = "a-secret-of-enough-letters"


@pytest.fixture
def flags(tmp_path: Path) -> dict[str, object]:
    return {"agents": tmp_path, "base": "base", "port": None}


def test_flags_go_before_the_environment_and_that_before_the_file(flags, tmp_path: Path):
    file = tmp_path / "server.toml"
    file.write_text('port = 1\nworkers = 2\nmax_rows = 3\nhost = "127.0.0.2"\n', encoding="utf-8")
    environment = {"INTENT_ADAPTERS_MAX_ROWS": "30", "INTENT_ADAPTERS_WORKERS": "20", "INTENT_ADAPTERS_OTHER": "1"}
    settings = read_settings(flags | {"workers": 200}, file, environment)
    assert (settings.port, settings.workers, settings.max_rows, settings.host) == (1, 200, 30, "127.0.0.2")
    assert settings.max_wait_ms == 500


def test_all_of_it_may_stand_in_the_file(tmp_path: Path):
    file = tmp_path / "server.toml"
    file.write_text(f"base = 'b'\nagents = '{tmp_path.as_posix()}'\naccess_log = false\n", encoding="utf-8")
    assert not read_settings({}, file, {}).access_log


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"port": 70_000}, "`port=`: Input should be less than or equal to 65535"),
        ({"workers": 0}, "workers"),
        ({"max_rows": "many"}, "max_rows"),
        ({"prot": 1}, "`prot=`: Extra inputs"),
        ({"base": None}, "`base=`: Field required"),
        ({"token": "short"}, "token"),
        ({"agents": "nowhere"}, "There is no folder 'nowhere'"),
        ({"host": "0.0.0.0"}, "INTENT_ADAPTERS_TOKEN"),
        ({"host": "example.org"}, "loopback"),
        ({"host": "::"}, "loopback"),
    ],
)
def test_what_makes_no_sense_is_named(flags, given: dict[str, object], said: str):
    with pytest.raises(ConfigError) as caught:
        read_settings(flags | given, None, {})
    assert said in str(caught.value)
    assert "short" not in str(caught.value)


@pytest.mark.parametrize(
    "given", [{"token": SECRET}, {"token_file": "tokens.toml"}, {"allow_anonymous": True}, {"unix_socket": "socket"}]
)
def test_it_listens_elsewhere_where_somebody_checks_who_asks(flags, given: dict[str, object]):
    assert read_settings(flags | given | {"host": "0.0.0.0"}, None, {}).host == "0.0.0.0"


def test_what_kubernetes_says_of_a_service_of_this_name_is_no_setting(flags):
    environment = {
        "INTENT_ADAPTERS_PORT": "tcp://10.0.0.7:80",
        "INTENT_ADAPTERS_PORT_80_TCP_ADDR": "10.0.0.7",
        "INTENT_ADAPTERS_SERVICE_HOST": "10.0.0.7",
        "INTENT_ADAPTERS_SERVICE_PORT": "80",
    }
    assert read_settings(flags, None, environment).port == 8000
    assert unknown_variables(environment) == []


def test_variables_that_only_look_like_settings_are_found():
    environment = {"INTENT_ADAPTERS_MAX_WAIT": "9", "INTENT_ADAPTERS_MAX_WAIT_MS": "9", "HOME": "/"}
    assert unknown_variables(environment) == ["INTENT_ADAPTERS_MAX_WAIT"]


def test_secrets_are_not_shown(flags):
    assert SECRET not in repr(read_settings(flags, None, {"INTENT_ADAPTERS_TOKEN": SECRET}))


def test_tokens_of_a_file_and_of_the_environment(flags, tmp_path: Path):
    file = tmp_path / "tokens.toml"
    file.write_text(f'[[tokens]]\ntoken = "{SECRET}-2"\nagents = ["예약"]\n', encoding="utf-8")
    settings = read_settings(flags, None, {"INTENT_ADAPTERS_TOKEN": SECRET, "INTENT_ADAPTERS_TOKEN_FILE": str(file)})
    found = [(token.token.get_secret_value(), token.agents) for token in settings.tokens()]
    assert found == [(SECRET, None), (f"{SECRET}-2", ("예약",))]


@pytest.mark.parametrize("environment", [{}, {"INTENT_ADAPTERS_TOKEN": SECRET}])
def test_a_token_that_is_there_twice(flags, tmp_path: Path, environment: dict[str, str]):
    file = tmp_path / "tokens.toml"
    entry = f'[[tokens]]\ntoken = "{SECRET}"\nagents = ["it"]\n'
    file.write_text(entry if environment else entry + entry.replace("it", "clinic"), encoding="utf-8")
    with pytest.raises(ConfigError, match="twice") as caught:
        read_settings(flags | {"token_file": file}, None, environment).tokens()
    assert SECRET not in str(caught.value)


def test_a_folder_that_is_itself_an_adapter(flags, tmp_path: Path):
    (tmp_path / "it").mkdir()
    (tmp_path / "it" / "adapter_config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_settings(flags | {"agents": tmp_path / "it"}, None, {})
    assert repr(str(tmp_path)) in str(caught.value)


@pytest.mark.parametrize(
    "content", ["", "tokens = []", "[[tokens]]\ntoken = 'hidden'", "[[tokens]]\nagents = ['a']", "no toml"]
)
def test_a_file_without_good_tokens_keeps_nobody_in_doubt(flags, tmp_path: Path, content: str):
    file = tmp_path / "tokens.toml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"tokens\.toml") as caught:
        read_settings(flags | {"token_file": file}, None, {}).tokens()
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True), ("10.0.0.1", False), ("", False)],
)
def test_loopback_addresses(host: str, expected: bool):
    assert is_loopback(host) is expected
