"""The pages for people, and what other programs read of a release: `dvc repro report`"""

from contextlib import ExitStack
from pathlib import Path

from tasks.contracts.files import replacing, write_json
from tasks.contracts.params import Report
from tasks.contracts.progress import say
from tasks.contracts.recipes import Recipe
from tasks.reporting.bom import bill_of_materials
from tasks.reporting.findings import Places, read
from tasks.reporting.model_card import model_card
from tasks.reporting.page.report import report_page
from tasks.reporting.results import results


def report(
    params: Report,
    compress: dict[str, Recipe],
    *,
    manifest: Path,
    model: Path,
    float32: Path,
    evaluations: Path,
    profiles: Path,
    comparison: Path,
    cross_validation: Path,
    baseline: Path,
    train_history: Path,
    fine_tune_history: Path,
    compressed: Path,
    base: Path,
    data: Path,
    page: Path,
    card: Path,
    bom: Path,
    table: Path,
) -> None:
    """Write the report, the model card, the bill of materials and the result table.

    All but the bill show latencies, so their bytes differ between equal runs.

    Raises:
        DataError: a column of the target is not as it was written.
    """
    found = read(params, compress, Places(
        manifest=manifest, model=model, float32=float32, evaluations=evaluations, profiles=profiles,
        comparison=comparison, cross_validation=cross_validation, baseline=baseline, train_history=train_history,
        fine_tune_history=fine_tune_history, compressed=compressed, base=base, data=data,
    ))  # fmt: skip
    with ExitStack() as stack:
        page_file, card_file, bom_file, table_file = (
            stack.enter_context(replacing(path)) for path in (page, card, bom, table)
        )
        page_file.write_text(report_page(found), encoding="utf-8")
        card_file.write_text(model_card(found), encoding="utf-8")
        write_json(bom_file, bill_of_materials(found))
        shown = results(found.bundle, found.metrics, found.profiles, found.transfer, found.baseline)
        table_file.write_text(shown, encoding="utf-8")
    say(f"[100%] report: {page}")
