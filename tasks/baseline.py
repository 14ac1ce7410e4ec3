"""Measures simple methods on the test split: is the network worth it? `dvc repro baseline`."""

from importlib import import_module
from pathlib import Path

from threadpoolctl import threadpool_limits

from tasks.contracts.files import replacing, write_json
from tasks.contracts.judging import Baseline, Evaluate
from tasks.contracts.params import Compute
from tasks.contracts.progress import say
from tasks.data import columns


def baseline(params: Baseline, evaluate: Evaluate, kind: str, compute: Compute, *, data: Path, report: Path) -> None:
    """Fit the kind's simple methods on training rows of the target and measure them as the network is measured.

    Raises:
        DataError: the test split is empty.
        ParamsError: the chosen training rows have one class only.
    """
    baselines = import_module(f"tasks.kinds.{kind}.baselines")
    scores = import_module(f"tasks.kinds.{kind}.scores")
    target = columns.load(data)
    truth = target.column("test", target.target).all()
    with threadpool_limits(compute.threads):  # numpy is loaded, so that its variables would come too late
        outputs = baselines.baselines(target, params)
    found = {name: scores.scored(truth, given, target.facts, evaluate) for name, given in outputs.items()}
    with replacing(report) as file:
        write_json(
            file,
            {
                "primary": scores.PRIMARY,
                "lower_is_better": scores.LOWER_IS_BETTER,
                "rows": len(truth),
                "training_rows": min(params.max_rows, target.rows("train")),
                "baselines": {name: dict(one.values) for name, one in found.items()},
                "undefined": {name: one.undefined for name, one in found.items() if one.undefined},
            },
        )
    told = ", ".join(f"{name} {one.values[scores.PRIMARY]:.4f}" for name, one in found.items())
    say(f"[100%] baseline: {scores.PRIMARY} {told} on {len(truth)} rows")
