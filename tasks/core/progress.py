"""What a stage says while it works: one event a line, or a line that renews itself on a terminal."""

import sys
import time

SECONDS_BETWEEN_EVENTS = 1.0


class Progress:
    """Says how far a stage has come, at most once a second, as `[ 40%] epoch 4 of 10: loss 0.31`."""

    def __init__(self, total: int) -> None:
        self.total, self.done, self.said_at = max(total, 1), 0, float("-inf")

    def advance(self, message: str, by: int = 1) -> None:
        """Count `by` more units of work as done and say `message`; the last unit is always said."""
        self.done = min(self.done + by, self.total)
        now = time.monotonic()
        if now - self.said_at < SECONDS_BETWEEN_EVENTS and self.done < self.total:
            return
        self.said_at = now
        line = f"[{100 * self.done // self.total:3d}%] {message}"
        if sys.stdout.isatty():
            sys.stdout.write(f"\r\x1b[K{line}" + ("\n" if self.done == self.total else ""))
        else:
            sys.stdout.write(line + "\n")
        sys.stdout.flush()


def say(message: str) -> None:
    """Say one event on a line of its own."""
    sys.stdout.write(message + "\n")
    sys.stdout.flush()
