"""Orchestration: Prefect runs what DVC describes. Nothing here knows what a stage does."""

import os
from pathlib import Path

# Prefect and DVC read these when they are imported, and every child inherits them, so they are set before either is.
# They are defaults: whoever has set one keeps it. The Makefile sets the same. Prefect's database belongs to the line,
# which is the folder that a command is started in: the code may lie in site-packages.
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("DVC_NO_ANALYTICS", "1")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("PREFECT_HOME", str(Path.cwd() / ".trimline" / "prefect"))
