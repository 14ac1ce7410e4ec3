"""What a model of texts is fed, their tokens."""

import numpy as np

from tasks.core.params.training import Augment
from tasks.data.records import Columns
from tasks.models.learning_task import Classifier, Inputs, Tensor, refuse_augmentation
from tasks.models.saving import ModelMetadata


class TextModel(Classifier):
    """Texts with one class each."""

    inputs = ("tokens",)

    def augment(self, columns: Columns, augment: Augment | None, random: np.random.Generator) -> Columns:
        """Return the tokens of a batch as they are.

        Raises:
            ParamsError: they are to be moved or turned round, as images are.
        """
        refuse_augmentation(augment, "texts")
        return columns

    def preprocess_inputs(self, inputs: tuple[Tensor, ...], metadata: ModelMetadata) -> Inputs:
        """Return the tokens, (batch, max_tokens) of int32."""
        return inputs[0]


MODEL = TextModel()
