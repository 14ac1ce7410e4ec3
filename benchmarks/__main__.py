"""All measurements, one after the other: `make bench`. Shared machines are noisy; the ratios are what counts."""

from benchmarks import line, preprocessing, scaling, side_by_side
from tasks.core.progress import say

if __name__ == "__main__":
    preprocessing.main(say)
    scaling.main(say)
    line.main(say)
    side_by_side.main(say)
