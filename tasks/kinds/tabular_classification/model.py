"""What a model of tables with classes learns."""

from tasks.models.learning_task import Classifier, TableModel


class TableClassifier(TableModel, Classifier):
    """Tables with a class as target."""


MODEL = TableClassifier()
