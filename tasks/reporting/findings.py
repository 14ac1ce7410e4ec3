"""The findings of a line's stages, read once for all pages."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.core import environment
from tasks.core.files import read_json, sha256
from tasks.core.params.sections import Report
from tasks.data import columns
from tasks.line.params import Params
from tasks.models.checkpoint import read_history
from tasks.reporting import quality
from tasks.reporting.examples import Examples, examples_of
from tasks.reporting.layers import Layers, layers_of
from tasks.reporting.quality import Quality
from tasks.reporting.trial import Trial, trial_of
from tasks.reporting.version import Version, version_of
from tasks.reporting.words import FLOAT32
from tasks.tflite import bundle
from tasks.tflite.measure import macs

# A backward pass costs about two forward passes: gradients of the activations, and of the weights.
FACTOR = 3
SOURCE = "Kaplan et al. 2020, arXiv:2001.08361, section 2.1"
# Trained by `fine_tune` for the comparison alone.
COMPARISON = "from_scratch"


@dataclass(frozen=True)
class Cost:
    """Of one training run.

    Attributes:
        run: its name in the history.
        epochs: done, those after the best one included.
        rows: of the training split that an epoch goes through.
        passes: of an inference's work that an example costs: `FACTOR`, and one more where a teacher answers, too.
        flops: two for each multiply-accumulate.
    """

    run: str
    epochs: int
    rows: int
    passes: int
    flops: int

    @property
    def examples(self) -> int:
        """How many times an example was trained on."""
        return self.epochs * self.rows


def costs(
    macs: int, histories: Mapping[str, Iterable[Mapping[str, Any]]], rows: Mapping[str, int], taught: Iterable[str]
) -> list[Cost]:
    """Return what each run cost that the released model came from, in their order.

    An epoch counts as all rows through all layers: that of a frozen head, and of a last batch that is not full, cost
    less. Validation and fake quantization are not counted.

    Args:
        macs: multiply-accumulates of one inference of the float model.
        histories: rows per epoch with their `run`, by stage: train, fine_tune, compress.
        rows: of the training split of each stage.
        taught: the runs in which a teacher answers beside the labels.
    """
    with_teacher = frozenset(taught)
    found = []
    for stage, history in histories.items():
        runs = [str(row["run"]) for row in history]
        for run in dict.fromkeys(run for run in runs if run != COMPARISON):
            passes = FACTOR + (run in with_teacher)
            examples = runs.count(run) * rows[stage]
            found.append(Cost(run, runs.count(run), rows[stage], passes, 2 * macs * passes * examples))
    return found


TABLES = "tables"

# Of a curve, by class; of all classes together first.
Curves = dict[str, list[tuple[float, float]]]
History = list[dict[str, Any]]


@dataclass(frozen=True)
class Places:
    """Where the stages have left what a report reads: files, but for the folders that a plural or `data` names."""

    verdict: Path
    models: Path
    evaluations: Path
    profiles: Path
    comparison: Path
    cross_validation: Path
    labels: Path
    baseline: Path
    train_history: Path
    fine_tune_history: Path
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
    """Of a line and the file that the report describes: the released one, or the one that came nearest.

    Attributes:
        version: when the report is made, of which commit, from which data.
        owner: what only the owner of the model knows.
        parameters: the settings of the whole line.
        verdict: which recipe is released, if any, and the gates of all.
        interface: what the device feeds the described file.
        files: digests of the described file and its assets, by their names in a bundle.
        inputs: digests of all that they came from.
        environment: versions of the software, and the kind of processor.
        metrics, profiles: what `evaluate` and `profile` wrote, by recipe.
        curves: of the described recipe and of float32; empty where the kind has none.
        predicted: actual and predicted numbers of the described recipe; empty where the kind has none.
        examples: references and translations of the described recipe; empty where the kind has none.
        transfer: what `fine_tune` compared.
        cross_validation: what `cross_validate` measured.
        quality: what is known of single rows of the target.
        baseline: what simple methods reach on the same rows.
        datasets: metadata of `target`, and of `base` where that is another one.
        histories: a row per epoch; of train, fine_tune and each recipe.
        layers: what each layer of the described file can still lose.
        shown: rows of the target as people see them: the most confident errors, hard ones, some of each class.
        trial: the box in which the described file answers.
        macs: multiply-accumulates of one inference of the float32 file.
        costs: of the runs that the described file came from.
    """

    version: Version
    owner: Report
    parameters: dict[str, Any]
    verdict: dict[str, Any]
    interface: dict[str, Any]
    files: dict[str, str]
    inputs: dict[str, str]
    environment: dict[str, str]
    metrics: dict[str, dict[str, Any]]
    profiles: dict[str, dict[str, Any]]
    curves: dict[str, Curved]
    predicted: list[tuple[float, float]]
    examples: list[list[str]]
    transfer: dict[str, Any]
    cross_validation: dict[str, Any]
    quality: Quality
    baseline: dict[str, Any]
    datasets: dict[str, dict[str, Any]]
    histories: dict[str, History]
    layers: Layers
    shown: Examples
    trial: Trial
    macs: int
    costs: list[Cost]

    @property
    def primary(self) -> str:
        """The metric that comes first."""
        return str(self.measured["primary"])

    @property
    def kind(self) -> str:
        """The kind of model, for people."""
        return str(self.parameters["kind"]).replace("_", " ")

    @property
    def is_released(self) -> bool:
        """Whether a recipe is released."""
        return bool(self.verdict["released"])

    @property
    def accepted(self) -> dict[str, Any]:
        """The recipe that its owner took at their own risk, the reason, the file's digest; empty where none was."""
        return dict(self.verdict["accepted"] or {})

    @property
    def recipe(self) -> str:
        """The recipe that the report describes."""
        return str(self.verdict["described"])

    @property
    def subject(self) -> str:
        """The described file, as a sentence names it."""
        return "the released file" if self.is_released else "the nearest candidate"

    @property
    def measured(self) -> dict[str, Any]:
        """The metrics of the described file."""
        return self.metrics[self.recipe]

    @property
    def float32(self) -> dict[str, Any]:
        """The metrics of the float32 file."""
        return self.metrics[FLOAT32]

    def dataset_sha256(self, role: str) -> str:
        """Return the digest of a data set; a line without a base has its target in that place."""
        return self.inputs.get(f"data/ready/{role}/dataset.json", self.inputs["data/ready/target/dataset.json"])

    @property
    def profile(self) -> dict[str, Any]:
        """The profile of the described file."""
        return self.profiles[self.recipe]


