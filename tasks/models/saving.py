"""Models on disk, byte for byte: `model.h5` (a .keras file and a SavedModel hold the time of day) and `model.json`."""

import warnings
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tasks.contracts.errors import DataError
from tasks.contracts.files import read_json, sha256, write_json
from tasks.data.columns import Dataset

WEIGHTS, FACTS = "model.h5", "model.json"


# Of dataset.json, what is about the rows and not about what a model is fed.
OF_ROWS = frozenset(
    {"kind", "target", "attributes", "assets", "splits", "quarantined", "schema_sha256", "raw_manifest_sha256"}
)


@dataclass(frozen=True)
class Facts:
    """What the stages after a model's need to know of it.

    Attributes:
        kind: of work.
        data: what preprocess found out on the training rows: `inputs`, of classifiers `classes`, of images
            `normalisation` (mean: raw value that the model sees as 0; std: raw values to a unit of its input).
        steps: techniques of compression that were trained into it.
        sparsity: of the pruned kernels together, where there are any.
        sha256: of model.h5.
    """

    kind: str
    data: dict[str, Any]
    steps: list[str] = field(default_factory=list)
    sparsity: float | None = None
    sha256: str = ""

    @property
    def classes(self) -> list[str]:
        """The class names; an output is an index into them."""
        return list(self.data["classes"])

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(height, width, channels) of the input."""
        return tuple(self.data["inputs"]["image"]["shape"])

    @property
    def mean(self) -> float:
        """Raw pixel value that the model sees as 0."""
        return float(self.data["normalisation"]["mean"])

    @property
    def std(self) -> float:
        """Raw pixel values to a unit of the model's input."""
        return float(self.data["normalisation"]["std"])

    def normalised_by(self, mean: float, std: float) -> "Facts":
        """Return the facts of a model whose images are normalised in another way."""
        return replace(self, data={**self.data, "normalisation": {"mean": mean, "std": std}})


def of_images(classes: list[str], shape: tuple[int, ...], mean: float, std: float) -> Facts:
    """Return the facts of an image classifier."""
    inputs = {"image": {"shape": list(shape), "dtype": "uint8"}}
    normalisation = {"mean": mean, "std": std}
    return Facts("image_classification", {"classes": classes, "inputs": inputs, "normalisation": normalisation})


def facts_of(data: Dataset) -> Facts:
    """Take a new model's facts from the data set it is trained on."""
    return Facts(data.facts["kind"], {name: value for name, value in data.facts.items() if name not in OF_ROWS})


def save(model: Any, facts: Facts, folder: Path) -> None:
    """Write a model into a new folder."""
    folder.mkdir(parents=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*HDF5 file")  # chosen: the newer formats are not repeatable
        model.save(folder / WEIGHTS, include_optimizer=False)
    write_json(folder / FACTS, asdict(replace(facts, sha256=sha256(folder / WEIGHTS))))


def load_facts(folder: Path) -> Facts:
    """Read a model's facts, after comparing its file with its SHA-256 sum; needs no TensorFlow.

    Raises:
        DataError: the file is not the one that was saved.
    """
    facts = Facts(**read_json(folder / FACTS))
    got = sha256(folder / WEIGHTS)
    if got != facts.sha256:
        raise DataError(
            got=f"{folder / WEIGHTS} with SHA-256 {got}",
            expected=facts.sha256,
            do=f"the file was damaged after it was made: delete {folder} and run `dvc repro` again",
        )
    return facts


def load(folder: Path) -> tuple[Any, Facts]:
    """Read a model and its facts; see `load_facts`."""
    import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
    from tf_keras.models import load_model

    facts = load_facts(folder)
    if "quantize_aware" not in facts.steps:  # importing TFMOT takes seconds
        return load_model(folder / WEIGHTS, compile=False), facts
    import tensorflow_model_optimization as tfmot

    with tfmot.quantization.keras.quantize_scope():
        return load_model(folder / WEIGHTS, compile=False), facts
