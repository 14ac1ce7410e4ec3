"""Which recipe is released: the smallest of those that keep every bound."""

from dataclasses import dataclass

from tasks.contracts.params import Release


@dataclass(frozen=True)
class Candidate:
    """A recipe with what it is judged by.

    Attributes:
        recipe: its name in `params.yaml`.
        size_bytes: of the file on the device.
        zip_bytes: of the file on its way there.
        accuracy: on the test rows, in [0, 1].
        accuracy_drop: accuracy of float32 on the same rows less its own; negative where it is better.
        accuracy_drop_upper: upper end of its paired interval, which the budget is held against.
        latency_us: median of single-row inference.
    """

    recipe: str
    size_bytes: int
    zip_bytes: int
    accuracy: float
    accuracy_drop: float
    accuracy_drop_upper: float
    latency_us: float

    def verdict(self, budget: Release) -> dict[str, bool]:
        """Say for each bound whether it is kept."""
        return {
            "max_size_bytes": self.size_bytes <= budget.max_size_bytes,
            "max_latency_us": self.latency_us <= budget.max_latency_us,
            "max_accuracy_drop": self.accuracy_drop_upper <= budget.max_accuracy_drop,
        }

    def broken(self, budget: Release) -> list[str]:
        """Name the bounds that are not kept, with got and bound, for people."""
        told = {
            "max_size_bytes": f"size {self.size_bytes:,} bytes > {budget.max_size_bytes:,}",
            "max_latency_us": f"latency {self.latency_us:,.0f} us > {budget.max_latency_us:,.0f}",
            "max_accuracy_drop": f"accuracy drop up to {self.accuracy_drop_upper:.4f} > {budget.max_accuracy_drop:g}",
        }
        return [told[bound] for bound, kept in self.verdict(budget).items() if not kept]


def smallest_within(candidates: list[Candidate], budget: Release) -> Candidate | None:
    """Return the candidate inside the budget with the fewest zip bytes, None where there is none.

    int8 files of one network are equally big on the device, so the bytes that travel decide between them.
    """
    inside = [candidate for candidate in candidates if not candidate.broken(budget)]
    return min(
        inside, key=lambda candidate: (candidate.zip_bytes, candidate.size_bytes, candidate.recipe), default=None
    )
