"""Settings of regression: tables with a number as target."""

from typing import ClassVar

from tasks.core.params import Settings
from tasks.core.params.data import Tables
from tasks.core.params.recipes import PLAIN_PRECISIONS, SLIM_DYNAMIC

METRICS = ("mse", "rmse", "mae", "r2")
PRECISIONS = PLAIN_PRECISIONS
DEFAULTS: Settings = {
    "baseline": {"max_rows": 200_000},
    "train": {"architecture": "boosted_trees"},
    "fine_tune": None,
    "cross_validate": None,
    "compress": {
        **SLIM_DYNAMIC,
        "pruned_dynamic": {  # the last layer is small, and stays dense
            "steps": {"prune": {"layers": {"value": 0.0}}},
        },
    },
    "search": None,
    # R2 has no unit, so that these bounds suit any target.
    "release": {"max_drop": {"r2": 0.02}},
    "compare": {"max_drop": {"r2": 0.02}},
}


class Preprocess(Tables):
    """From tables to clean columns; the target is a number."""

    TARGET_IS_NUMBER: ClassVar[bool] = True
