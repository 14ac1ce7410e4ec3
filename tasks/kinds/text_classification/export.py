"""Export of text classifiers: tokens as int32 in, probabilities out."""

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tf_keras

from tasks.core.params.recipes import Recipe
from tasks.core.params.sections import Export
from tasks.data.columns import Dataset
from tasks.kinds import KindExport
from tasks.models import conversion
from tasks.models.learning_task import KerasModel
from tasks.models.saving import ModelMetadata


class TextExport(KindExport):
    """The file ends in a softmax."""

    def to_tflite(
        self, model: KerasModel, metadata: ModelMetadata, recipe: Recipe, data: Dataset, params: Export
    ) -> bytes:
        """Convert a model to the file of a recipe; see `tasks.models.conversion.to_plain_tflite`."""
        softmax = tf_keras.layers.Softmax(name="probabilities")
        return conversion.to_plain_tflite(model, softmax, recipe, data, ("tokens",), params)


EXPORT = TextExport()
