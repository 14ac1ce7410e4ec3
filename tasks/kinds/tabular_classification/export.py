"""Export of classifiers of tables: features in, probabilities out."""

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tf_keras

from tasks.contracts.params import Export
from tasks.contracts.recipes import Recipe
from tasks.data.columns import Dataset
from tasks.kinds import KindExport
from tasks.models import table_conversion
from tasks.models.learning_task import Model
from tasks.models.saving import Facts


class TableExport(KindExport):
    """The file ends in a softmax."""

    def to_tflite(self, model: Model, facts: Facts, recipe: Recipe, data: Dataset, params: Export) -> bytes:
        """Convert a model to the file of a recipe; see `tasks.models.table_conversion.exported`."""
        softmax = tf_keras.layers.Softmax(name="probabilities")
        return table_conversion.exported(model, softmax, facts, recipe, data, params)


EXPORT = TableExport()
