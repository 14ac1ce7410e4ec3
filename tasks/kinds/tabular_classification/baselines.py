"""What simple methods make of tables with a class as target."""

from sklearn.ensemble import HistGradientBoostingClassifier

from tasks.contracts.judging import Baseline
from tasks.data.columns import Dataset
from tasks.data.records import Array
from tasks.data.table_features import FEATURES
from tasks.metrics.simple_methods import classified, majority_class


def baselines(target: Dataset, params: Baseline) -> dict[str, Array]:
    """Return probabilities of the test rows, (rows, classes), by method.

    Categories are their indices to the trees, as they are to the network's input.

    Raises:
        ParamsError: the chosen training rows have one class only.
    """
    trees = HistGradientBoostingClassifier(random_state=params.seed)
    return {"majority_class": majority_class(target), "gradient_boosting": classified(trees, target, FEATURES, params)}
