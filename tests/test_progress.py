"""Progress in a log, a terminal and a notebook."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys

import pytest

from genomics_dc import progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that moves a second each time it is read."""
    seconds = iter(range(10_000))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(seconds)))


def test_a_log_gets_a_line_now_and_then_without_control_characters(clock, monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with progress.counting_bar("variants") as tell:
        for done in range(1, 41):
            tell(done, 40)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "variants: 5%, 2 s, about 38 s left"
    assert len(lines) == 3  # at 2 s, and every 15 s
    assert re.fullmatch(r"[\x20-\x7e\n]*", stream.getvalue())


def test_every_way_of_telling_is_understood(clock, monkeypatch):
    monkeypatch.setattr(progress, "_LINE_EVERY_S", 0.0)
    monkeypatch.setattr(progress, "_FIRST_AFTER_S", 0.0)
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with progress.progress_bar("Starting") as tell:
        tell("counting genotypes", 0.25)
        tell(3, 4)
        tell(7, 0.00123)
        tell(0, 0)
    assert stream.getvalue().splitlines() == [
        "counting genotypes: 25%, 1 s, about 3 s left",
        "counting genotypes: 75%, 2 s, about 1 s left",
        "pass 7: residual 1.2e-03, 3 s",
        "counting genotypes: 100%, 4 s",
    ]


def test_a_short_call_says_nothing_in_a_log(capsys):
    with progress.progress_bar() as tell:
        tell("counting", 1.0)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_a_bar_that_goes_away():
    code = (
        "import time\nfrom genomics_dc.progress import progress_bar\n"
        "with progress_bar('counting') as tell:\n"
        "    tell('counting genotypes', 0.5); time.sleep(0.3); tell(7, 0.001); time.sleep(0.2)\n"
    )
    ours, theirs = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", code], stderr=theirs, env=dict(os.environ, TERM="xterm")) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += os.read(ours, 4096)
            except OSError:
                break
    os.close(ours)
    assert process.returncode == 0
    assert b"counting genotypes" in shown
    assert b"50%" in shown
    assert b"\x1b[2K" in shown  # erased


def test_a_notebook_gets_a_bar_under_the_cell(clock, monkeypatch):
    pytest.importorskip("IPython", reason="IPython is not installed: genomics_dc[notebook]")
    from IPython import display

    shown = []

    class Handle:
        def update(self, page):
            shown.append(page.data)

    def show(page, display_id):
        assert display_id is True
        shown.append(page.data)
        return Handle()

    monkeypatch.setattr(display, "display", show)
    monkeypatch.setattr(progress, "_in_notebook", lambda: True)
    assert progress.interactive()
    with progress.progress_bar() as tell:
        for share in (0.1, 0.2, 0.6):
            tell("<counting>", share)
    assert shown[0].startswith('<progress value="0.2000"></progress> &lt;counting&gt;: 20%, 2 s')
    assert shown[-1] == ""
