"""The README's tours, pasted line by line, over a finished demo; and every command it names exists."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TOURS = re.findall(r"<!-- tour:(\w+) -->\n```(\w+)\n(.*?)```", README, flags=re.DOTALL)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the demo stands under the name that the README uses."""
    demo = Path(os.environ.get("GENOMICS_DC_DEMO", ROOT / "genomics-dc-demo"))
    if not (demo / "summary.json").is_file():
        pytest.skip(f"the demo has not been run ({demo}); `make demo` runs it")
    folder = tmp_path_factory.mktemp("tour")
    (folder / "genomics-dc-demo").symlink_to(demo.resolve())
    return folder


def test_there_is_a_tour_for_each_user() -> None:
    assert [name for name, _, _ in TOURS] == ["hpc", "store", "notebook", "shell", "clinic"]


@pytest.mark.parametrize(("name", "language", "text"), TOURS, ids=[name for name, _, _ in TOURS])
def test_tour_works_when_pasted(workplace: Path, name: str, language: str, text: str) -> None:
    environment = dict(os.environ, PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    command = [sys.executable, "-c", text] if language == "python" else ["bash", "-euo", "pipefail", "-c", text]
    done = subprocess.run(command, cwd=workplace, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"tour {name}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    assert done.stdout.strip()


def _commands() -> set[tuple[str, ...]]:
    """Return the command words of every `genomics-dc` line in the README's shell blocks."""
    found = set()
    for block in re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL):
        words = shlex.split(block.replace("\n", " ; "), comments=False)
        for number, word in enumerate(words):
            if word == "genomics-dc":
                group = 2 if words[number + 1] in ("store", "cohort", "calls", "audit") else 1
                found.add(tuple(words[number + 1 : number + 1 + group]))
    return found


@pytest.mark.parametrize("words", sorted(_commands()), ids=" ".join)
def test_every_command_of_the_readme_has_help_with_an_example(words: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "genomics_dc.cli.main", *words, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=dict(os.environ, COLUMNS="200"))
    assert "Example: genomics-dc " + " ".join(words) in done.stdout
