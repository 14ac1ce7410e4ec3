"""Export of regressors: features in, predictions in the target's unit out."""

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tf_keras

from tasks.contracts.params import Export
from tasks.contracts.recipes import Recipe
from tasks.data.columns import Dataset
from tasks.kinds import KindExport
from tasks.kinds.regression.model import scale_of
from tasks.models import table_conversion
from tasks.models.learning_task import Model
from tasks.models.saving import Facts


class RegressionExport(KindExport):
    """The file ends in a layer that undoes the scaling of the target."""

    def to_tflite(self, model: Model, facts: Facts, recipe: Recipe, data: Dataset, params: Export) -> bytes:
        """Convert a model to the file of a recipe; see `tasks.models.table_conversion.exported`."""
        mean, std = scale_of(facts)
        rescaling = tf_keras.layers.Rescaling(std, mean, name="in_its_unit")
        return table_conversion.exported(model, rescaling, facts, recipe, data, params)


EXPORT = RegressionExport()
