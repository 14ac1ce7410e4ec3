"""Compares a challenger, the new release, with the champion on the same rows: `trimline compare CHAMPION CANDIDATE`."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tasks.commands import parser_of
from tasks.commands.stage import guarded
from tasks.core import environment
from tasks.core.errors import DataError, StageError
from tasks.core.files import replacing, sha256, sha256_tree, write_json
from tasks.core.numbers import written
from tasks.core.params.gates import Compare
from tasks.core.progress import say
from tasks.data import classes, columns
from tasks.data.records import Columns
from tasks.kinds import data_of, evaluation_of
from tasks.line import params_file
from tasks.line.params import Params
from tasks.metrics.gates import Gate, Judge, failed
from tasks.metrics.kind_evaluation import Predictions
from tasks.reporting.results import markdown_table
from tasks.reporting.sections.champion import champion_page
from tasks.reporting.words import shortened
from tasks.tflite import bundle as golden
from tasks.tflite.bundle import ASSETS, MODEL, open_bundle
from tasks.tflite.measure import in_turn

DATA, REPORTS = Path("data/ready/target"), Path("reports/compare")
SHOWN = 300  # characters of the names of classes
DESCRIPTION = """\
Compare a new release with the current one on the same test rows, those of data/ready/target. Both are bundles: folders
with a manifest.json. The status is 1 where the candidate is worse than `compare` in params.yaml allows; the figures are
in reports/compare either way."""


def compare(line: Params, champion: Path, candidate: Path, data: Path = DATA, reports: Path = REPORTS) -> None:
    """Measure both, write the comparison, and refuse a candidate that is worse.

    Raises:
        DataError: a bundle is damaged, or the two cannot be compared on these rows.
        StageError: a gate is not passed.
    """
    bundles = {"champion": champion, "candidate": candidate}
    manifests = {role: open_bundle(bundle) for role, bundle in bundles.items()}
    target = columns.load(data)
    _require_same_classes({role: found["kind"] for role, found in manifests.items()} | {"params.yaml": line.kind})
    names = {role: _classes(bundle / ASSETS) for role, bundle in bundles.items()}
    _require_same_classes(names | {"data": ", ".join(target.metadata.get("classes", []))})
    _require_same_answers(line.kind, bundles, target)
    truth = target.column("test", target.target).all()
    inputs = {role: _inputs(line.kind, bundle / ASSETS, target) for role, bundle in bundles.items()}
    evaluation = evaluation_of(line.kind)
    outputs = {role: evaluation.infer(bundle / MODEL, inputs[role], 1) for role, bundle in bundles.items()}
    slices = target.chosen("test", {one.column for one in line.evaluate.slices}, "evaluate.slices")
    predictions = Predictions(truth, outputs["candidate"], outputs["champion"], target.metadata, slices, line.evaluate)
    measured = evaluation.measure(predictions)
    new, old = (
        np.median(taken)
        for taken in in_turn(
            [evaluation.timed_call(bundles[role] / MODEL, inputs[role]) for role in ("candidate", "champion")],
            line.profile.warm_up_runs,
            line.profile.runs,
        )
    )
    before = evaluation.score(truth, outputs["champion"], target.metadata, line.evaluate).values
    judge = Judge("compare", len(truth), line.compare.undecided == "allow")
    gates = [
        *_sampled(line.compare, judge, measured, before),
        *_exact(line.compare, judge, evaluation.infer, bundles, float(new / old) - 1),
    ]
    _write(reports, manifests, evaluation.primary, measured, gates, len(truth))
    say(_table(gates, measured, evaluation.primary, len(truth), lower_is_better=evaluation.lower_is_better))
    if failures := failed(gates):
        raise StageError(
            got="a candidate that is worse than the champion\n  " + "\n  ".join(failures),
            do="keep the champion; where the loss is wanted, raise the bound; where only the rows are too few, bring "
            "more, or `trimline set 'compare.undecided=\"allow\"'`",
        )


def _require_same_classes(classes: dict[str, str]) -> None:
    if len(set(classes.values())) > 1:
        raise DataError(
            got="kinds or classes: "
            + "; ".join(f"{role}: {shortened(names, SHOWN)}" for role, names in classes.items()),
            expected="the same kind, and the same classes in the same order",
            do="models of other classes cannot be compared by numbers: publish the new one by hand",
        )


def _require_same_answers(kind: str, bundles: dict[str, Path], target: columns.Dataset) -> None:
    """Refuse a bundle whose outputs mean something else, such as tokens of another vocabulary."""
    for name in data_of(kind).output_assets:
        for role, bundle in bundles.items():
            if sha256(bundle / ASSETS / name) != target.metadata["assets"][name]:
                raise DataError(
                    got=f"a {role} whose {ASSETS}/{name} is not the one of these data",
                    expected="the same file: an output is the number of a line in it",
                    do="compare the answers of both bundles by hand, or publish the new one without a comparison",
                )


def _classes(assets: Path) -> str:
    return ", ".join(classes.read(assets)) if (assets / classes.LABELS).is_file() else ""


def _inputs(kind: str, assets: Path, target: columns.Dataset) -> Columns:
    """Return the test rows as a bundle is fed them: encoded again where the bundle has an encoding of its own."""
    if sha256_tree(assets) == target.metadata["assets"]:
        return target.fed("test")
    rules = data_of(kind)
    if not rules.raw:
        return target.fed("test")
    raw = {name: target.column("test", name).all() for name in rules.raw if target.has(name)}
    encoded = rules.encoder(assets).encode(raw)
    return {name: encoded[name] for name in target.inputs}


def _sampled(bounds: Compare, judge: Judge, measured: dict[str, Any], before: Mapping[str, float | None]) -> list[Gate]:
    """Return the gates that the test rows decide."""
    return [
        *judge.drops(measured["scores"], bounds.max_drop),
        *judge.relative_drops(measured["scores"], before, bounds.max_relative_drop),
        *judge.slices(measured["slices"], bounds.max_slice_drop, bounds.min_slice_rows),
    ]


def _exact(
    bounds: Compare, judge: Judge, infer: golden.Infer, bundles: dict[str, Path], latency_growth: float
) -> list[Gate]:
    size = {role: (bundle / MODEL).stat().st_size for role, bundle in bundles.items()}
    replayed = [
        golden.replay_golden(bundle / MODEL, bundle / golden.GOLDEN, infer)
        for bundle in bundles.values()
        if (bundle / golden.GOLDEN).is_file()
    ]
    return [
        *judge.exact("max_size_growth", size["candidate"] / size["champion"] - 1, bounds.max_size_growth),
        *judge.exact("max_latency_growth", latency_growth, bounds.max_latency_growth),
        *judge.exact("max_golden_difference", max(replayed, default=None), bounds.max_golden_difference),
    ]


def _write(
    reports: Path, manifests: dict[str, Any], primary: str, measured: dict[str, Any], gates: list[Gate], rows: int
) -> None:
    document = {
        **{role: {"name": found["name"], "sha256": found["files"][MODEL]} for role, found in manifests.items()},
        "recipe": {role: found["recipe"] for role, found in manifests.items()},
        "rows": rows,
        "primary": primary,
        "gates": [vars(gate) for gate in gates],
        "scores": measured["scores"],
        "slices": measured["slices"],
        "agreement": measured["agreement_with_float32"],
    }
    with replacing(reports) as folder:
        folder.mkdir()
        write_json(folder / "comparison.json", document)
        (folder / "report.html").write_text(champion_page(document), encoding="utf-8")


def _table(gates: list[Gate], measured: dict[str, Any], primary: str, rows: int, *, lower_is_better: bool) -> str:
    shown: list[tuple[str, ...]] = [("gate", "value", "interval", "bound", "status")]
    for gate in gates:
        value = "undefined" if gate.value is None else f"{gate.value:+.4f}"
        interval = "[{:+.4f}, {:+.4f}]".format(*gate.interval) if gate.interval else ""
        shown.append(
            (gate.name, value, interval, f"{gate.bound:g}", gate.status if gate.passed else gate.status.upper())
        )
    score = measured["scores"][primary]
    return (
        f"{markdown_table(shown)}\n\nOn {rows} test rows: {primary} {written(score['value'])}, "
        f"the champion's {written(score['value'] + (-score['drop'] if lower_is_better else score['drop']))}."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line `trimline compare` and return its exit status."""
    parser = parser_of("compare", DESCRIPTION, "trimline compare champion release")
    parser.add_argument("champion", type=Path, help="the bundle in use")
    parser.add_argument("candidate", type=Path, help="the bundle that may replace it")
    options = parser.parse_args(arguments)
    environment.set_threads(threads=1, onednn=True)

    def run() -> None:
        compare(params_file.load(), options.champion, options.candidate)

    return guarded(run, "compare")


if __name__ == "__main__":
    sys.exit(main())
