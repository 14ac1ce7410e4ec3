"""Evaluation of texts with one class each."""

from tasks.core.params.gates import Baseline
from tasks.data.columns import Dataset
from tasks.data.records import Array
from tasks.metrics.classifier_evaluation import ClassifierEvaluation


class TextEvaluation(ClassifierEvaluation):
    """Probabilities of classes, against the majority class and a linear model of words and characters."""

    def baselines(self, target: Dataset, params: Baseline) -> dict[str, Array]:
        """Return probabilities of the test rows, (rows, classes), by method."""
        from tasks.metrics.baselines import linear_model_of_texts, majority_class

        return {"majority_class": majority_class(target), "tfidf_linear": linear_model_of_texts(target, params)}


EVALUATION = TextEvaluation()
