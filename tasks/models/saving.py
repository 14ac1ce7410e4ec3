"""Models on disk, byte for byte: `model.h5` (a .keras file and a SavedModel hold the time of day) and `model.json`."""

import warnings
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tasks.contracts.errors import DataError
from tasks.contracts.files import read_json, sha256, write_json
from tasks.data.columns import Dataset

WEIGHTS, FACTS = "model.h5", "model.json"


@dataclass(frozen=True)
class Facts:
    """What the stages after a model's need to know of it.

    Attributes:
        classes: the class names; an output is an index into them.
        image_shape: (height, width, channels) of the input.
        mean: raw pixel value that the model sees as 0.
        std: raw pixel values to a unit of the model's input.
        steps: techniques of compression that were trained into it.
        sparsity: of the pruned kernels together, where there are any.
        sha256: of model.h5.
    """

    classes: list[str]
    image_shape: list[int]
    mean: int
    std: float
    steps: list[str]
    sparsity: float | None = None
    sha256: str = ""


def facts_of(data: Dataset) -> Facts:
    """Take a new model's facts from the data set it is trained on."""
    normalisation = data.facts["normalisation"]
    return Facts(data.classes, data.facts["image"]["shape"], normalisation["mean"], normalisation["std"], steps=[])


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
    from tf_keras.models import load_model

    facts = load_facts(folder)
    if "quantize_aware" not in facts.steps:  # importing TFMOT takes seconds
        return load_model(folder / WEIGHTS, compile=False), facts
    import tensorflow_model_optimization as tfmot

    with tfmot.quantization.keras.quantize_scope():
        return load_model(folder / WEIGHTS, compile=False), facts
