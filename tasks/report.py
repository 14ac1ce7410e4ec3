"""The pages for people: the result table and the model card. `dvc repro report`"""

from pathlib import Path

from tasks.contracts import stage
from tasks.contracts.files import read_json, replacing
from tasks.contracts.params import Report
from tasks.contracts.progress import say
from tasks.contracts.recipes import Recipe
from tasks.reporting.model_card import model_card
from tasks.reporting.results import results


def report(
    params: Report,
    compress: dict[str, Recipe],
    *,
    manifest: Path,
    evaluations: Path,
    profiles: Path,
    comparison: Path,
    target: Path,
    card: Path,
    table: Path,
) -> None:
    """Write both as Markdown. They show latencies, so their bytes differ between equal runs."""
    bundle, transfer = read_json(manifest), read_json(comparison)
    metrics = {recipe: read_json(evaluations / recipe / "metrics.json") for recipe in compress}
    profiled = {recipe: read_json(profiles / f"{recipe}.json") for recipe in compress}
    shown = results(bundle, metrics, profiled, transfer)
    with replacing(table) as table_file, replacing(card) as card_file:
        table_file.write_text(shown, encoding="utf-8")
        card_file.write_text(model_card(params, bundle, shown, profiled, read_json(target)), encoding="utf-8")
    say(f"[100%] report: {card}")


if __name__ == "__main__":
    stage.run(report)
