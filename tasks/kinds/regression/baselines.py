"""What simple methods make of tables with a number as target."""

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor

from tasks.contracts.judging import Baseline
from tasks.data.columns import Dataset
from tasks.data.records import Array
from tasks.data.table_features import FEATURES
from tasks.metrics.simple_methods import chosen_rows


def baselines(target: Dataset, params: Baseline) -> dict[str, Array]:
    """Return predictions of the test rows, (rows, 1) in the target's unit, by method.

    Categories are their indices to the trees, as they are to the network's input.
    """
    rows, values = chosen_rows(target, params), target.column("train", "value")
    test = target.column("test", FEATURES).all()
    trees = HistGradientBoostingRegressor(random_state=params.seed)
    trees.fit(target.column("train", FEATURES).take(rows), values.take(rows))
    mean = values.all().mean(dtype=np.float64)
    return {
        "mean": np.full((len(test), 1), mean),
        "gradient_boosting": trees.predict(test)[:, np.newaxis],
    }
