"""compose.yaml and the manifests, held against what those who read them publish.

Fetched when it is tried, by Go's and Python's package tools: Compose's own loader (compose-go: its
schema, and what depends on what), kustomize, the schemas of Kubernetes (kubernetes-validate, from
PyPI), and CloudNativePG's definition of a Cluster (its Go module).
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from workbench.paths import ROOT

pytestmark = pytest.mark.installs

if not shutil.which("go"):
    pytest.skip("Go is not installed, whose packages read these files", allow_module_level=True)

COMPOSE_GO = "github.com/compose-spec/compose-go/v2@v2.4.6"
KUSTOMIZE = "sigs.k8s.io/kustomize/kustomize/v5@v5.5.0"
CLOUD_NATIVE_PG = "github.com/cloudnative-pg/cloudnative-pg@v1.24.1"
KUBERNETES_VALIDATE = "kubernetes-validate==1.37.0"
# The oldest and the newest that are tried.
KUBERNETES = ("1.29", "1.37")

LOADER = """
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	options, err := cli.NewProjectOptions(
		os.Args[1:], cli.WithOsEnv, cli.WithConsistency(true), cli.WithProfiles([]string{"*"}))
	if err == nil {
		project, failure := options.LoadProject(context.Background())
		if err = failure; err == nil {
			text, _ := project.MarshalJSON()
			fmt.Println(string(text))
			return
		}
	}
	fmt.Println(err)
	os.Exit(1)
}
"""
NAMES = {
    "APPOINTMENTS_VERSION": "1.2.3",
    "STAFF_NAME": "book.example",
    "FHIR_NAME": "gp.example",
    "PROXY_FQDN": "spine.example",
}


def run(*command: str | Path, folder: Path, **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "GOFLAGS": "-mod=mod", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


# ---------------------------------------------------------------- compose


@pytest.fixture(scope="module")
def loader(tmp_path_factory) -> Path:
    """Compose's own reader of such files, as a program."""
    folder = tmp_path_factory.mktemp("loader")
    (folder / "main.go").write_text(LOADER)
    run("go", "mod", "init", "loader", folder=folder)
    run("go", "get", COMPOSE_GO, folder=folder)
    run("go", "build", "-o", "loader", ".", folder=folder)
    return folder / "loader"


def test_compose_reads_it(loader):
    read = json.loads(run(loader, ROOT / "deploy/compose.yaml", folder=ROOT, **NAMES))

    assert set(read["services"]) >= {"web", "sealer", "scheduler", "postgresql", "nginx", "migrate"}
    assert read["services"]["web"]["image"] == "localhost/appointments:1.2.3"


@pytest.mark.parametrize("name", NAMES)
def test_compose_does_not_start_without_a_name(loader, name):
    given = {**NAMES, name: ""}
    with pytest.raises(AssertionError, match=name):
        run(loader, ROOT / "deploy/compose.yaml", folder=ROOT, **given)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        pytest.param("read_only: true", "read_onlly: true", id="a name"),
        pytest.param("condition: service_healthy", "condition: service_fine", id="a word"),
        pytest.param("sockets:/run", "nowhere:/run", id="a volume"),
        pytest.param(
            "network_mode: none", "network_mode: none\n    networks: [outside]", id="both"
        ),
    ],
)
def test_what_is_wrong_would_be_found(loader, tmp_path, right, wrong):
    text = (ROOT / "deploy/compose.yaml").read_text(encoding="utf-8")
    assert right in text
    (tmp_path / "compose.yaml").write_text(text.replace(right, wrong))

    with pytest.raises(AssertionError, match=r"loader"):
        run(loader, tmp_path / "compose.yaml", folder=tmp_path, **NAMES)


# ---------------------------------------------------------------- Kubernetes


@pytest.fixture(scope="module")
def manifests() -> list[dict[str, Any]]:
    """What would be applied, as kustomize puts it together."""
    built = run("go", "run", KUSTOMIZE, "build", "deploy/kubernetes", folder=ROOT)
    return list(yaml.safe_load_all(built))


def test_kustomize_names_the_image_and_the_namespace_everywhere(manifests):
    images = {
        each["image"]
        for manifest in manifests
        if manifest["kind"] in ("Deployment", "Job")
        for kind in ("containers", "initContainers")
        for each in manifest["spec"]["template"]["spec"].get(kind, ())
    }

    assert "registry.example/appointments:0" in images
    assert not [each for each in images if each.startswith("localhost")]
    assert {each["metadata"].get("namespace") for each in manifests} == {"appointments", None}


def test_kubernetes_would_take_them(manifests, tmp_path):
    """Strictly: a field that it does not know is refused, too."""
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", tmp_path)
    run(*pip, KUBERNETES_VALIDATE, "importlib_resources", folder=tmp_path)
    own = [each for each in manifests if "cnpg.io" not in each["apiVersion"]]
    wrong = yaml.safe_load(yaml.safe_dump(own[-1]))
    wrong["spec"]["podSelektor"] = {}
    check = (
        "import json, sys, kubernetes_validate as v\n"
        "for each in json.load(sys.stdin):\n"
        "    for version in sys.argv[1:]:\n"
        "        try: v.validate(each, version, strict=True)\n"
        "        except v.ValidationError as error: print(each['kind'], version, error.message)\n"
    )

    def found(documents: list[dict[str, Any]]) -> str:
        return subprocess.run(
            [sys.executable, "-c", check, *KUBERNETES],
            input=json.dumps(documents),
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    assert found(own) == ""
    assert "podSelektor" in found([wrong])


def strict(schema: Any) -> Any:
    """The same schema, in which an object has no fields but those that are named."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: strict(each) for name, each in schema.items()}
    if isinstance(made.get("properties"), dict) and not schema.get(
        "x-kubernetes-preserve-unknown-fields"
    ):
        made.setdefault("additionalProperties", False)
    return made


def test_cloudnativepg_would_take_the_cluster(manifests):
    module = json.loads(run("go", "mod", "download", "-json", CLOUD_NATIVE_PG, folder=ROOT.parent))
    definition = yaml.safe_load(
        Path(
            module["Dir"], "config", "crd", "bases", "postgresql.cnpg.io_clusters.yaml"
        ).read_text()
    )
    (version,) = definition["spec"]["versions"]
    schema = strict(version["schema"]["openAPIV3Schema"])
    schema["properties"]["metadata"] = {"type": "object"}
    (cluster,) = [each for each in manifests if each["kind"] == definition["spec"]["names"]["kind"]]

    assert cluster["apiVersion"] == f"{definition['spec']['group']}/{version['name']}"
    jsonschema.validate(cluster, schema)
    cluster["spec"]["instancs"] = 3
    with pytest.raises(jsonschema.ValidationError, match="instancs"):
        jsonschema.validate(cluster, schema)
