"""The manifests are YAML, have what their kinds require, and name files, options and settings that there are."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from intent_adapters.cli import app
from intent_adapters.serving import Settings

FOLDER = Path(__file__).parents[3] / "examples" / "cluster"
KUBERNETES = ("kubernetes.yaml", "raycluster.yaml", "rayservice.yaml")
# The API version of each kind, and what its spec must have.
KINDS = {
    "Deployment": ("apps/v1", {"selector", "template"}),
    "Service": ("v1", {"selector", "ports"}),
    "RayCluster": ("ray.io/v1", {"headGroupSpec", "workerGroupSpecs"}),
    "RayJob": ("ray.io/v1", {"entrypoint", "clusterSelector"}),
    "RayService": ("ray.io/v1", {"serveConfigV2", "rayClusterConfig"}),
}


def documents(name: str) -> list[dict[str, Any]]:
    return [*yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8"))]


def found(value: object, key: str) -> Iterator[Any]:
    """What stands under a key, wherever it is."""
    if isinstance(value, dict):
        if key in value:
            yield value[key]
        for inner in value.values():
            yield from found(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from found(inner, key)


@pytest.mark.parametrize("name", KUBERNETES)
def test_documents_have_what_their_kinds_require(name: str):
    for document in documents(name):
        version, required = KINDS[document["kind"]]
        assert document["apiVersion"] == version
        assert re.fullmatch(r"[a-z0-9-]+", document["metadata"]["name"])
        assert required <= document["spec"].keys()


@pytest.mark.parametrize("name", KUBERNETES)
def test_pods_are_selected_by_their_labels_and_mount_volumes_that_they_have(name: str):
    for document in documents(name):
        if document["kind"] == "Deployment":
            labels = document["spec"]["template"]["metadata"]["labels"]
            assert document["spec"]["selector"]["matchLabels"].items() <= labels.items()
        for pod in (spec for template in found(document, "template") for spec in found(template, "spec")):
            volumes = {volume["name"] for volume in pod.get("volumes", ())}
            for container in pod["containers"]:
                assert container["image"] and container["name"]
                assert {mount["name"] for mount in container.get("volumeMounts", ())} <= volumes
                assert container["resources"]["requests"]


def test_a_cluster_has_as_many_cpus_as_its_job_starts_replicas():
    cluster, job, service = documents("raycluster.yaml")
    assert job["spec"]["clusterSelector"] == {"ray.io/cluster": cluster["metadata"]["name"]}
    [group] = cluster["spec"]["workerGroupSpecs"]
    assert service["spec"]["selector"]["ray.io/group"] == group["groupName"]
    cpus = group["replicas"] * int(group["rayStartParams"]["num-cpus"])
    assert f"--replicas {cpus} " in job["spec"]["entrypoint"]
    assert cluster["spec"]["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"


def test_what_ray_serve_is_told_is_there():
    [service] = documents("rayservice.yaml")
    [application] = yaml.safe_load(service["spec"]["serveConfigV2"])["applications"]
    module, name = application["import_path"].split(":")
    source = (FOLDER.parents[1] / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")
    assert f"def {name}(" in source
    assert f"class {application['deployments'][0]['name']}:" in source
    assert all(f'"{argument}"' in source for argument in application["args"])


def commands() -> Iterator[list[str]]:
    """The commands of ours that the manifests run."""
    [job] = [each for each in documents("raycluster.yaml") if each["kind"] == "RayJob"]
    head = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))["services"]["head"]
    for text in (job["spec"]["entrypoint"], head["command"].partition("exec ")[2].rstrip("'")):
        yield shlex.split(text)


def test_the_commands_are_ours():
    known = typer.main.get_command(app)
    for program, name, *arguments in commands():
        assert program == "intent-adapters"
        command = known.commands[name]
        context = command.make_context(name, list(arguments))
        assert {"agents", "base", "replicas", "address"} <= {key for key, value in context.params.items() if value}


def test_compose_has_what_nginx_asks():
    services = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))["services"]
    servers = re.findall(r"^\s*server (\S+):(\d+) ", (FOLDER / "nginx.conf").read_text(encoding="utf-8"), re.MULTILINE)
    assert {name for name, _ in servers} <= services.keys()
    assert len(servers) == 4 and "--replicas 4" in services["head"]["command"]
    assert {port for _, port in servers} == {"8000", "8001"}
    for service in services.values():
        assert service["image"]
        for volume in service["volumes"]:
            source = volume.partition(":")[0]
            assert source == "./shared" or (FOLDER / source).is_file()


@pytest.mark.parametrize("name", [*KUBERNETES, "compose.yaml"])
def test_settings_in_the_environment_are_ours(name: str):
    text = (FOLDER / name).read_text(encoding="utf-8")
    settings = {found.lower() for found in re.findall(r"INTENT_ADAPTERS_([A-Z_]+)", text)}
    assert settings <= Settings.model_fields.keys()


@pytest.mark.parametrize("name", ["nginx.conf", "haproxy.cfg"])
def test_proxies_hash_the_agent_and_leave_metrics_and_admin_inside(name: str):
    text = "\n".join(re.sub(r"#.*", "", line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines())
    assert text.count("{") == text.count("}")
    assert re.search(r"hash \$agent consistent|hash-type consistent", text)
    assert "/metrics" not in text and "/admin" not in text and "http_429" not in text


def test_the_image_has_what_it_copies_let_into_the_context():
    recipe = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
    allowed = (FOLDER / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    sources = [source for line in re.findall(r"^COPY (.+)$", recipe, re.MULTILINE) for source in line.split()[:-1]]
    assert sources
    for source in sources:
        assert f"!{source.removeprefix('./')}" in allowed and (FOLDER.parents[1] / source).exists()
    assert re.search(r"^USER [1-9]\d*$", recipe, re.MULTILINE)
