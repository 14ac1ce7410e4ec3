"""The section `preprocess` of tables with a number as target."""

from typing import ClassVar

from tasks.contracts.tables import Tables


class Preprocess(Tables):
    """From tables to clean columns; the target is a number."""

    TARGET_IS_NUMBER: ClassVar[bool] = True
