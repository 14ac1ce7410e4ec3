"""The table that `tasks.commands.squeeze` ends with."""

from dataclasses import dataclass

from tasks.reporting.markdown import markdown_table

CONFIDENCE = 0.95
HEADER = ("drop [95 %]", "bytes", "zip bytes", "of the first", "median us", "p95 us")


@dataclass(frozen=True)
class Measured:
    """A candidate with what it is judged by; the drop's interval is paired, None where the measure has none."""

    name: str
    score: float
    drop: float
    drop_interval: list[float] | None
    size_bytes: int
    zip_bytes: int
    latency_us: dict[str, float]

    def broken(self, max_zip_bytes: int, max_drop: float) -> list[str]:
        """Name the bounds that are not kept, with got and bound."""
        size = [f"zip bytes {self.zip_bytes:,} > {max_zip_bytes:,}"] if self.zip_bytes > max_zip_bytes else []
        return size + ([f"drop {self.drop:.4f} > {max_drop:g}"] if self.drop > max_drop else [])


def squeezed_table(
    measured: list[Measured], best: Measured | None, max_zip_bytes: int, max_drop: float, measure: str, rows: int
) -> str:
    """Return the candidates as Markdown; the first is what the others are compared with."""
    table: list[tuple[str, ...]] = [("candidate", "verdict", measure, *HEADER)]
    for one in measured:
        verdict = "written" if one is best else "breaks a bound" if one.broken(max_zip_bytes, max_drop) else "fits"
        spread = " [{:+.4f}, {:+.4f}]".format(*one.drop_interval) if one.drop_interval else ""
        table.append((
            one.name, verdict, f"{one.score:.4f}", f"{one.drop:+.4f}{spread}", f"{one.size_bytes:,}",
            f"{one.zip_bytes:,}", f"{one.zip_bytes / measured[0].zip_bytes:.1%}",
            f"{one.latency_us['median']:.1f}", f"{one.latency_us['p95']:.1f}",
        ))  # fmt: skip
    told = f"Measured on {rows} rows; --max-size {max_zip_bytes:,} bounds the zip bytes, --max-drop the drop itself."
    return f"{markdown_table(table)}\n\n{told}"
