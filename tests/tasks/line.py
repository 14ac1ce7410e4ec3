"""A tiny model line of real digits in a folder of its own, and its stages as the processes that DVC starts."""

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
from importlib import util
from pathlib import Path
from typing import IO, Any

import numpy as np

from tasks.core.files import sha256
from tasks.core.params import data as data_params
from tasks.data.records import Array
from tasks.ingest import ingest
from tasks.kinds.image_classification import Preprocess
from tasks.line import params_file
from tasks.line.params import Params
from tasks.preprocess import preprocess
from tests.graph_rules import ROOT, yaml
from tests.tasks import warm

RECIPES = ("float32", "int8", "pruned_qat_int8")
SPARSITY = 0.6
FILES = ["ingest@base", "ingest@target", "preprocess@base", "preprocess@target", "baseline"]
MODELS = ["train", "fine_tune", "cross_validate", *(f"compress@{recipe}" for recipe in RECIPES)]
EXPORTS = [f"{name}@{recipe}" for name in ("export", "evaluate", "profile") for recipe in RECIPES]
DECISION = ["verdict", "report", "release"]
IMPORT_TENSORFLOW = ("train", "fine_tune", "compress", "export")  # cross_validate does in processes of its own
SCHEMA = {
    "kind": "image_classification",
    "dtype": "float32",
    "height": {"min": 8, "max": 8},
    "width": {"min": 8, "max": 8},
    "channels": 1,
    "value": {"min": 0, "max": 16},
    "classes": [str(digit) for digit in range(10)],
}


def digits(start: int, stop: int) -> list[str]:
    """Lines of scikit-learn's UCI digits: 64 pixels of 0 to 16, then the label. All contents differ."""
    folder = Path(str(next(iter(util.find_spec("sklearn").submodule_search_locations))))  # type: ignore[union-attr,arg-type]
    with gzip.open(folder / "datasets/data/digits.csv.gz", "rt") as file:
        return file.read().splitlines()[start:stop]


def pixels(lines: list[str]) -> Array:
    """The images of such lines, (rows, 8, 8, 1), as numpy reads them."""
    return np.loadtxt(lines, delimiter=",", ndmin=2)[:, :-1].reshape(-1, 8, 8, 1)


def fit(epochs: int, learning_rate: float = 1e-2) -> dict[str, Any]:
    return {
        "epochs": epochs, "batch_size": 16, "learning_rate": learning_rate, "patience": epochs,
        "augment": {"max_shift": 1, "flip": False}, "seed": 0,
    }  # fmt: skip


def prune_step(**changes: Any) -> dict[str, Any]:
    """A pruning step, changed."""
    return {
        "step": "prune", "schedule": "polynomial", "sparsity": SPARSITY, "layers": {}, "pattern": "unstructured",
        "distillation": None, "fit": fit(4),
    } | changes  # fmt: skip


def cluster_step(**changes: Any) -> dict[str, Any]:
    """A clustering step, changed."""
    return {
        "step": "cluster", "clusters": 8, "layers": {}, "per_channel": False, "preserve_sparsity": False,
        "distillation": None, "fit": fit(2, 1e-3),
    } | changes  # fmt: skip


def aware_step(**changes: Any) -> dict[str, Any]:
    """A quantization-aware step, changed."""
    return {
        "step": "quantize_aware", "preserve_sparsity": False, "preserve_clusters": False, "weight_step": None,
        "layers": {}, "distillation": None, "fit": fit(2, 1e-3),
    } | changes  # fmt: skip


def complete(path: str) -> dict[str, Any]:
    """A parameters file of the repository, all defaults written out."""
    return params_file.resolved(yaml(path))


