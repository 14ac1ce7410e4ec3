"""The words of the pages: what they call a metric, how they write numbers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.core.numbers import written

UNDEFINED = "undefined"
FLOAT32 = "float32"
TOP_K = re.compile(r"top_(\d+)_accuracy")
AT_K = re.compile(r"(ndcg|hit_rate)_at_(\d+)")
AVERAGED = re.compile(r"(.+)_(macro|weighted|micro)")
# Characters that change what a reader sees of others: controls, directions of writing, line and byte order marks.
UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
WITH_UNIT = frozenset({"rmse", "mse", "mae"})  # the target's
ERRORS = frozenset({"rmse", "mse", "mae", "log_loss"})  # less is better
THOUSANDS = ("thousand", "million", "billion", "trillion", "quadrillion")


@dataclass(frozen=True)
class Metric:
    """A metric for people.

    Attributes:
        title: its name in the field.
        meaning: what it says, in a few words.
        is_share: whether it is shown in percent and its differences in points; else both have four decimals.
    """

    title: str
    meaning: str
    is_share: bool


METRICS = {
    "accuracy": Metric("Accuracy", "rows with the right answer", is_share=True),
    "balanced_accuracy": Metric("Balanced accuracy", "recall, every class counted alike", is_share=True),
    "precision": Metric("Precision", "of the rows given a class, those that belong to it", is_share=True),
    "recall": Metric("Recall", "of the rows of a class, those that are found", is_share=True),
    "f1": Metric("F1", "harmonic mean of precision and recall", is_share=True),
    "roc_auc": Metric("ROC AUC", "how well a class is ranked above the others; 1 is perfect", is_share=False),
    "average_precision": Metric("Average precision", "area under precision over recall; 1 is perfect", is_share=False),
    "rmse": Metric("RMSE", "root mean squared error, in the target's unit; lower is better", is_share=False),
    "mse": Metric("MSE", "mean squared error; lower is better", is_share=False),
    "mae": Metric("MAE", "mean absolute error, in the target's unit; lower is better", is_share=False),
    "r2": Metric("R²", "variance of the target that is explained; 1 is perfect", is_share=False),
    "bleu": Metric("BLEU", "n-grams shared with the reference; 100 is perfect", is_share=False),
    "chrf": Metric("chrF", "characters shared with the reference; 100 is perfect", is_share=False),
    "log_loss": Metric("Log loss", "surprise at the true class; lower is better", is_share=False),
    "calibration_error": Metric("Calibration error", "gap of confidence and accuracy; lower is better", is_share=True),
}
AVERAGES = {
    "macro": ("mean", "mean of the classes"),
    "weighted": ("weighted", "mean weighted by the rows of the classes"),
    "micro": ("pooled", "all classes together"),
}


def metric(name: str) -> Metric:
    """Return how a metric of `metrics.json` is called; one without words of its own keeps its name."""
    if name in METRICS:
        return METRICS[name]
    if found := TOP_K.fullmatch(name):
        return Metric(f"Top-{found[1]} accuracy", f"the right class is among the {found[1]} likeliest", is_share=True)
    if found := AT_K.fullmatch(name):
        if found[1] == "ndcg":
            return Metric(
                f"NDCG@{found[2]}", f"how high the right item is among {found[2]}; 1 is first", is_share=False
            )
        return Metric(f"Hit rate@{found[2]}", f"rows whose item is among the {found[2]} that are named", is_share=True)
    if (found := AVERAGED.fullmatch(name)) and found[1] in METRICS:
        (short, meaning), base = AVERAGES[found[2]], METRICS[found[1]]
        return Metric(f"{base.title}, {short}", f"{base.meaning}; {meaning}", base.is_share)
    return Metric(name.replace("_", " "), "", is_share=False)


METHODS = {"ease": "EASE", "tfidf_linear": "TF-IDF with a linear model"}


def method(name: str) -> str:
    """Return how a simple method of `baseline.json` is called."""
    return METHODS.get(name, name.replace("_", " "))


def number(value: float, digits: int) -> str:
    """Write a number with thousands separated and no minus before a zero."""
    return f"{round(value, digits) + 0.0:,.{digits}f}"


def percent(share: float, digits: int = 2) -> str:
    """Write a fraction in percent."""
    return f"{number(100 * share, digits)}%"


def score(name: str, value: float | None) -> str:
    """Write the value of a metric."""
    if value is None:
        return UNDEFINED
    return percent(value) if metric(name).is_share else plain(value)


def plain(value: float, scale: float | None = None) -> str:
    """Write a number that is no share: large ones without a fraction; for `scale` see `tasks.core.numbers.written`."""
    return written(value + 0.0, 0 if abs(value) >= 1000 else 4, scale)


def difference(name: str, value: float | None, scale: float | None = None) -> str:
    """Write a difference of a metric: in points where the metric is in percent."""
    if value is None:
        return UNDEFINED
    if metric(name).is_share:
        return number(100 * value, 2)
    # Beyond four digits the difference of two scores without a unit is noise of float32.
    return plain(value, scale) if name in WITH_UNIT else number(value, 4)


def interval(name: str, bounds: list[float] | None) -> str:
    """Write an interval of a metric or of its difference, in the unit of both; nothing where there is none."""
    scale = max(map(abs, bounds)) if bounds else None
    return f"[{', '.join(difference(name, bound, scale) for bound in bounds)}]" if bounds else ""


def with_interval(written: str, bounds: str) -> str:
    """Put an interval behind a value, where there is one."""
    return f"{written} {bounds}" if bounds else written


def measured(name: str, found: Mapping[str, Any]) -> str:
    """Write the value of a metric with its interval."""
    return with_interval(score(name, found["value"]), interval(name, found["interval"]))


def scaled(name: str, value: float) -> float:
    """Return a value of a metric as charts have it: in percent where it is a share."""
    return 100 * value if metric(name).is_share else value


def axis(name: str) -> str:
    """Return the title of a metric's axis."""
    return f"{metric(name).title}, %" if metric(name).is_share else metric(name).title


