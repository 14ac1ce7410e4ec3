"""The metrics of texts with one class each."""

from tasks.metrics.classifier import LOWER_IS_BETTER, PRIMARY, headline, measure, scored, write_tables

__all__ = ["LOWER_IS_BETTER", "PRIMARY", "headline", "measure", "scored", "write_tables"]
