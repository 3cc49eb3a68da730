"""Ctrl-C during an analysis: the prompt comes back at once, and nothing half-made stands under a final name."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

from genomics_dc.files import remove_partial_outputs

EXIT_CODE: Final = 130
_UNWIND_S: Final = 1.2  # for Python to leave by itself; a kernel at work in the calling thread can take longer


@contextmanager
def prompt_back() -> Iterator[None]:
    """End the process soon after Ctrl-C: partial outputs are removed, threads at work are not waited for.

    Python hears of a signal between two of its own steps. A thread listens to the system directly, and ends the process
    when a kernel holds Python up.
    """
    if threading.current_thread() is not threading.main_thread():  # a program that calls the command line from a thread
        yield
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    left = threading.Event()
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    listener = threading.Thread(target=_listen, args=(reader, left), daemon=True)
    listener.start()
    try:
        yield
    except KeyboardInterrupt:
        _leave()
    finally:
        signal.set_wakeup_fd(before)
        left.set()
        os.close(writer)
        listener.join()
        os.close(reader)


def _listen(reader: int, left: threading.Event) -> None:
    while number := os.read(reader, 1):
        if number[0] == signal.SIGINT and not left.wait(_UNWIND_S):
            _leave()


def _leave() -> NoReturn:
    remove_partial_outputs()
    sys.stdout.flush()
    print("\ngenomics-dc: stopped; nothing unfinished was left behind", file=sys.stderr, flush=True)  # noqa: T201
    os._exit(EXIT_CODE)
