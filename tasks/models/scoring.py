"""What a network in memory scores on the test split of a data set."""

from tasks.data.columns import Dataset
from tasks.metrics.kind_evaluation import KindEvaluation
from tasks.models.batches import whole
from tasks.models.fitting import outputs
from tasks.models.learning_task import LearningTask, Model


def headline(evaluation: KindEvaluation, network: Model, data: Dataset, task: LearningTask) -> float:
    """Return the kind's primary metric."""
    truth = data.column("test", data.target).all()
    return evaluation.headline(truth, outputs(network, whole(data, "test", task), task))
