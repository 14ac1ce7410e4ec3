"""Bundles the recipe that the verdict chose, with its lineage: `dvc repro release`."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from tasks.core import environment
from tasks.core.errors import StageError
from tasks.core.files import read_json, replacing, sha256_tree, write_json
from tasks.core.params.gates import Release
from tasks.core.progress import say
from tasks.data import columns
from tasks.kinds import evaluation_of
from tasks.line.params import Params
from tasks.metrics.candidates import require_exactly
from tasks.tflite import bundle
from tasks.tflite import bundle as golden_vectors


def release(
    params: Release,
    line: Params,
    *,
    verdict: Path,
    models: Path,
    evaluations: Path,
    base: Path,
    data: Path,
    page: Path,
    card: Path,
    bom: Path,
    plans: Path,
    release: Path,
) -> None:
    """Write the bundle as one folder and move it once; where no recipe may be released, the last bundle stays.

    Raises:
        DataError: a folder holds results of a recipe that is not in the settings.
        StageError: the verdict is no, or the chosen file gives other outputs than `evaluate` saw.
    """
    decision = read_json(verdict)
    if not decision["released"]:
        raise _refused(decision)
    require_exactly(list(line.compress), models=models, evaluations=evaluations)
    recipe, target = decision["chosen"], columns.load(data)
    file, measured = bundle.tflite_file(models, recipe), read_json(evaluations / recipe / "metrics.json")
    with replacing(release) as folder:
        folder.mkdir()
        shutil.copyfile(file, folder / bundle.MODEL)
        shutil.copytree(target.assets, folder / bundle.ASSETS)
        for document in (page, card, bom):
            shutil.copyfile(document, folder / document.name)
        predictions = evaluations / recipe / "predictions.npz"
        _write_golden(folder / golden_vectors.GOLDEN, target, predictions, params.golden_rows)
        _require_replayed(folder, line.kind)
        write_json(folder / bundle.MANIFEST, {
            "name": line.report.name,
            "kind": line.kind,
            "recipe": recipe,
            "interface": bundle.interface(file, target),
            "unsure": measured.get("unsure"),
            "files": sha256_tree(folder),
            "metrics": measured,
            "device": decision["device"],
            "gates": decision["gates"],
            "candidates": decision["candidates"],
            "baselines": decision["baselines"],
            "accepted": decision["accepted"],
            "classes_without_rows": decision["classes_without_rows"],
            "parameters": line.model_dump(mode="json"),
            "inputs": bundle.inputs(base, data, models, evaluations),
            "plan": bundle.digests(plans),
            "environment": environment.describe(),
        })  # fmt: skip
        size_bytes = (folder / bundle.MODEL).stat().st_size
    say(f"[100%] release: {recipe}, {size_bytes:,} bytes, {_outcome(decision)}")


def _outcome(decision: dict[str, Any]) -> str:
    """Say how many gates passed, which are undecided, and at whose risk the rest is taken."""
    statuses = [gate["status"] for gate in decision["gates"]]
    found = [f"{statuses.count('passed')} of {len(statuses)} gates passed"]
    found += [f"{count} {status}" for status in ("undecided", "failed") if (count := statuses.count(status))]
    return ", ".join(found) + (" and accepted at its owner's risk" if decision["accepted"] else "")


def _refused(decision: dict[str, Any]) -> StageError:
    rows = [f"{one['recipe']}: {'; '.join(_reasons(one['gates']))}" for one in decision["candidates"]]
    rows += [decision["not_accepted"]] if decision["not_accepted"] else []
    changes = [gate["smallest_change"] for gate in decision["gates"] if not gate["passed"] and gate["smallest_change"]]
    smallest = f"; the smallest change for {decision['described']}: {', '.join(changes)}" if changes else ""
    return StageError(
        got="no recipe passes every gate\n  " + "\n  ".join(rows),
        do=f"read reports/report.html; then change a bound of release, or add a recipe under compress, in "
        f"params.yaml{smallest}. `trimline release --accept {decision['described']} --reason TEXT` takes it at your "
        "own risk. The last release is untouched",
    )


def _reasons(gates: Iterable[dict[str, Any]]) -> list[str]:
    return [gate["reason"] for gate in gates if not gate["passed"]]


def _write_golden(path: Path, target: columns.Dataset, predictions: Path, wanted: int) -> None:
    rows = columns.evenly(target.rows("test"), wanted)
    inputs = {name: target.column("test", name).take(rows) for name in target.inputs}
    with np.load(predictions) as seen:
        golden_vectors.write_golden(path, inputs, seen[golden_vectors.OUTPUTS][rows])


def _require_replayed(folder: Path, kind: str) -> None:
    infer = evaluation_of(kind).infer
    difference = golden_vectors.replay_golden(folder / bundle.MODEL, folder / golden_vectors.GOLDEN, infer)
    if difference:
        raise StageError(
            got=f"outputs that differ by up to {difference:.3g} from those that evaluate saw of the same file",
            expected="equal outputs: the released file must be the one that was measured",
            do="run `dvc repro` from evaluate on, all on one kind of processor; the last release is untouched",
        )
