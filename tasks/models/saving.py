"""Models on disk: `model.h5` with the weights, `model.json` with the metadata, equal bytes for equal models."""

import warnings
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core.errors import DataError
from tasks.core.files import read_json, sha256, write_json

if TYPE_CHECKING:  # brings numpy, for which whoever reads settings need not wait
    from tasks.data.columns import Dataset

WEIGHTS, METADATA = "model.h5", "model.json"


# Of dataset.json, what is about the rows and not about what a model is fed.
OF_ROWS = frozenset(
    {
        "kind",
        "target",
        "attributes",
        "assets",
        "splits",
        "quarantined",
        "account",
        "near_copies",
        "schema_sha256",
        "raw_manifest_sha256",
    }
)


@dataclass(frozen=True)
class ModelMetadata:
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

    def normalised_by(self, mean: float, std: float) -> "ModelMetadata":
        """Return the metadata of a model whose images are normalised in another way."""
        return replace(self, data={**self.data, "normalisation": {"mean": mean, "std": std}})


def image_metadata(classes: list[str], shape: tuple[int, ...], mean: float, std: float) -> ModelMetadata:
    """Return the metadata of an image classifier."""
    inputs = {"image": {"shape": list(shape), "dtype": "uint8"}}
    normalisation = {"mean": mean, "std": std}
    return ModelMetadata("image_classification", {"classes": classes, "inputs": inputs, "normalisation": normalisation})


def metadata_of(data: "Dataset") -> ModelMetadata:
    """Take a new model's metadata from the data set it is trained on."""
    return ModelMetadata(
        data.metadata["kind"], {name: value for name, value in data.metadata.items() if name not in OF_ROWS}
    )


def save(model: Any, metadata: ModelMetadata, folder: Path) -> None:
    """Write a model into a new folder."""
    folder.mkdir(parents=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*HDF5 file")  # chosen: the newer formats are not repeatable
        model.save(folder / WEIGHTS, include_optimizer=False)
    write_json(folder / METADATA, asdict(replace(metadata, sha256=sha256(folder / WEIGHTS))))


def load_metadata(folder: Path) -> ModelMetadata:
    """Read a model's metadata, after comparing its file with its SHA-256 sum; needs no TensorFlow.

    Raises:
        DataError: the file is not the one that was saved.
    """
    metadata = ModelMetadata(**read_json(folder / METADATA))
    got = sha256(folder / WEIGHTS)
    if got != metadata.sha256:
        raise DataError(
            got=f"{folder / WEIGHTS} with SHA-256 {got}",
            expected=f"SHA-256 {metadata.sha256}",
            do=f"the file was damaged after it was written: delete {folder} and run `dvc repro` again",
        )
    return metadata


def load(folder: Path) -> tuple[Any, ModelMetadata]:
    """Read a model and its metadata; see `load_facts`."""
    import tasks.models.quiet_tensorflow  # isort: skip  # starts TensorFlow quietly
    from tf_keras.models import load_model

    import tasks.models.tree_layers  # noqa: F401  # its layers are known to Keras from then on

    metadata = load_metadata(folder)
    if "quantize_aware" not in metadata.steps:  # importing TFMOT takes seconds
        return load_model(folder / WEIGHTS, compile=False), metadata
    import tensorflow_model_optimization as tfmot

    with tfmot.quantization.keras.quantize_scope():
        return load_model(folder / WEIGHTS, compile=False), metadata
