"""Measures simple methods on the test split: is the network worth it? `dvc repro baseline`."""

from pathlib import Path

import sklearn.ensemble  # noqa: F401  # a kind imports it later, when its thread pools would not be limited any more
from threadpoolctl import threadpool_limits

from tasks.core.files import replacing, write_json
from tasks.core.numbers import written
from tasks.core.params.gates import Baseline, Evaluate
from tasks.core.params.sections import Compute
from tasks.core.progress import say
from tasks.data import columns
from tasks.kinds import evaluation_of


def baseline(params: Baseline, evaluate: Evaluate, kind: str, compute: Compute, *, data: Path, report: Path) -> None:
    """Fit the kind's simple methods on training rows of the target and measure them as the network is measured.

    Raises:
        DataError: the test split is empty.
        ParamsError: the chosen training rows have one class only.
    """
    evaluation = evaluation_of(kind)
    target = columns.load(data)
    truth = target.column("test", target.target).all()
    with threadpool_limits(compute.threads):  # numpy is loaded, so that its variables would come too late
        outputs = evaluation.baselines(target, params)
    found = {name: evaluation.score(truth, given, target.metadata, evaluate) for name, given in outputs.items()}
    with replacing(report) as file:
        write_json(
            file,
            {
                "primary": evaluation.primary,
                "lower_is_better": evaluation.lower_is_better,
                "rows": len(truth),
                "training_rows": min(params.max_rows, target.rows("train")),
                "baselines": {name: dict(one.values) for name, one in found.items()},
                "undefined": {name: dict(one.undefined) for name, one in found.items() if one.undefined},
            },
        )
    scores = ", ".join(f"{name} {written(one.values[evaluation.primary])}" for name, one in found.items())
    say(f"[100%] baseline: {evaluation.primary} {scores} on {len(truth)} rows")
