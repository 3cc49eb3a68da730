"""What `doctor --compile` runs: every command that uses kernels, and what is told before the first compilation."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

import typer

from genomics_dc.cli.compiling import FIRST, GROUPS, run_lines
from genomics_dc.cli.compiling_cohort import write_cohort
from genomics_dc.cli.main import app

# Commands without a kernel of their own, or that take what only an installed genome or registry gives.
WITHOUT = {
    *("demo", "doctor", "run", "annotate", "screen", "report", "consequence-counts", "gene-counts"),
    *("store plan", "store info", "store publish", "store sweep", "store prove-reference"),
}
GROUPS_WITHOUT = {"cohort", "audit", "calls", "hail"}


def commands():
    root = typer.main.get_command(app)
    for name, command in root.commands.items():
        if hasattr(command, "commands"):
            yield from (f"{name} {inner}" for inner in command.commands if name not in GROUPS_WITHOUT)
        else:
            yield name


def test_every_command_that_uses_kernels_is_run():
    lines = [shlex.split(line) for line in (*FIRST, *(line for group in GROUPS for line in group))]
    run = {words[0] if words[0] != "store" else " ".join(words[:2]) for words in lines}
    assert set(commands()) - WITHOUT - run == set(), "add a line to genomics_dc/cli/compiling.py"
    assert run <= set(commands())


def test_a_line_that_fails_is_told_and_the_others_run(tmp_path):
    write_cohort(tmp_path)
    lines = ("store build nowhere.vcf --output n.vcz", "validate north.vcf", "store query none.vcz -f x")
    first, second = run_lines(lines, tmp_path)
    assert first.startswith("genomics-dc store build nowhere.vcf")
    assert second.startswith("genomics-dc store query none.vcz")


def test_the_first_command_says_that_it_compiles(tmp_path):
    code = (
        "import sys\n"
        "from genomics_dc.cli import compiling, main\n"
        "compiling.compile_everything = lambda: print('all of it', file=sys.stderr)\n"
        "from genomics_dc.kernels._first import before_first_compilation\n"
        "before_first_compilation(main._compile_once)\n"
        "import numpy as np\n"
        "from genomics_dc.kernels.genotypes import pack_dosage\n"
        "assert pack_dosage(np.array([[0, 1, 2, -1]], dtype=np.int8)).shape == (1, 1)\n"
    )
    environment = dict(os.environ, NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("compiling for this processor, once for all commands") == 1
    assert done.stderr.count("all of it") == 1
