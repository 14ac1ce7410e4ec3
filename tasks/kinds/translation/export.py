"""Export of translators: a file with two signatures, `encode`, `decode_step`."""

import tempfile
from pathlib import Path

import tasks.models.quiet_tensorflow  # noqa: F401  # isort: skip  # starts TensorFlow quietly
import tensorflow as tf
import tf_keras

from tasks.core.errors import ParamsError
from tasks.core.params.recipes import Recipe
from tasks.core.params.sections import Export
from tasks.data.columns import Dataset
from tasks.kinds import KindExport
from tasks.kinds.translation import PRECISIONS
from tasks.models import translator
from tasks.models.conversion import plain_calibration, require_plain
from tasks.models.learning_task import KerasModel
from tasks.models.saving import ModelMetadata
from tasks.models.tflite_converter import to_tflite
from tasks.tflite.file import with_first
from tasks.tflite.slim import require_equal_translations, slim
from tasks.tflite.translator import ENCODE

PROOF_ROWS = 10


class TranslationExport(KindExport):
    """The file is run token by token; see `tasks.tflite.translator`."""

    def to_tflite(
        self, model: KerasModel, metadata: ModelMetadata, recipe: Recipe, data: Dataset, params: Export
    ) -> bytes:
        """Convert a model to the file of a recipe, with the signatures `encode` and `decode_step`.

        Raises:
            ParamsError: the recipe asks for what only other files have.
        """
        require_plain(recipe)
        if recipe.precision not in PRECISIONS:
            raise ParamsError(
                got=f"precision: {recipe.precision} for translation",
                expected=f"{', '.join(PRECISIONS)}: the decoder would round its state at each step",
                do="choose one of these",
            )
        rows = plain_calibration(data, ("source_tokens",), params)["source_tokens"]
        content = converted(model, metadata, recipe.precision)
        for _ in recipe.finish:
            before, content = content, slim(content)
            require_equal_translations(before, content, rows[:PROOF_ROWS])
        return content


def converted(model: KerasModel, metadata: ModelMetadata, precision: str) -> bytes:
    """Convert a translator to a file with two signatures; equal models give equal bytes."""
    (max_tokens,) = metadata.data["inputs"]["source_tokens"]["shape"]
    tf_keras.backend.reset_uids()  # names of layers are in the file
    module = tf.Module()
    module.halves = translator.halves(model, max_tokens)
    calls = {half.name: _call(half) for half in module.halves}
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=calls)
        converter = tf.lite.TFLiteConverter.from_saved_model(str(Path(folder)), signature_keys=list(calls))
        return with_first(to_tflite(converter, precision), ENCODE)


def _call(half: KerasModel) -> KerasModel:
    specs = [tf.TensorSpec(given.shape, given.dtype, name=given.name) for given in half.inputs]
    return tf.function(lambda *inputs: half(list(inputs)), input_signature=specs)


EXPORT = TranslationExport()