def read(line: Params, places: Places) -> Findings:
    """Read what a report is made of, and measure the layers of the described file."""
    verdict, target, parameters = read_json(places.verdict), columns.load(places.data), line.model_dump(mode="json")
    recipe, recipes = verdict["described"], list(line.compress)
    file = bundle.tflite_file(places.models, recipe)
    histories = _histories(places, recipes)
    base = {} if places.base.parent == places.data else {"base": read_json(places.base)}
    datasets = {**base, "target": target.metadata}  # one data set may be both
    multiplied = macs(bundle.tflite_file(places.models, FLOAT32).read_bytes())
    interface, predictions = bundle.interface(file, target), places.evaluations / recipe / "predictions.npz"
    tables = {name: places.evaluations / name / TABLES for name in dict.fromkeys((recipe, FLOAT32))}
    return Findings(
        version=version_of(sha256(places.data / columns.DATASET)),
        owner=line.report,
        parameters=parameters,
        verdict=verdict,
        interface=interface,
        files={bundle.MODEL: sha256(file)}
        | {f"{bundle.ASSETS}/{name}": digest for name, digest in target.metadata["assets"].items()},
        inputs=bundle.inputs(places.base, places.data, places.models, places.evaluations),
        environment=environment.describe(),
        metrics={name: read_json(places.evaluations / name / "metrics.json") for name in recipes},
        profiles={name: read_json(places.profiles / f"{name}.json") for name in recipes},
        curves={name: _curved(folder) for name, folder in tables.items() if (folder / "roc.csv").exists()},
        predicted=_predicted(tables[recipe] / "predicted.csv"),
        examples=_rows_where_there(tables[recipe] / "examples.csv"),
        transfer=read_json(places.comparison),
        cross_validation=read_json(places.cross_validation),
        quality=quality.read(target, places.labels),
        baseline=read_json(places.baseline),
        datasets=datasets,
        histories=histories,
        layers=layers_of(file, target, multiplied),
        shown=examples_of(target, predictions),
        trial=trial_of(target, file, interface, predictions, multiplied),
        macs=multiplied,
        costs=_costs(multiplied, recipe, parameters["compress"][recipe]["steps"], histories, datasets),
    )


def rows_of(dataset: dict[str, Any], split: str) -> int:
    """Return the number of rows of a split."""
    return sum(shard["rows"] for shard in dataset["splits"][split])


def _histories(places: Places, recipes: list[str]) -> dict[str, History]:
    found = {"train": read_history(places.train_history), "fine_tune": read_history(places.fine_tune_history)}
    compressed = places.models / "compressed"
    return found | {name: read_history(compressed / name / "history.csv") for name in recipes}


def _costs(
    macs: int,
    recipe: str,
    steps: list[dict[str, Any]],
    histories: dict[str, History],
    datasets: dict[str, dict[str, Any]],
) -> list[Cost]:
    target = rows_of(datasets["target"], "train")
    stages = {"train": histories["train"], "fine_tune": histories["fine_tune"], "compress": histories[recipe]}
    rows = {
        "train": rows_of(datasets.get("base", datasets["target"]), "train"),
        "fine_tune": target,
        "compress": target,
    }
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
