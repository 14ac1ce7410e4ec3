"""Export of regressors: features in, predictions in the target's unit out."""

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tf_keras

from tasks.core.params.recipes import Recipe
from tasks.core.params.sections import Export
from tasks.data.columns import Dataset
from tasks.kinds import KindExport
from tasks.kinds.regression.model import scale_of
from tasks.models import conversion
from tasks.models.learning_task import KerasModel
from tasks.models.saving import ModelMetadata


class RegressionExport(KindExport):
    """The file ends in a layer that undoes the scaling of the target."""

    def to_tflite(
        self, model: KerasModel, metadata: ModelMetadata, recipe: Recipe, data: Dataset, params: Export
    ) -> bytes:
        """Convert a model to the file of a recipe; see `tasks.models.conversion.exported`."""
        mean, std = scale_of(metadata)
        rescaling = tf_keras.layers.Rescaling(std, mean, name="in_its_unit")
        return conversion.exported(model, rescaling, metadata, recipe, data, params)


EXPORT = RegressionExport()
