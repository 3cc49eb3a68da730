"""What the workers of a cluster are asked in tests: functions of a module, which another process finds by name."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from genomics_dc.errors import InputError


def places(block):
    """The process, and the rows that it saw."""
    return os.getpid(), block.index.tolist(), int(block["dosage"].sum())


def refuse(block):
    """An error of a user's kind."""
    raise InputError(f"row {int(block.index[0])} is not what was expected; mend it")


def die_once(marker: Path, block):
    """End the worker as the kernel's memory guard does, the first time that it comes to row 2,000."""
    if block.index[0] == 2000 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return int(block["dosage"].sum())


def die(block):
    """End every worker."""
    os.kill(os.getpid(), signal.SIGKILL)