def tiny_params() -> dict[str, Any]:
    """The repository's own params.yaml with less work in it."""
    params = complete("params.yaml")
    steps = {"float32": [], "int8": [], "pruned_qat_int8": [prune_step(), aware_step(preserve_sparsity=True)]}
    finish = {"pruned_qat_int8": [{"step": "round_weights", "noise_per_bit": 1e-6}, {"step": "slim"}]}
    for role in ("base", "target"):
        params["ingest"][role] = {"source": "path", "tracked": f"incoming/{role}.csv"}
        params["preprocess"][role] = {
            "format": "pixels_csv", "image_shape": [16, 16, 1], "value_max": 16, "attributes": None,
            "max_bad_fraction": 0.05, "shard_rows": 100, "split": {"validation": 0.1, "test": 0.3, "seed": 0},
        }  # fmt: skip
    params["train"] |= {"architecture": "conv_net", "filters": [8, 16], "fit": fit(8)}
    params["fine_tune"] |= {"head": fit(2), "all_layers": fit(6)}
    params["compress"] = {
        recipe: {
            "steps": steps[recipe], "precision": "float32" if recipe == "float32" else "int8", "float_layers": [],
            "finish": finish.get(recipe, []),
        }
        for recipe in RECIPES
    }  # fmt: skip
    params["cross_validate"] |= {"folds": 2}
    params["export"] |= {"calibration_rows": 100}
    params["profile"] |= {"warm_up_runs": 5, "runs": 50}
    params["release"] |= {
        "max_size_bytes": 1_000_000,
        "max_latency_us": 1e6,
        "at_least": {},
        "at_most": {},
        "max_drop": {"accuracy": 1.0},
        "max_slice_drop": 1.0,
        "min_agreement": 0.0,
    }
    return params


def conv_net(filters: list[int], shape: tuple[int, int, int]) -> Any:
    """The architecture of the tiny line for images of ten classes."""
    from tasks.models.architectures import conv_net as architecture
    from tasks.models.architectures.conv_net import Train
    from tasks.models.saving import image_metadata

    params = Train.model_validate(complete("params.yaml")["train"] | {"filters": filters})
    return architecture.build(params, image_metadata([str(digit) for digit in range(10)], shape, 0, 1))


def write_params(folder: Path, params: dict[str, Any]) -> None:
    (folder / "params.yaml").write_text(json.dumps(params, indent=1))  # JSON is YAML


def create(folder: Path) -> Path:
    """A working folder like a clone's: parameters, the lock, the code, schemas and raw data."""
    (folder / "incoming").mkdir(parents=True)
    (folder / "schemas").mkdir()
    write_params(folder, tiny_params())
    shutil.copyfile(ROOT / "requirements.lock", folder / "requirements.lock")
    shutil.copytree(ROOT / "presets", folder / "presets")
    shutil.copytree(ROOT / "tasks", folder / "tasks", ignore=shutil.ignore_patterns("__pycache__"))
    for role, start in (("base", 0), ("target", 300)):
        (folder / f"incoming/{role}.csv").write_text("\n".join(digits(start, start + 300)) + "\n")
        (folder / f"schemas/{role}.json").write_text(json.dumps(SCHEMA))
    return folder


def command(name: str) -> list[str]:
    """What dvc.yaml runs for a stage, with the code that lies in the working folder."""
    stage, _, key = name.partition("@")
    entry = yaml("dvc.yaml")["stages"][stage]
    text: str = entry.get("do", entry)["cmd"].replace("${key}", key).replace("${train.data}", "base")
    return [sys.executable, "-m", "tasks.commands.stage", *text.split()[2:]]


def planned(folder: Path) -> subprocess.CompletedProcess[str] | None:
    """Plan the line, as DVC would before a stage, where the plan is out of date; None: all is well.

    What was planned once, here or in another folder of the same contents, is not planned again: that takes a second.
    """
    state, seen = _state(folder), folder / ".planned"
    if (folder / "plan").is_dir() and seen.exists() and seen.read_text() == state:
        return None
    if state in _PLANS:
        shutil.rmtree(folder / "plan", ignore_errors=True)
        write_tree(folder / "plan", _PLANS[state])
    elif (done := _run_plan(folder)).returncode:
        return done
    else:
        _PLANS[state] = tree(folder / "plan")
    seen.write_text(state)
    return None


