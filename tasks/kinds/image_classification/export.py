"""Export of image classifiers: raw pixels in, probabilities out."""

from tasks.compression.export import to_tflite
from tasks.core.params.recipes import Recipe
from tasks.core.params.sections import Export
from tasks.data.columns import Dataset
from tasks.kinds import KindExport
from tasks.models.learning_task import KerasModel
from tasks.models.saving import ModelMetadata


class ImageExport(KindExport):
    """An int8 file takes raw - 128, every other raw pixels as float32."""

    def to_tflite(
        self, model: KerasModel, metadata: ModelMetadata, recipe: Recipe, data: Dataset, params: Export
    ) -> bytes:
        """Convert a model to the file of a recipe; see `tasks.compression.export.to_tflite`."""
        return to_tflite(model, metadata, recipe, data, params)


EXPORT = ImageExport()
