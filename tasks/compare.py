"""Holds a new release against the one before, on the same rows: `python -m tasks.compare CHAMPION CANDIDATE`.

Both are bundles (folders with a manifest.json); the rows are the test split of `data/ready/target`. The exit status is
1 where the candidate is worse than `compare` in params.yaml allows; reports/compare has the figures either way.
"""

import argparse
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from tasks.contracts import environment, params_file
from tasks.contracts.errors import DataError, StageError
from tasks.contracts.files import replacing, write_json
from tasks.contracts.params import Params
from tasks.contracts.progress import say
from tasks.contracts.stage import guarded
from tasks.data import columns
from tasks.device import golden
from tasks.device.bundle import MODEL, labels, opened
from tasks.device.latency import in_turn
from tasks.device.running import ExportedFile
from tasks.metrics.gates import Gate, at_most, drop_gates, failed, slice_gate
from tasks.reporting.page.champion import page
from tasks.reporting.results import markdown_table

DATA, REPORTS = Path("data/ready/target"), Path("reports/compare")


def compare(line: Params, champion: Path, candidate: Path, data: Path = DATA, reports: Path = REPORTS) -> None:
    """Measure both, write the comparison, and refuse a candidate that is worse.

    Raises:
        DataError: a bundle is damaged, or the two cannot be compared on these rows.
        StageError: a gate is not passed.
    """
    bundles = {"champion": champion, "candidate": candidate}
    manifests = {role: opened(bundle) for role, bundle in bundles.items()}
    target = columns.load(data)
    _require_same_classes({role: labels(bundle) for role, bundle in bundles.items()} | {"data": target.classes})
    files = {role: ExportedFile(bundle / MODEL, threads=1) for role, bundle in bundles.items()}
    images, truth = target.column("test", "image").all(), target.column("test", "label").all()
    outputs = {role: file.probabilities(images) for role, file in files.items()}
    asked = {one.column: target.column("test", one.column).all() for one in line.evaluate.slices}
    scores = import_module(f"tasks.kinds.{line.kind}.scores")
    measured = scores.measure(
        truth, outputs["candidate"], outputs["champion"], target.classes, asked, line.evaluate
    )  # fmt: skip
    new, old = (
        np.median(taken)
        for taken in in_turn(
            [files["candidate"], files["champion"]], images[:1], line.profile.warm_up_runs, line.profile.runs
        )
    )
    gates = _gates(line, bundles, measured, float(new / old) - 1)
    _write(reports, manifests, measured, gates, len(truth))
    say(_table(gates, measured, scores.PRIMARY, len(truth)))
    if told := failed(gates):
        raise StageError(
            got="a candidate that is worse than the champion\n  " + "\n  ".join(told),
            expected="every gate of compare in params.yaml passed",
            do="keep the champion; or, where the loss is wanted, raise the bound",
        )


def _require_same_classes(classes: dict[str, list[str]]) -> None:
    if len({tuple(names) for names in classes.values()}) > 1:
        told = "; ".join(f"{role}: {', '.join(names)}" for role, names in classes.items())
        raise DataError(
            got=f"classes of {told}", expected="the same classes in the same order",
            do="models of other classes cannot be compared by numbers: publish the new one by hand",
        )  # fmt: skip


def _gates(line: Params, bundles: dict[str, Path], measured: dict[str, Any], latency_growth: float) -> list[Gate]:
    bounds = line.compare
    size = {role: (bundle / MODEL).stat().st_size for role, bundle in bundles.items()}
    replayed = [
        golden.replay(bundle / MODEL, bundle / golden.GOLDEN)
        for bundle in bundles.values()
        if (bundle / golden.GOLDEN).is_file()
    ]
    return [
        *drop_gates(measured["scores"], bounds.max_drop),
        *slice_gate(measured["slices"], bounds.max_slice_drop, bounds.min_slice_rows),
        *at_most("max_size_growth", size["candidate"] / size["champion"] - 1, bounds.max_size_growth),
        *at_most("max_latency_growth", latency_growth, bounds.max_latency_growth),
        *at_most("max_golden_difference", max(replayed, default=None), bounds.max_golden_difference),
    ]


def _write(reports: Path, manifests: dict[str, Any], measured: dict[str, Any], gates: list[Gate], rows: int) -> None:
    document = {
        **{role: {"name": found["name"], "sha256": found["files"][MODEL]} for role, found in manifests.items()},
        "recipe": {role: found["recipe"] for role, found in manifests.items()},
        "rows": rows,
        "gates": [vars(gate) for gate in gates],
        "scores": measured["scores"],
        "slices": measured["slices"],
        "agreement": measured["agreement_with_float32"],
    }
    with replacing(reports) as folder:
        folder.mkdir()
        write_json(folder / "comparison.json", document)
        (folder / "report.html").write_text(page(document), encoding="utf-8")


def _table(gates: list[Gate], measured: dict[str, Any], primary: str, rows: int) -> str:
    shown: list[tuple[str, ...]] = [("gate", "value", "interval", "bound", "passed")]
    for gate in gates:
        value = "undefined" if gate.value is None else f"{gate.value:+.4f}"
        interval = "[{:+.4f}, {:+.4f}]".format(*gate.interval) if gate.interval else ""
        shown.append((gate.name, value, interval, f"{gate.bound:g}", "yes" if gate.passed else "NO"))
    score = measured["scores"][primary]
    return (
        f"{markdown_table(shown)}\n\nOn {rows} test rows: {primary} {score['value']:.4f}, "
        f"the champion's {score['value'] + score['drop']:.4f}."
    )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tasks.compare", description=__doc__)
    parser.add_argument("champion", type=Path, help="the bundle that is in use")
    parser.add_argument("candidate", type=Path, help="the bundle that may take its place")
    options = parser.parse_args()
    environment.set_threads(threads=1, onednn=True)

    def run() -> None:
        compare(params_file.load(), options.champion, options.candidate)

    sys.exit(guarded(run, "compare"))


if __name__ == "__main__":
    main()
