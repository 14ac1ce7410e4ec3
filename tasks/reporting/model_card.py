"""The model card (Mitchell et al. 2019, arXiv:1810.03993), from what the stages measured."""

from typing import Any

from tasks.contracts.params import Report
from tasks.reporting.results import markdown_table


def model_card(
    owner: Report, bundle: dict[str, Any], results: str, profiles: dict[str, Any], dataset: dict[str, Any]
) -> str:
    """Return the card of the released model as Markdown."""
    return "\n\n".join([
        f"# Model card: {owner.name}",
        f"`model.tflite`, recipe `{bundle['recipe']}`, {bundle['metrics']['size_bytes']:,} bytes, "
        f"SHA-256 `{bundle['files']['model.tflite']}`.",
        f"## Intended use\n\n{owner.intended_use}",
        f"## Limits\n\n{owner.limits}",
        f"## Results\n\n{results.strip()}",
        f"## Each class\n\n{_per_class(bundle['metrics'])}",
        f"## Gates\n\n{_gates(bundle)}",
        f"## On the device\n\n{_interface(bundle, profiles[bundle['recipe']])}",
        f"## Data\n\n{_data(dataset)}",
        f"## Lineage\n\n{_lineage(bundle)}",
        f"## Licence\n\n{owner.licence}",
    ]) + "\n"  # fmt: skip


def _per_class(metrics: dict[str, Any]) -> str:
    rows: list[tuple[str, ...]] = [("class", "precision", "recall", "F1", "rows")]
    for name, measured in metrics["per_class"].items():
        figures = (measured[key] for key in ("precision", "recall", "f1"))
        fractions = ("undefined" if figure is None else f"{figure:.4f}" for figure in figures)
        rows.append((name, *fractions, str(measured["rows"])))
    return markdown_table(rows)


def _gates(bundle: dict[str, Any]) -> str:
    rows: list[tuple[str, ...]] = [("gate", "value", "interval", "bound", "passed")]
    for gate in bundle["gates"]:
        value = "" if gate["value"] is None else f"{gate['value']:g}"
        interval = "[{:.4f}, {:.4f}]".format(*gate["interval"]) if gate["interval"] else ""
        rows.append((gate["name"], value, interval, f"{gate['bound']:g}", "yes" if gate["passed"] else "no"))
    return markdown_table(rows)


def _interface(bundle: dict[str, Any], profile: dict[str, Any]) -> str:
    shape = "x".join(map(str, bundle["input"]["shape"]))
    missed = profile["operators"]["not_delegated"]
    return (
        f"Feed `{bundle['input']['feed']}` as {bundle['input']['dtype']}, {shape}, where raw is 0 to 255; the output "
        f"is a probability per line of `labels.txt`. Median latency {profile['latency_us']['median']:.1f} us on one "
        f"thread, {profile['times_float32']:.2f} times float32's in the same run. All tensors together take "
        f"{profile['memory']['tensor_bytes']:,} bytes. Operators that the delegate did not take: "
        + (", ".join(f"{name} ({count})" for name, count in missed.items()) or "none")
        + "."
    )


def _data(dataset: dict[str, Any]) -> str:
    counts = ", ".join(f"{name} {sum(shard['rows'] for shard in shards)}" for name, shards in dataset["splits"].items())
    bad = ", ".join(f"{reason} ({count})" for reason, count in dataset["quarantined"].items()) or "none"
    return f"Rows of the target: {counts}. Classes: {', '.join(dataset['classes'])}. Rows left out: {bad}."


def _lineage(bundle: dict[str, Any]) -> str:
    return (
        f"`manifest.json` beside this card holds the SHA-256 of {len(bundle['inputs'])} input files and "
        f"{len(bundle['sources'])} source files, all parameters, and the versions of the software."
    )
