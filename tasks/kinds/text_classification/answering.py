"""Asking an exported file about texts: probabilities, (rows, classes)."""

from tasks.device.classes import told
from tasks.device.running import answers, once

__all__ = ["answers", "once", "told"]
