"""The bill of materials with a model card for machines: CycloneDX 1.6 (ECMA-424), an ML-BOM.

It holds nothing that differs between equal runs: no time, no latency, and a serial number that follows from the model.
"""

import json
from collections.abc import Iterator
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from tasks.reporting.findings import Findings, rows_of
from tasks.reporting.sections.headline import warnings
from tasks.reporting.sections.provenance import inputs_summary, output_summary

ROLES = {"base": "trains the base model", "target": "is what the model is adapted to and measured on"}
# Facts of the environment that are no software.
MACHINE = ("machine", "cpu_features")
MODEL, PLATFORM = "model", "python"


def bill_of_materials(found: Findings) -> dict[str, Any]:
    """Return the document; it is valid by the schema of CycloneDX 1.6."""
    digest = found.files["model.tflite"]
    parts = [*_data_sets(found), *_software(found)]
    references = [part["bom-ref"] for part in parts]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_OID, digest)}",
        "version": 1,
        "metadata": {"component": _model(found, digest)},
        "components": parts,
        "dependencies": [
            {"ref": MODEL, "dependsOn": references},
            *({"ref": reference} for reference in references),
        ],
    }


def _model(found: Findings, digest: str) -> dict[str, Any]:
    metadata = {
        "recipe": found.recipe,
        "released": found.is_released,
        **({"accepted_at_own_risk": found.accepted["reason"]} if found.accepted else {}),
        "size_bytes": found.measured["size_bytes"],
        "zip_bytes": found.measured["zip_bytes"],
        "agreement_with_float32": found.measured["agreement_with_float32"],
        "macs": found.macs,
        "training_flops": sum(one.flops for one in found.costs),
        **{name: found.environment[name] for name in MACHINE},
    }
    return {
        "type": "machine-learning-model",
        "bom-ref": MODEL,
        "name": found.owner.name,
        "version": digest[:16],
        "description": "".join(f"{one}. " for one in warnings(found)) + found.owner.intended_use,
        "hashes": [{"alg": "SHA-256", "content": digest}],
        "licenses": [{"license": {"name": found.owner.licence}}],
        "modelCard": _card(found),
        "properties": [{"name": f"trimline:{name}", "value": _text(value)} for name, value in metadata.items()],
    }


def _card(found: Findings) -> dict[str, Any]:
    parameters = found.parameters
    return {
        "modelParameters": {
            "approach": {"type": "supervised"},
            "task": found.kind,
            "modelArchitecture": parameters["train"]["architecture"],
            "datasets": [{"ref": _data_reference(role)} for role in found.datasets],
            "inputs": [{"format": inputs_summary(found)}],
            "outputs": [{"format": output_summary(found)}],
        },
        "quantitativeAnalysis": {"performanceMetrics": list(_metrics(found.measured))},
        "considerations": {
            "useCases": [found.owner.intended_use],
            "technicalLimitations": [found.owner.limits],
        },
    }


def _metrics(measured: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name, score in measured["scores"].items():
        yield from _metric(name, score["value"], score["interval"])
        yield from _metric(f"{name}_drop", score["drop"], score["drop_interval"])
    for one in measured["slices"]:
        primary = measured["primary"]
        yield from _metric(primary, one[primary], one["interval"], one["slice"])
        yield from _metric(f"{primary}_drop", one["drop"], one["drop_interval"], one["slice"])


def _metric(
    name: str, value: float | None, interval: list[float] | None, part: str | None = None
) -> Iterator[dict[str, Any]]:
    """Yield a metric; one that is undefined has no place in the document."""
    if value is None:
        return
    found: dict[str, Any] = {"type": name, "value": _text(value)}
    if part is not None:
        found["slice"] = part
    if interval:
        found["confidenceInterval"] = {"lowerBound": _text(interval[0]), "upperBound": _text(interval[1])}
    yield found


def _data_sets(found: Findings) -> Iterator[dict[str, Any]]:
    for role, dataset in found.datasets.items():
        digest = found.dataset_sha256(role)
        rows = ", ".join(f"{rows_of(dataset, split):,} {split}" for split in dataset["splits"])
        yield {
            "type": "data",
            "bom-ref": _data_reference(role),
            "name": role,
            "version": digest[:16],
            "description": f"It {ROLES[role]}. Rows: {rows}. The digest is that of dataset.json.",
            "hashes": [{"alg": "SHA-256", "content": digest}],
            "data": [{"type": "dataset", "name": role}],
        }


def _software(found: Findings) -> Iterator[dict[str, Any]]:
    for name, version in found.environment.items():
        if name == PLATFORM:
            yield {"type": "platform", "bom-ref": PLATFORM, "name": "CPython", "version": version}
        elif name not in MACHINE:
            reference = f"pkg:pypi/{name}@{version}"
            yield {"type": "library", "bom-ref": reference, "name": name, "version": version, "purl": reference}


def _data_reference(role: str) -> str:
    return f"data-{role}"


def _text(value: Any) -> str:
    """Write a number as `metrics.json` has it."""
    return value if isinstance(value, str) else json.dumps(value)
