"""The pages for people and the bill of materials, whatever the verdict: `dvc repro report`."""

from contextlib import ExitStack
from pathlib import Path

from tasks.core.files import replacing, write_json
from tasks.core.progress import say
from tasks.line.params import Params
from tasks.reporting.bom import bill_of_materials
from tasks.reporting.findings import Places, read
from tasks.reporting.model_card import model_card
from tasks.reporting.results import results
from tasks.reporting.sections import report_page
from tasks.reporting.summary import write_plots, write_summary


def report(
    line: Params,
    *,
    verdict: Path,
    models: Path,
    evaluations: Path,
    profiles: Path,
    comparison: Path,
    cross_validation: Path,
    labels: Path,
    baseline: Path,
    train_history: Path,
    fine_tune_history: Path,
    base: Path,
    data: Path,
    page: Path,
    card: Path,
    bom: Path,
    table: Path,
    summary: Path,
    plots: Path,
) -> None:
    """Write the report, the model card, the bill of materials, the result table, and what DVC shows of a run.

    They describe the recipe that is released, or else the one that came nearest, and say which. All but the bill show
    latencies, so their bytes differ between equal runs.

    Raises:
        DataError: a column of the target is not as it was written.
    """
    found = read(line, Places(
        verdict=verdict, models=models, evaluations=evaluations, profiles=profiles, comparison=comparison,
        cross_validation=cross_validation, labels=labels, baseline=baseline, train_history=train_history,
        fine_tune_history=fine_tune_history, base=base, data=data,
    ))  # fmt: skip
    with ExitStack() as stack:
        page_file, card_file, bom_file, table_file = (
            stack.enter_context(replacing(path)) for path in (page, card, bom, table)
        )
        page_file.write_text(report_page(found), encoding="utf-8")
        card_file.write_text(model_card(found), encoding="utf-8")
        write_json(bom_file, bill_of_materials(found))
        table_file.write_text(results(found), encoding="utf-8")
        write_summary(found, stack.enter_context(replacing(summary)))
        write_plots(found, evaluations, stack.enter_context(replacing(plots)))
    say(f"[100%] report: {page}")
