"""What a model of tables is fed, whatever it learns."""

from typing import ClassVar, Protocol

import numpy as np

from tasks.contracts.training import Augment
from tasks.data.records import Columns
from tasks.data.table_features import FEATURES
from tasks.models.learning_task import Inputs, KindModel, Tensor
from tasks.models.saving import Facts


class TableModel(KindModel, Protocol):
    """What models of tables share; see `KindModel`."""

    inputs: ClassVar[tuple[str, ...]] = (FEATURES,)

    def augment(self, columns: Columns, augment: Augment | None, random: np.random.Generator) -> Columns:
        """Return a batch as it is: no change of a number is known that leaves its meaning."""
        return columns

    def preprocess_inputs(self, inputs: tuple[Tensor, ...], facts: Facts) -> Inputs:
        """Return the features as they are: the model normalises them itself."""
        return inputs[0]
