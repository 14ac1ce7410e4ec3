"""Evaluation of texts with one class each."""

from tasks.core.params.gates import Baseline
from tasks.data.columns import Dataset
from tasks.data.records import Array
from tasks.metrics.classifier_evaluation import ClassifierEvaluation

WORD = r"\w+|[^\w\s]"  # signs are words, too: no text is without one


class TextEvaluation(ClassifierEvaluation):
    """Probabilities of classes, against the majority class and a logistic regression on words."""

    def baselines(self, target: Dataset, params: Baseline) -> dict[str, Array]:
        """Return probabilities of the test rows, (rows, classes), by method."""
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.pipeline import make_pipeline

        from tasks.metrics.baselines import classified, logistic_regression, majority_class

        words = make_pipeline(TfidfVectorizer(token_pattern=WORD, sublinear_tf=True), logistic_regression())
        return {
            "majority_class": majority_class(target),
            "logistic_regression_of_words": classified(words, target, "text", params),
        }


EVALUATION = TextEvaluation()
