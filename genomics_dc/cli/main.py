"""The `genomics-dc` program: one command group per file, errors as one plain sentence."""

from __future__ import annotations

import atexit
import gc
import sys
from importlib import import_module
from importlib.util import find_spec

import typer

from genomics_dc.errors import GenomicsError
from genomics_dc.files import system_problem
from genomics_dc.kernels._first import before_first_compilation

# What a command imports are a hundred thousand objects that all stay. By default Python looks through them again and
# again while they come, 0.1 s of the start of a command.
gc.set_threshold(100_000, 20, 20)

_COMMAND_FILES = (
    "demo",
    "doctor",
    "run",
    "store",
    "validate",
    "qc",
    "kinship",
    "structure",
    "linkage",
    "associate",
    "frequencies",
    "meta",
    "annotate",
    "cohort",
    "screen",
    "report",
    "audit",
    "calls",
    "hail",
)

app = typer.Typer(
    name="genomics-dc",
    help="Reads to joint calls, a store that does not lie, cohort statistics, registry, reports.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _root() -> None:
    """Reads to joint calls, a store that does not lie, cohort statistics, registry, reports."""  # noqa: D401  help text


for _name in _COMMAND_FILES:
    if find_spec(f"genomics_dc.cli.{_name}"):
        import_module(f"genomics_dc.cli.{_name}").register(app)


def _compile_once() -> None:
    from genomics_dc.cli.compiling import compile_before_first_use

    compile_before_first_use()


def main() -> None:
    """Run the command line; a user's mistake is one sentence on stderr, a bug is a traceback."""
    before_first_compilation(_compile_once)
    atexit.register(gc.freeze)  # at its end Python would look through all objects once more, 0.1 s
    try:
        app()
    except GenomicsError as error:
        print(f"genomics-dc: {error}", file=sys.stderr)  # noqa: T201
        raise SystemExit(error.exit_code) from None
    except BrokenPipeError:
        raise SystemExit(141) from None
    except OSError as error:
        problem = system_problem(error)
        if problem is None:
            raise
        where = error.filename if isinstance(error.filename, str) else "the command was stopped"
        print(f"genomics-dc: {where}: {problem}", file=sys.stderr)  # noqa: T201
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
