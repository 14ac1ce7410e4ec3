"""What a model of tables with classes learns."""

from tasks.models.classifying import Classifier
from tasks.models.tabular import TableModel


class TableClassifier(TableModel, Classifier):
    """Tables with a class as target."""


MODEL = TableClassifier()
