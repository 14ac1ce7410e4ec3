"""Evaluation of tables with a class as target."""

from tasks.core.params.gates import Baseline
from tasks.data.columns import Dataset
from tasks.data.records import Array
from tasks.data.tables import FEATURES
from tasks.metrics.classifier_evaluation import ClassifierEvaluation


class TableEvaluation(ClassifierEvaluation):
    """Probabilities of classes, against the majority class and gradient boosting."""

    def baselines(self, target: Dataset, params: Baseline) -> dict[str, Array]:
        """Return probabilities of the test rows, (rows, classes), by method."""
        from tasks.metrics.baselines import answered, boosted, majority_class

        found = answered(boosted(target, params), target.column("test", FEATURES).all(), len(target.classes))
        return {"majority_class": majority_class(target), "gradient_boosting": found}


EVALUATION = TableEvaluation()
