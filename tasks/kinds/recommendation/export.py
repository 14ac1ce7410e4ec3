"""Export of recommenders: a history in, scores of the known items out."""

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tensorflow as tf
import tf_keras

from tasks.core.errors import DataError, ParamsError
from tasks.core.params.recipes import Recipe
from tasks.core.params.sections import Export
from tasks.data.columns import Dataset
from tasks.kinds import KindExport
from tasks.kinds.recommendation import PRECISIONS
from tasks.kinds.recommendation.model import MODEL
from tasks.models import conversion
from tasks.models.learning_task import KerasModel
from tasks.models.saving import ModelMetadata

HIDDEN = -1e9  # is added to the score of an item that was rated already


class RecommendationExport(KindExport):
    """The file hides the items of the history."""

    def to_tflite(
        self, model: KerasModel, metadata: ModelMetadata, recipe: Recipe, data: Dataset, params: Export
    ) -> bytes:
        """Convert a model to a file that gives scores of the known items, those of the history last, and the rating.

        Raises:
            ParamsError: the recipe asks for inputs of less than 32 bits.
            DataError: the model was made for other items than `data`.
        """
        if recipe.precision not in PRECISIONS:
            raise ParamsError(
                got=f"precision: {recipe.precision}", expected=" or ".join(PRECISIONS),
                do="choose dynamic (int8 weights): ratings and the weights of a history lose too much in fewer bits",
            )  # fmt: skip
        if metadata.classes != data.metadata["classes"] or metadata.data["inputs"] != data.metadata["inputs"]:
            raise DataError(
                got="a model of other items or histories than the target's",
                expected="the items and histories that the model was trained on",
                do="give base and target the same data, with fine_tune: null",
            )  # fmt: skip
        return conversion.to_plain_tflite(_hiding(model), None, recipe, data, MODEL.inputs, params)


def _hiding(model: KerasModel) -> KerasModel:
    """Return a model of one row that hides the items of the history; an item's place among the scores is its index."""
    answers = model.output[0]
    history = tf.reshape(model.inputs[0], (-1, 1))
    hidden = tf.scatter_nd(history, tf.fill(tf.shape(history)[:1], HIDDEN), (answers.shape[0] - 1,))
    shown = tf.concat([(answers[:-1] + hidden)[1:], answers[-1:]], axis=0)
    return tf_keras.Model(model.inputs, tf.expand_dims(shown, 0))


EXPORT = RecommendationExport()
