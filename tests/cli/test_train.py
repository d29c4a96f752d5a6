from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file

from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.data import Definition, EntityDefinitions
from intent_adapters.errors import DataError
from intent_adapters.training.agent.recipe import recipe_for
from tests.cli.conftest import Agents, run

ROWS = [
    "예약 취소,cancel",
    "취소 해주세요,cancel",
    "cancel it,cancel",
    "진료비 얼마,price",
    "how much,price",
    "얼마,price",
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "clinic.csv"
    path.write_text("\n".join(["text,label", *ROWS]), encoding="utf-8")
    return path


def test_train_then_predict(agents: Agents, data: Path, tmp_path: Path):
    output = tmp_path / "agents" / "clinic"
    result = run("train", data, "--base", agents.base, "--output", output, "--epochs", 2, "--test", data, "--json")
    assert result.exit_code == 0, result.stderr
    facts = json.loads(result.stdout)
    assert (facts["agent"], facts["intents"], facts["utterances"]) == ("clinic", 2, len(ROWS))
    assert facts["test"]["rows"] == len(ROWS)
    result = run("predict", "예약 취소", "-a", output, "--json")
    assert result.exit_code == 0, result.stderr
    prediction = json.loads(result.stdout)
    assert prediction["agent"] == "clinic"
    assert prediction["label"] in ("cancel", "price")


def test_an_agent_finds_the_entities_that_its_data_defines(agents: Agents, data: Path, tmp_path: Path):
    arguments = ("train", data, "-b", agents.base, "-o", tmp_path / "clinic", "--epochs", 1, "--no-calibrate")
    refused = run(*arguments, "--entities")
    assert refused.exit_code == 1
    said = " ".join(refused.stderr.split())
    assert "no entities are marked or defined" in said
    assert "clinic.entities.json" in said
    data.with_name("clinic.entities.json").write_text('{"entities": {"when": {"patterns": ["("]}}}')
    refused = run(*arguments, "--entities")
    assert refused.exit_code == 1
    assert "'(' of 'when' is no regular expression" in " ".join(refused.stderr.split())
    data.with_name("clinic.entities.json").write_text('{"entities": {"when": {"system": ["time"]}}}')
    assert run(*arguments, "--entities").exit_code == 0
    asked = ("predict", "취소 15:30", "how much", "-a", tmp_path / "clinic")
    assert "when: 15:30" in run(*asked).stdout
    first, second = map(json.loads, run(*asked, "--json").stdout.splitlines())
    assert [entity["text"] for entity in first["entities"]] == ["15:30"]
    assert second["entities"] == []
    again = run(*arguments)
    assert again.exit_code == 0
    assert "left out: files of entity definitions" in again.stderr
    assert "when: 15:30" in run(*asked).stdout  # as the former version


def test_an_agent_learns_the_entities_that_are_marked(agents: Agents, tmp_path: Path):
    cities = ("Busan", "Seoul", "York", "Rome")
    rows = [
        {"text": f"{before} {city}", "label": label, "entities": [mark(len(before) + 1, city)]}
        for city in cities
        for before, label in (("take me to", "go"), ("cancel", "stop"))
    ]
    rows[-1]["entities"].append({**mark(7, "Rome"), "entity": "place"})
    data = tmp_path / "trips.jsonl"
    data.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    arguments = ("train", data, "-b", agents.base, "-o", tmp_path / "trips", "--epochs", 1, "--no-calibrate")
    taught = run(*arguments, "--entities", "--json")
    said = " ".join(taught.stderr.split())
    assert (
        "1 x overlapping entities, 1 x rare entity; at trips.jsonl:8, trips.jsonl:8). See: intent-adapters check"
        in said
    )
    assert taught.exit_code == 0, taught.stderr
    assert json.loads(taught.stdout)["entities"] == {"city": 8}
    answer = json.loads(run("predict", "take me to Seoul", "-a", tmp_path / "trips", "--json").stdout)
    assert [(one["text"], one["source"]) for one in answer["entities"]] == [("Seoul", "tagger")]
    assert json.loads(run("info", tmp_path / "trips", "--json").stdout)["entities"] == {"city": "learned"}
    defined = EntityDefinitions({"city": Definition(dict.fromkeys(cities, ()))})
    Adapter.read(tmp_path / "trips").with_entities(defined).write(tmp_path / "trips")
    assert run(*arguments, "--entities").exit_code == 0
    config = json.loads((tmp_path / "trips" / "adapter_config.json").read_text(encoding="utf-8"))
    assert config["tagger"]["trusted"] == ["city"]  # what the former version defines is right where it is marked
    plain = [{name: row[name] for name in ("text", "label")} for row in rows]
    data.write_text("\n".join(map(json.dumps, plain)), encoding="utf-8")
    assert "had learned to mark city; the new one has not" in " ".join(run(*arguments).stderr.split())


def mark(start: int, city: str) -> dict[str, object]:
    return {"start": start, "end": start + len(city), "entity": "city"}


def test_the_same_seed_gives_the_same_adapter(agents: Agents, data: Path, tmp_path: Path):
    weights = []
    for name, seed in [("a", 1), ("b", 1), ("c", 2)]:
        result = run(
            "train", data, "-b", agents.base, "-o", tmp_path / name, "--epochs", 1, "--no-calibrate", "--seed", seed
        )
        assert result.exit_code == 0, result.stderr
        tensors = load_file(tmp_path / name / "adapter_model.safetensors")
        weights.append({key: tensor.tolist() for key, tensor in tensors.items()})
    assert weights[0] == weights[1] != weights[2]


def test_tables_and_a_name_of_its_own(agents: Agents, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "300")
    result = run(
        "train", data, "-b", agents.base, "-o", tmp_path / "x", "--name", "my agent", "--epochs", 1, "--test", data
    )
    assert result.exit_code == 0, result.stderr
    assert "trained my agent" in result.stdout
    assert "accuracy" in result.stdout


@pytest.mark.parametrize("method", ["probe", "full"])
def test_other_methods_give_agents_that_answer_too(agents: Agents, data: Path, tmp_path: Path, method: str):
    output = tmp_path / method
    result = run(
        "train", data, "-b", agents.base, "-o", output, "--method", method, "--epochs", 2, "--test", data, "--json"
    )
    assert result.exit_code == 0, result.stderr
    trained = json.loads(result.stdout)
    assert trained["method"] == method
    result = run("evaluate", data, "-a", output, "--train", data, "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout) == trained["test"]


def test_nothing_is_trained_on_bad_data(agents: Agents, data: Path, tmp_path: Path):
    data.write_text("text,label\nhi,greet\nhi,leave\n")
    result = run("train", data, "-b", agents.base, "-o", tmp_path / "x")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "clinic.csv:3: the text 'hi' has the label 'leave' here and 'greet'" in result.stderr
    assert not (tmp_path / "x").exists()


def test_other_things_are_never_overwritten(agents: Agents, data: Path, tmp_path: Path):
    result = run("train", data, "-b", agents.base, "-o", tmp_path)
    assert result.exit_code == 2
    assert data.exists()
    assert run("train", data, "-b", agents.base, "-o", data).exit_code == 2


@pytest.mark.parametrize("arguments", [["--method", "magic"], ["--epochs", "0"], ["--seed", "-1"]])
def test_wrong_usage_is_code_2(agents: Agents, data: Path, tmp_path: Path, arguments: list[str]):
    assert run("train", data, "-b", agents.base, "-o", tmp_path / "x", *arguments).exit_code == 2


def test_calibration_by_default_on_request_and_not_at_all(agents: Agents, data: Path, tmp_path: Path):
    chatter = tmp_path / "chatter.txt"
    chatter.write_text("비가 올까\n\nwill it rain\n", encoding="utf-8")
    facts = {}
    for name, options in {
        "plain": [],
        "rare": ["--false-rejection-rate", 0.2],
        "chatter": ["--out-of-scope", chatter],
        "not": ["--no-calibrate"],
    }.items():
        result = run("train", data, "-b", agents.base, "-o", tmp_path / name, "--method", "probe", "--json", *options)
        assert result.exit_code == 0, result.stderr
        facts[name] = json.loads(result.stdout)
    assert (facts["plain"]["threshold"], facts["rare"]["threshold"]) == (0.05, 0.2)
    assert facts["chatter"]["threshold"] not in (None, 0.05)
    assert (facts["not"]["threshold"], facts["not"]["temperature"]) == (None, 1.0)
    assert facts["plain"]["temperature"] != 1.0
    result = run("predict", "얼마", "-a", tmp_path / "plain", "--json")
    prediction = json.loads(result.stdout)
    assert prediction["in_scope"] == (prediction["scope_score"] >= 0.05)


def test_what_was_compared_and_kept_is_told(
    agents: Agents, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "300")
    result = run("train", data, "-b", agents.base, "-o", tmp_path / "x", "--epochs", 1, "--json")
    assert result.exit_code == 0, result.stderr
    facts = json.loads(result.stdout)
    assert facts["accuracies"].keys() == {"adapter", "probe"}
    assert facts["method"] in facts["accuracies"]
    shown = run("train", data, "-b", agents.base, "-o", tmp_path / "x", "--epochs", 1).stdout
    assert facts["method"] in next(line for line in shown.splitlines() if "method" in line)
    for method, accuracy in facts["accuracies"].items():
        assert f"{method} {100 * accuracy:.1f} %" in next(line for line in shown.splitlines() if "accuracies" in line)
    alone = run("train", data, "-b", agents.base, "-o", tmp_path / "p", "--method", "probe", "--json")
    facts = json.loads(alone.stdout)
    assert (facts["method"], facts["accuracies"]) == ("probe", {})


def test_descriptions_and_catch_all_intents_are_trained_on_and_shown(
    agents: Agents, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "300")
    about = tmp_path / "about.yml"
    about.write_text("cancel: 예약을 없애는 일\nprice: [비용, what it costs]\n", encoding="utf-8")
    arguments = ["train", data, "-b", agents.base, "-o", tmp_path / "x", "--method", "probe"]
    result = run(*arguments, "--descriptions", about, "--catch-all", "price", "--json")
    assert result.exit_code == 0, result.stderr
    facts = json.loads(run("info", tmp_path / "x", "--json").stdout)
    assert (facts["catch_all"], facts["descriptions"]) == (["price"], 2)
    shown = run("info", tmp_path / "x").stdout
    assert "price" in next(line for line in shown.splitlines() if "catch all" in line)
    assert "descriptions" in shown
    assert json.loads(run("info", agents.it, "--json").stdout)["descriptions"] is None


def test_descriptions_and_catch_all_intents_that_do_not_fit(agents: Agents, data: Path, tmp_path: Path):
    about = tmp_path / "about.json"
    about.write_text('{"refund": "money back"}', encoding="utf-8")
    for options, message in [
        (["--descriptions", about], "'refund' is no intent"),
        (["--descriptions", tmp_path / "nowhere.yml"], "nowhere.yml"),
        (["--catch-all", "refund"], "catch_all must be a list of intents"),
    ]:
        result = run("train", data, "-b", agents.base, "-o", tmp_path / "x", *options)
        assert (result.exit_code, result.stdout) == (1, "")
        assert message in result.stderr
        assert not (tmp_path / "x").exists()


def test_effort_changes_the_epochs(agents: Agents, data: Path, tmp_path: Path):
    arguments = ["train", data, "-b", agents.base, "-o", tmp_path / "x", "--no-calibrate", "--json"]
    facts = json.loads(run(*arguments, "--effort", "fast").stdout)
    assert facts["epochs"] == recipe_for(len(ROWS), 2, effort="fast").epochs
    assert run(*arguments, "--effort", "none").exit_code == 2


def test_a_log_is_read_and_what_came_of_it_reported(agents: Agents, data: Path, tmp_path: Path):
    log = tmp_path / "log.txt"
    log.write_text("취소 할게요\n\nhow much is it\n얼마\n", encoding="utf-8")
    arguments = ("train", data, "-b", agents.base, "-o", tmp_path / "x", "--method", "probe", "--json")
    facts = json.loads(run(*arguments, "--unlabelled", log).stdout)
    assert facts["unlabelled"] == 3
    assert facts["learned_from"] in (0, 1, 2)
    assert "unlabelled" not in json.loads(run(*arguments).stdout)


@pytest.mark.parametrize("rate", ["0", "0.5", "nan", "x"])
def test_rates_out_of_range_are_refused(agents: Agents, data: Path, tmp_path: Path, rate: str):
    result = run("train", data, "-b", agents.base, "-o", tmp_path / "x", "--false-rejection-rate", rate)
    assert result.exit_code != 0
    assert not (tmp_path / "x").exists()


def test_training_into_the_folder_again_keeps_the_former_adapter(agents: Agents, data: Path, tmp_path: Path):
    output = tmp_path / "clinic"

    def train(*options: object) -> dict[str, object]:
        result = run("train", data, "-b", agents.base, "-o", output, "--method", "probe", "--json", *options)
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    first = train()
    (output / "README.md").write_text("<!-- intent-adapters: skip usage -->\nBy a person.\n", encoding="utf-8")
    rows = data.read_text(encoding="utf-8")
    data.write_text(f"{rows}\nwhat does it cost,price\n", encoding="utf-8")
    second = train()
    assert (first["version"], second["version"]) == (1, 2)
    sizes = [path.stat().st_size for path in output.iterdir() if path.is_file()]
    assert second["bytes"] == sum(sizes)
    former = json.loads(run("versions", output, "--json").stdout)[0]
    assert (former["rows"], former["training"]["method"]) == (len(ROWS), "probe")
    card = (output / "README.md").read_text(encoding="utf-8")
    assert "By a person." in card
    assert "Trained on 7 utterances of 2 intents." in card
    data.write_text(f"{rows}\nthe price of it,price\n", encoding="utf-8")
    result = run("train", data, "-b", agents.base, "-o", output, "--method", "probe", "--versions", 1)
    assert result.exit_code == 0, result.stderr
    assert "version 1 is gone" in result.stderr.replace("\n", " ")


def test_a_test_file_of_other_intents_is_refused_before_training(agents: Agents, data: Path, tmp_path: Path):
    others = tmp_path / "others.csv"
    others.write_text("text,label\nhi,greet\n", encoding="utf-8")
    result = run("train", data, "-b", agents.base, "-o", tmp_path / "x", "--test", others)
    assert result.exit_code == 1
    assert f"{others}:2: 'greet' of {others} is no intent of {data}" in result.stderr
    assert not (tmp_path / "x").exists()
    result = run("compare", data, others, "-b", agents.base)
    assert (result.exit_code, "'greet' of" in result.stderr) == (1, True)


def test_what_fails_after_training_leaves_the_agent_saved(
    agents: Agents, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fail(*arguments: object, **settings: object) -> None:
        raise DataError("no luck")

    monkeypatch.setattr("intent_adapters.evaluation.evaluate", fail)
    arguments = ("-b", agents.base, "-o", tmp_path / "x", "--method", "probe", "--no-calibrate", "--test", data)
    result = run("train", data, *arguments)
    assert result.exit_code == 1
    assert "no luck" in result.stderr
    assert f"x is trained and saved in {tmp_path / 'x'}" in result.stderr
    assert run("predict", "hi", "-a", tmp_path / "x").exit_code == 0


def test_the_split_of_the_test_data_is_asked_for_by_its_option(agents: Agents, data: Path, tmp_path: Path):
    for split in ("train", "test"):
        (tmp_path / f"{split}.csv").write_bytes(data.read_bytes())
    result = run("train", data, "-b", agents.base, "-o", tmp_path / "x", "--test", tmp_path)
    assert "choose one with --test-split" in result.stderr
    result = run("compare", tmp_path, data, "-b", agents.base)
    assert "choose one with --split" in result.stderr
