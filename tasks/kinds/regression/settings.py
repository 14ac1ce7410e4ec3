"""The section `preprocess` of tables with a number as target."""

from tasks.contracts.tables import Tables as Preprocess

__all__ = ["Preprocess"]
