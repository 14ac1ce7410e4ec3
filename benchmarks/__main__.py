"""All measurements, one after the other: `make bench`. Shared machines are noisy; the ratios are what counts."""

import sys

from benchmarks import line, preprocessing


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    preprocessing.main(say)
    line.main(say)
