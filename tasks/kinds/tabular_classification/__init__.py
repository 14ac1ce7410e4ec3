"""Settings of tabular classification: tables with a class as target."""

from tasks.core.params import Settings
from tasks.core.params.data import Tables as Preprocess
from tasks.core.params.gates import CLASSIFIER_METRICS
from tasks.core.params.recipes import PLAIN_PRECISIONS, SLIM_DYNAMIC

__all__ = ["DEFAULTS", "METRICS", "PRECISIONS", "Preprocess"]

METRICS = CLASSIFIER_METRICS
PRECISIONS = PLAIN_PRECISIONS
DEFAULTS: Settings = {
    "baseline": {"max_rows": 200_000},
    "train": {"architecture": "boosted_trees"},
    "fine_tune": None,
    "cross_validate": None,
    "compress": {
        **SLIM_DYNAMIC,
        "pruned_dynamic": {  # the last layer is small, and stays dense
            "steps": {"prune": {"layers": {"logits": 0.0}}},
        },
    },
    "search": None,
    "release": {"max_drop": {"accuracy": 0.02, "calibration_error": 0.05}},
    "compare": {"max_drop": {"accuracy": 0.015}},
}
