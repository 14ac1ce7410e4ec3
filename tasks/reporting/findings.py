"""All that the stages found out about a line, read once for every page that is made of it."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.contracts.files import read_json
from tasks.contracts.params import Report
from tasks.data import columns
from tasks.device.macs import macs
from tasks.reporting.cost import Cost, costs
from tasks.reporting.history import read_history
from tasks.reporting.layers import Layers, layers_of_release
from tasks.reporting.words import FLOAT32

TABLES = "tables"

# Of a curve, by class; of all classes together first.
Curves = dict[str, list[tuple[float, float]]]
History = list[dict[str, Any]]


@dataclass(frozen=True)
class Places:
    """Where the stages have left what a report reads: files, but for the folders that a plural or `data` names."""

    manifest: Path
    model: Path
    float32: Path
    evaluations: Path
    profiles: Path
    comparison: Path
    cross_validation: Path
    baseline: Path
    train_history: Path
    fine_tune_history: Path
    compressed: Path
    base: Path
    data: Path


@dataclass(frozen=True)
class Curved:
    """The curves of a file on the test rows.

    Attributes:
        roc: false and true positive rate, by class.
        precision_recall: recall and precision, by class.
        reliability: mean confidence, accuracy and rows of each bin.
    """

    roc: Curves
    precision_recall: Curves
    reliability: list[tuple[float, float, int]]


@dataclass(frozen=True)
class Findings:
    """Of a line and the file that it releases.

    Attributes:
        owner: what only the owner of the model knows.
        bundle: the manifest.
        metrics, profiles: what `evaluate` and `profile` wrote, by recipe.
        curves: of the released recipe and of float32; empty where the kind has none.
        predicted: actual and predicted numbers of the released recipe; empty where the kind has none.
        examples: references and translations of the released recipe; empty where the kind has none.
        transfer: what `fine_tune` compared.
        cross_validation: what `cross_validate` measured.
        baseline: what simple methods reach on the same rows.
        datasets: facts of `base` and `target`.
        histories: a row per epoch; of train, fine_tune and each recipe.
        layers: what each layer of the released file can still lose.
        macs: multiply-accumulates of one inference of the float32 file.
        costs: of the runs that the released model came from.
    """

    owner: Report
    bundle: dict[str, Any]
    metrics: dict[str, dict[str, Any]]
    profiles: dict[str, dict[str, Any]]
    curves: dict[str, Curved]
    predicted: list[tuple[float, float]]
    examples: list[list[str]]
    transfer: dict[str, Any]
    cross_validation: dict[str, Any]
    baseline: dict[str, Any]
    datasets: dict[str, dict[str, Any]]
    histories: dict[str, History]
    layers: Layers
    macs: int
    costs: list[Cost]

    @property
    def primary(self) -> str:
        """The metric that comes first."""
        return str(self.released["primary"])

    @property
    def recipe(self) -> str:
        """The recipe that is released."""
        return str(self.bundle["recipe"])

    @property
    def released(self) -> dict[str, Any]:
        """The metrics of the released file."""
        return self.metrics[self.recipe]

    @property
    def float32(self) -> dict[str, Any]:
        """The metrics of the float32 file."""
        return self.metrics[FLOAT32]

    @property
    def profile(self) -> dict[str, Any]:
        """The profile of the released file."""
        return self.profiles[self.recipe]


def read(owner: Report, recipes: Iterable[str], places: Places) -> Findings:
    """Read what a report is made of, and measure the layers of the released file."""
    recipes, bundle = list(recipes), read_json(places.manifest)
    recipe, data = bundle["recipe"], columns.load(places.data)
    histories = {"train": read_history(places.train_history), "fine_tune": read_history(places.fine_tune_history)}
    histories |= {name: read_history(places.compressed / name / "history.csv") for name in recipes}
    datasets = {"base": read_json(places.base), "target": data.facts}
    multiplied = macs(places.float32.read_bytes())
    return Findings(
        owner=owner,
        bundle=bundle,
        metrics={name: read_json(places.evaluations / name / "metrics.json") for name in recipes},
        profiles={name: read_json(places.profiles / f"{name}.json") for name in recipes},
        curves={
            name: _curved(places.evaluations / name / TABLES)
            for name in dict.fromkeys((recipe, FLOAT32))
            if (places.evaluations / name / TABLES / "roc.csv").exists()
        },
        predicted=_predicted(places.evaluations / recipe / TABLES / "predicted.csv"),
        examples=_rows_where_there(places.evaluations / recipe / TABLES / "examples.csv"),
        transfer=read_json(places.comparison),
        cross_validation=read_json(places.cross_validation),
        baseline=read_json(places.baseline),
        datasets=datasets,
        histories=histories,
        layers=layers_of_release(places.model, data, multiplied),
        macs=multiplied,
        costs=_costs(multiplied, bundle, histories, datasets),
    )


def rows_of(dataset: dict[str, Any], split: str) -> int:
    """Return the number of rows of a split."""
    return sum(shard["rows"] for shard in dataset["splits"][split])


def _costs(
    macs: int, bundle: dict[str, Any], histories: dict[str, History], datasets: dict[str, dict[str, Any]]
) -> list[Cost]:
    recipe, target = bundle["recipe"], rows_of(datasets["target"], "train")
    stages = {"train": histories["train"], "fine_tune": histories["fine_tune"], "compress": histories[recipe]}
    rows = {"train": rows_of(datasets["base"], "train"), "fine_tune": target, "compress": target}
    steps = bundle["parameters"]["compress"][recipe]["steps"]
    return costs(macs, stages, rows, [f"{recipe}-{step['step']}" for step in steps if step.get("distillation")])


def _curved(evaluation: Path) -> Curved:
    reliability = [(float(x), float(y), int(rows)) for x, y, rows in _rows(evaluation / "reliability.csv")]
    return Curved(_curves(evaluation / "roc.csv"), _curves(evaluation / "precision_recall.csv"), reliability)


def _predicted(path: Path) -> list[tuple[float, float]]:
    return [(float(actual), float(predicted)) for actual, predicted in _rows_where_there(path)]


def _curves(path: Path) -> Curves:
    found: Curves = {}
    for name, x, y in _rows(path):
        found.setdefault(name, []).append((float(x), float(y)))
    return found


def _rows_where_there(path: Path) -> list[list[str]]:
    return _rows(path) if path.exists() else []


def _rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))[1:]