def of_part(name: str, part: Mapping[str, Any]) -> str:
    """Write the metric of a slice with its interval."""
    return with_interval(score(name, part[name]), interval(name, part["interval"]))


def reference_of_part(name: str, part: Mapping[str, Any]) -> str:
    """Write what the reference has in a slice."""
    return score(name, before_in_part(name, part))


def before_in_part(name: str, part: Mapping[str, Any]) -> float | None:
    """Return what the reference has in a slice; of a metric that is no share the drop is relative to it.

    It is None where all was lost, or where the loss is undefined: that says nothing of what there was.
    """
    if part["drop"] is None:
        return None
    own, drop = float(part[name]), float(part["drop"])
    if metric(name).is_share:
        return own + drop
    if name in ERRORS:
        return own / (1 + drop)
    return own / (1 - drop) if drop < 1 else None


def lost_in_part(name: str, part: Mapping[str, Any]) -> str:
    """Write what a slice lost against the reference: in points, or as a share of the reference's."""
    if part["drop"] is None:
        return UNDEFINED
    bounds = ", ".join(number(100 * bound, 2) for bound in part["drop_interval"] or ())
    return with_interval(number(100 * part["drop"], 2), f"[{bounds}]" if bounds else "")


def lost(name: str, found: Mapping[str, Any]) -> str:
    """Write what a metric lost against the reference, with its paired interval."""
    return with_interval(difference(name, found["drop"], found["value"]), interval(name, found["drop_interval"]))


def large(value: float) -> str:
    """Write a large count with three digits and a word for its size, such as `1.23 billion`."""
    size = 0
    while value >= 999.5 and size < len(THOUSANDS):
        value, size = value / 1000, size + 1
    shown = f"{value:.3g}"
    return f"{shown} {THOUSANDS[size - 1]}" if size else shown


def shortened(name: str, length: int = 24) -> str:
    """Cut a name that would not fit beside a chart."""
    return name if len(name) <= length else f"{name[: length - 1]}…"


def harmless(text: str) -> str:
    """Name the characters that would hide or turn round others, such as U+202E; joiners and accents stay."""
    return UNSEEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)


def counted(count: int, one: str, many: str | None = None) -> str:
    """Write a count with its noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
