"""The findings of a line's stages, read once for all pages."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tasks.compression.search.space import Sensitivity, sensitivities
from tasks.core import environment
from tasks.core.files import read_json, sha256
from tasks.core.params.sections import Report
from tasks.data import columns
from tasks.data.columns import Dataset
from tasks.data.records import Array
from tasks.line.params import Params
from tasks.models.checkpoint import read_history
from tasks.reporting.words import FLOAT32
from tasks.tflite import bundle
from tasks.tflite.file import File, Weighted
from tasks.tflite.measure import macs
from tasks.tflite.runtime import ExportedFile

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


MAX_LAYERS = 40
MAX_WEIGHTS = 50_000  # rounding takes 0.14 ms for each on one core
MAX_ROWS, MIN_ROWS = 500, 50
MAX_MACS = 6_000_000_000  # of all answers together: some seconds
RUNS = 4  # of all rows, for each layer
CALIBRATION_ROWS = 100


@dataclass(frozen=True)
class Layers:
    """Of a file.

    Attributes:
        rows: of the test split, whose answers were compared.
        found: in the order of the file.
        left_out: why nothing was measured, None where it was.
    """

    rows: int = 0
    found: list[Sensitivity] = field(default_factory=list)
    left_out: str | None = None


def layers_of(model: Path, data: Dataset, macs: int) -> Layers:
    """Round each int8 kernel of a file alone and see what it saves and which answers change.

    How much is measured follows from the file alone and never from a clock, so that equal files give equal pages.

    Args:
        model: the file.
        data: training rows give the statistics, test rows the answers.
        macs: multiply-accumulates of one inference.
    """
    if list(data.inputs) != ["image"]:
        return Layers(left_out="it is measured for files that are fed an image.")
    content = model.read_bytes()
    file = File(content)
    operators = [one for one in file.weighted() if file.dtype(one.kernel) == file.dtype(one.inputs) == np.int8]
    weights = sum(file.values(one.kernel).size for one in operators)
    rows = min(MAX_ROWS, data.rows("test"), MAX_MACS // max(1, RUNS * len(operators) * macs))
    if reason := _too_much(len(operators), weights, rows, data.rows("test")):
        return Layers(left_out=reason)
    exported = ExportedFile(model, threads=1)
    calibration = _reals(exported, data.column("train", "image").take(_first(data.rows("train"), CALIBRATION_ROWS)))
    shown = _reals(exported, data.column("test", "image").take(_first(data.rows("test"), rows)))
    names = [_name(place, file, one) for place, one in enumerate(operators, 1)]
    return Layers(rows, sensitivities(content, names, calibration, shown))


def _too_much(layers: int, weights: int, rows: int, all_rows: int) -> str | None:
    if not layers:
        return "the file has no int8 layers."
    if layers > MAX_LAYERS:
        return f"{layers} layers; more than {MAX_LAYERS} would take minutes."
    if weights > MAX_WEIGHTS:
        return f"{weights:,} weights; more than {MAX_WEIGHTS:,} would take minutes."
    if rows < min(MIN_ROWS, all_rows):
        return f"an inference is so long that fewer than {MIN_ROWS} rows fit into some seconds."
    return None


def _first(rows: int, wanted: int) -> Array:
    return np.arange(min(rows, wanted))


def _reals(file: ExportedFile, images: Array) -> Array:
    """Return raw images as the real values that the file's int8 input stands for, (rows, ...) of float32."""
    scale, zero_point = file.input["quantization"]
    return np.asarray((file.feed(images).astype(np.float32) - zero_point) * np.float32(scale))


def _name(place: int, file: File, operator: Weighted) -> str:
    """Name a layer by its place, operator and kernel: `2 conv 3x3, 16 to 32`."""
    shape = [int(size) for size in file.tensors[operator.kernel].shape]
    if operator.kind == "dense":
        return f"{place} dense, {shape[1]} to {shape[0]}"
    window = f"{place} {operator.kind} {shape[1]}x{shape[2]}"
    return f"{window}, {shape[3]}" if operator.kind == "depthwise" else f"{window}, {shape[3]} to {shape[0]}"


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
        baseline: what simple methods reach on the same rows.
        datasets: metadata of `base` and `target`.
        histories: a row per epoch; of train, fine_tune and each recipe.
        layers: what each layer of the described file can still lose.
        macs: multiply-accumulates of one inference of the float32 file.
        costs: of the runs that the described file came from.
    """

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
    baseline: dict[str, Any]
    datasets: dict[str, dict[str, Any]]
    histories: dict[str, History]
    layers: Layers
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
        """Whether a recipe passed every gate."""
        return bool(self.verdict["released"])

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
    datasets = {"base": read_json(places.base), "target": target.metadata}
    multiplied = macs(bundle.tflite_file(places.models, FLOAT32).read_bytes())
    tables = {name: places.evaluations / name / TABLES for name in dict.fromkeys((recipe, FLOAT32))}
    return Findings(
        owner=line.report,
        parameters=parameters,
        verdict=verdict,
        interface=bundle.interface(file, target),
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
        baseline=read_json(places.baseline),
        datasets=datasets,
        histories=histories,
        layers=layers_of(file, target, multiplied),
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
    rows = {"train": rows_of(datasets["base"], "train"), "fine_tune": target, "compress": target}
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