_PLANS: dict[str, dict[str, bytes]] = {}  # the files of each plan, by the state of the folder that it was made of


def _state(folder: Path) -> str:
    """The digest of all that a plan is made of, wherever the folder lies."""
    files = [folder / "params.yaml", folder / "requirements.lock", *(folder / "schemas").glob("*.json")]
    files += [path for path in (folder / "tasks").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    files += [path for path in (folder / "presets").rglob("*") if path.is_file()]
    contents = (f"{path.relative_to(folder)} {sha256(path)}" for path in sorted(files) if path.exists())
    return hashlib.sha256("\n".join(contents).encode()).hexdigest()


def _run_plan(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the stage that plans, which needs no TensorFlow: a warm process is not started for it."""
    words = command("plan")
    if warm.is_running():
        return warm.run(folder, words[2:])
    return finished(start(folder, words), words)


def start(
    folder: Path, words: list[str], stdout: IO[str] | int = subprocess.PIPE, **environment: str
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        words, cwd=folder, env=os.environ | environment, text=True, stdout=stdout, stderr=subprocess.STDOUT
    )


def begin(
    folder: Path, name: str, stdout: IO[str] | int = subprocess.PIPE, **environment: str
) -> subprocess.Popen[str]:
    """Start a stage of a line that can be planned; it is not waited for."""
    refused = planned(folder)
    assert refused is None, refused.stdout
    return start(folder, command(name), stdout, **environment)


def run(folder: Path, name: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a stage by its name, or any module with arguments, to its end; what it says is in `stdout`."""
    if " " in name:
        words = [sys.executable, "-m", *name.split()]
    elif name != "plan" and (refused := planned(folder)):
        return refused
    else:
        words = command(name)
    return finished(start(folder, words, subprocess.PIPE, **environment), words)


def finished(process: subprocess.Popen[str], words: list[str]) -> subprocess.CompletedProcess[str]:
    """Wait for a process; what it says is in `stdout`."""
    said, _ = process.communicate(timeout=300)
    return subprocess.CompletedProcess(words, process.returncode, said)


def run_warm(folder: Path, name: str) -> subprocess.CompletedProcess[str]:
    """Run a stage as `run` does, in a process that need not import TensorFlow first."""
    return planned(folder) or warm.run(folder, command(name)[2:])


def run_all(folder: Path, names: list[str]) -> Path:
    """Run stages that must succeed, one after the other."""
    for name in names:
        done = (run_warm if name.partition("@")[0] in IMPORT_TENSORFLOW else run)(folder, name)
        assert done.returncode == 0, f"{name}\n{done.stdout}"
    return folder


def section(**changes: Any) -> Preprocess:
    """The tiny line's preprocess.target, changed."""
    return Preprocess.model_validate(tiny_params()["preprocess"]["target"] | changes)


def params_of(folder: Path) -> Params:
    return params_file.load(folder / "params.yaml")


def prepared(folder: Path, source: Path, params: data_params.Preprocess, schema: dict[str, Any] | None = None) -> Path:
    """Ingest a source and preprocess it, in this process; return the ready folder."""
    from tasks.core.params.data import PathSource

    ingest(PathSource(source="path", tracked=str(source)), raw=folder / "raw")
    promised: dict[str, Any] = schema or SCHEMA
    (folder / "schema.json").write_text(json.dumps(promised))
    preprocess(params, promised["kind"], raw=folder / "raw", schema=folder / "schema.json", ready=folder / "ready")
    return folder / "ready"


def csv_of(folder: Path, lines: list[str], name: str = "rows.csv") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder / name


def write_tree(folder: Path, files: dict[str, bytes]) -> None:
    """Write what `tree` has read."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden ones too."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
