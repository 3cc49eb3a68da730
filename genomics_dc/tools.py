"""The outside programs: where they are, which version is enough, what Debian package brings them."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from genomics_dc.errors import ToolError

_STDERR_LINES_SHOWN = 5


@dataclass(frozen=True)
class Program:
    """An outside program: its Debian package, the oldest version that works, and how to ask for the version."""

    name: str
    package: str
    version_min: tuple[int, ...]
    version_args: tuple[str, ...] = ("--version",)
    needed_for: str = "run"


PROGRAMS: Mapping[str, Program] = {
    program.name: program
    for program in (
        Program("bwa", "bwa", (0, 7, 17), ()),
        Program("samtools", "samtools", (1, 16)),
        Program("bcftools", "bcftools", (1, 16)),
        Program("bgzip", "tabix", (1, 16)),
        Program("tabix", "tabix", (1, 16)),
        Program("fastp", "fastp", (0, 23)),
        Program("freebayes", "freebayes", (1, 3), needed_for="run with caller: freebayes"),
        Program("dwgsim", "dwgsim", (0, 1, 14), ("-h",), needed_for="demo"),
        Program("plink2", "plink2", (2,), needed_for="tests"),
    )
}


def version_of(name: str) -> tuple[int, ...] | None:
    """Return the version of a program on PATH as numbers, or None when it is absent or prints none."""
    program = PROGRAMS[name]
    path = shutil.which(name)
    if path is None:
        return None
    done = subprocess.run(
        [path, *program.version_args], capture_output=True, text=True, errors="replace", check=False, timeout=30
    )
    found = re.search(r"(?:[Vv]ersion:?\s*|v)?(\d+(?:\.\d+)+)", done.stdout + done.stderr)
    return tuple(int(part) for part in found.group(1).split(".")) if found else None


def require(*names: str) -> dict[str, str]:
    """Check that programs are there and new enough; return their versions as text.

    Raises ToolError that names every missing program and its Debian package, all at once.
    """
    versions: dict[str, str] = {}
    problems: list[str] = []
    for name in names:
        program = PROGRAMS[name]
        version = version_of(name)
        wanted = ".".join(map(str, program.version_min))
        if version is None:
            problems.append(f"{name} is missing (Debian package {program.package})")
        elif version < program.version_min:
            problems.append(f"{name} {'.'.join(map(str, version))} is too old, {wanted} or newer is needed")
        else:
            versions[name] = ".".join(map(str, version))
    if problems:
        raise ToolError("; ".join(problems) + "; `genomics-dc doctor` prints the install line")
    return versions


def run(
    command: Sequence[str | Path], *, cwd: Path | str | None = None, input_bytes: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run an outside program without a shell; raise ToolError with its last words when it fails."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, cwd=cwd, input=input_bytes, capture_output=True, check=False)
    except FileNotFoundError as error:
        package = PROGRAMS[words[0]].package if words[0] in PROGRAMS else words[0]
        raise ToolError(f"{words[0]} is missing (Debian package {package}); install it and run again") from error
    if done.returncode != 0:
        last_words = " | ".join(done.stderr.decode(errors="replace").strip().splitlines()[-_STDERR_LINES_SHOWN:])
        raise ToolError(f"`{' '.join(words[:2])}` failed with exit status {done.returncode}: {last_words}")
    return done
