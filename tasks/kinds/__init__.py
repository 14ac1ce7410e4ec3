"""What a kind of work is: a package here, found by the name that `kind` has in params.yaml.

| module | its object | its contract |
|---|---|---|
| `__init__.py` | `Preprocess`, the section `preprocess.<role>` | `tasks.core.params.data.Preprocess` |
| `data.py` | `DATA`: good rows, duplicates, splits, statistics, encoding | `tasks.data.schema.KindData` |
| `model.py` | `MODEL`: what a model is fed, its loss, its outputs | `tasks.models.learning_task.KindModel` |
| `evaluation.py` | `EVALUATION`: inference, metrics, baselines | `tasks.metrics.kind_evaluation.KindEvaluation` |
| `export.py` | `EXPORT`: the TFLite file of a recipe | `KindExport`, below |

To add a kind, write these five modules; docs/how-to/add-a-kind.md shows one. No registration is needed. Only stages and
commands call the loaders below; the packages under this one are handed the objects. A contract lies in the lowest
package that uses it, and this package imports none of them when it is imported: reading the settings of a kind loads
no metric and no TensorFlow. Each loader imports one module, so that a stage depends on the modules that it loads alone.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tasks.core.params.recipes import Recipe
    from tasks.core.params.sections import Export
    from tasks.data.columns import Dataset
    from tasks.data.schema import AnyKindData, KindData
    from tasks.metrics.kind_evaluation import KindEvaluation
    from tasks.models.learning_task import KerasModel, KindModel, LearningTask
    from tasks.models.saving import ModelMetadata

__all__ = [
    "AnyKindData",
    "KindData",
    "KindEvaluation",
    "KindExport",
    "KindModel",
    "LearningTask",
    "data_of",
    "evaluation_of",
    "export_of",
    "model_of",
]


class KindExport(Protocol):
    """Converts a trained model of a kind.

    It lies apart from `model.py` so that a change of the conversion or of a finishing step trains nothing again.
    """

    def to_tflite(
        self, model: "KerasModel", metadata: "ModelMetadata", recipe: "Recipe", data: "Dataset", params: "Export"
    ) -> bytes:
        """Convert a model to the file of a recipe and apply its finish; the same input gives equal bytes.

        Args:
            model: as training leaves it.
            metadata: of the model.
            recipe: its `precision`, `float_layers` and `finish` count.
            data: the target; its training rows calibrate.
            params: of the calibration.

        Raises:
            ParamsError: the recipe asks for what files of this kind cannot have.
            DataError: the model was made for other data than `data`.
            StageError: a step of the finish did not do its work.
        """


def data_of(kind: str) -> "AnyKindData":
    """Return how the rows of a kind are cleaned, split and encoded; loads no TensorFlow."""
    data: AnyKindData = import_module(f"tasks.kinds.{kind}.data").DATA
    return data


def model_of(kind: str) -> "KindModel":
    """Return what a model of a kind learns; loads TensorFlow."""
    model: KindModel = import_module(f"tasks.kinds.{kind}.model").MODEL
    return model


def evaluation_of(kind: str) -> "KindEvaluation":
    """Return how an exported file of a kind is run and measured; loads no TensorFlow."""
    evaluation: KindEvaluation = import_module(f"tasks.kinds.{kind}.evaluation").EVALUATION
    return evaluation


def export_of(kind: str) -> KindExport:
    """Return how a model of a kind becomes a TFLite file; loads TensorFlow."""
    export: KindExport = import_module(f"tasks.kinds.{kind}.export").EXPORT
    return export
