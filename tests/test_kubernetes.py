"""The manifests of deploy/kubernetes fit the schemas and one another. No cluster runs them here."""

import copy
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from tests.graph_rules import ROOT

FOLDER = ROOT / "deploy/kubernetes"
VERSIONS = ("1.29", "1.37")
# KubeRay's schema is in no package: these are the fields of ray.io/v1 (raycluster_types.go), needed ones first.
CLUSTER = ({"headGroupSpec"}, {"workerGroupSpecs", "rayVersion", "enableInTreeAutoscaling", "autoscalerOptions"})
HEAD = ({"rayStartParams", "template"}, {"serviceType", "headService", "enableIngress"})
WORKERS = ({"groupName", "minReplicas", "maxReplicas", "rayStartParams", "template"}, {"replicas", "numOfHosts"})


def documents() -> dict[str, Any]:
    """Every object by kind and name."""
    found = [one for path in sorted(FOLDER.glob("*.yaml")) for one in YAML(typ="safe").load_all(path)]
    return {f"{one['kind']} {one.get('metadata', {}).get('name', '')}".strip(): one for one in found}


DOCUMENTS = documents()
CORE = [name for name in DOCUMENTS if not name.startswith(("RayCluster", "Kustomization"))]
CLUSTERS = [DOCUMENTS["RayCluster trimline"]]
GROUPS = [CLUSTERS[0]["spec"]["headGroupSpec"], *CLUSTERS[0]["spec"]["workerGroupSpecs"]]
PODS = [DOCUMENTS["Deployment trimline-worker"]["spec"]["template"], *(group["template"] for group in GROUPS)]


def validate(document: dict[str, Any]) -> None:
    for version in VERSIONS:
        kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize("name", CORE)
def test_a_manifest_fits_the_schema_of_its_kind(name: str) -> None:
    validate(DOCUMENTS[name])


def test_a_misspelt_field_would_be_found() -> None:
    wrong = copy.deepcopy(DOCUMENTS["Deployment trimline-worker"])
    wrong["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="livenesProbe"):
        validate(wrong)


@pytest.mark.parametrize("template", [group["template"] for group in GROUPS])
def test_the_pods_of_the_ray_cluster_fit_the_schema_of_pods(template: dict[str, Any]) -> None:
    validate({"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "x"}, "template": template})


def test_the_ray_cluster_has_the_fields_that_kuberay_names() -> None:
    spec = CLUSTERS[0]["spec"]
    assert CLUSTERS[0]["apiVersion"] == "ray.io/v1"
    for part, (needed, others) in [(spec, CLUSTER), (GROUPS[0], HEAD), *((group, WORKERS) for group in GROUPS[1:])]:
        assert needed <= part.keys() <= needed | others
    for group in GROUPS:
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())


def test_every_ray_start_parameter_is_one_of_ray_start() -> None:
    ray = Path(sys.executable).with_name("ray")
    options = subprocess.run([ray, "start", "--help"], check=True, capture_output=True, text=True).stdout
    command = PODS[0]["spec"]["containers"][0]["args"][0].splitlines()[0]
    typed = [word.partition("=")[0] for word in command.split() if word.startswith("--")]
    for option in [*typed, *(f"--{name}" for group in GROUPS for name in group["rayStartParams"])]:
        assert f" {option} " in options, option


def test_all_pods_have_one_image_and_see_one_folder_at_one_path() -> None:
    """What Ray needs: the same packages, and the project at the same path."""
    containers = [one for pod in PODS for one in [*pod["spec"]["containers"], *pod["spec"].get("initContainers", [])]]
    assert {container["image"] for container in containers} == {"trimline"}
    places = [
        (volume["persistentVolumeClaim"]["claimName"], mount["mountPath"])
        for pod in PODS
        for container in pod["spec"]["containers"]
        for volume in pod["spec"]["volumes"]
        for mount in container["volumeMounts"]
        if mount["name"] == volume["name"] and "persistentVolumeClaim" in volume
    ]
    assert len(places) == len(PODS)
    assert set(places) == {("trimline-shared", "/trimline")}
    assert all(pod["spec"]["securityContext"] == PODS[0]["spec"]["securityContext"] for pod in PODS)


def test_names_that_are_referred_to_are_there() -> None:
    settings = DOCUMENTS["ConfigMap trimline-settings"]["data"]
    assert settings["RAY_ADDRESS"] == "trimline-head-svc:6379"  # KubeRay adds -head-svc to the cluster's name
    assert "PersistentVolumeClaim trimline-shared" in DOCUMENTS
    selector = DOCUMENTS["NetworkPolicy trimline"]["spec"]["podSelector"]["matchLabels"].items()
    assert all(selector <= pod["metadata"]["labels"].items() for pod in PODS)
    resources = DOCUMENTS["Kustomization"]["resources"]
    assert sorted([*resources, "kustomization.yaml"]) == sorted(path.name for path in FOLDER.iterdir())
    page = (ROOT / "docs/how-to/kubernetes.md").read_text()
    assert all(f"create secret generic {name}" in page for name in ("trimline-access", "trimline-git"))


def test_the_version_of_ray_is_that_of_the_lock() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert f"\nray=={CLUSTERS[0]['spec']['rayVersion']} " in lock


def test_no_secret_is_in_a_file() -> None:
    assert not [name for name in DOCUMENTS if name.startswith("Secret")]
    for path in [*FOLDER.iterdir(), Path(ROOT / "deploy/Dockerfile")]:
        assert "PRIVATE KEY" not in path.read_text()
