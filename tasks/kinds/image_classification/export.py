"""Export of image classifiers: raw pixels in, probabilities out."""

from tasks.compression.exporting import exported
from tasks.contracts.params import Export
from tasks.contracts.recipes import Recipe
from tasks.data.columns import Dataset
from tasks.kinds import KindExport
from tasks.models.learning_task import Model
from tasks.models.saving import Facts


class ImageExport(KindExport):
    """An int8 file takes raw - 128, every other raw pixels as float32."""

    def to_tflite(self, model: Model, facts: Facts, recipe: Recipe, data: Dataset, params: Export) -> bytes:
        """Convert a model to the file of a recipe; see `tasks.compression.exporting.exported`."""
        return exported(model, facts, recipe, data, params)


EXPORT = ImageExport()
