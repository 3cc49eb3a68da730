"""Stages: done once, redone when what they read changed, and safe to stop anywhere."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from genomics_dc.demo import stages
from genomics_dc.demo.stages import Runner, Stage, held_folder
from genomics_dc.errors import ResourceError


class Silent:
    """A display that remembers which stages were done now."""

    def __init__(self) -> None:
        self.redone: dict[str, bool] = {}

    def started(self, title: str) -> None:
        pass

    def told(self, title: str, text: str) -> None:
        pass

    def finished(self, title: str, elapsed_s: float, *, redone: bool) -> None:
        self.redone[title] = redone


def writes(path: Path, text: str) -> Callable[[Callable[[str], None]], dict[str, int]]:
    def work(_tell: Callable[[str], None]) -> dict[str, int]:
        path.write_text(text)
        return {"letters": len(text)}

    return work  # type: ignore[return-value]


def lane(folder: Path, text: str = "abc", later: str = "x") -> list[Stage]:
    return [
        Stage("first", "first", writes(folder / "a.txt", text), ("a.txt",), {"text": text}),
        Stage("second", "second", writes(folder / "b.txt", later), ("b.txt",), {}, ("first",)),
    ]


def run(folder: Path, lanes: list[list[Stage]]) -> dict[str, bool]:
    display = Silent()
    with held_folder(folder, fresh=False):
        Runner(folder, display).run_lanes(lanes, side_by_side=True)
    return display.redone


def test_second_run_does_nothing(tmp_path: Path) -> None:
    assert run(tmp_path, [lane(tmp_path)]) == {"first": True, "second": True}
    assert run(tmp_path, [lane(tmp_path)]) == {"first": False, "second": False}


def test_other_input_redoes_the_stage_and_what_needs_it(tmp_path: Path) -> None:
    run(tmp_path, [lane(tmp_path)])
    assert run(tmp_path, [lane(tmp_path, text="abcd")]) == {"first": True, "second": True}
    assert (tmp_path / "a.txt").read_text() == "abcd"


def test_lost_or_changed_output_redoes_the_stage(tmp_path: Path) -> None:
    run(tmp_path, [lane(tmp_path)])
    (tmp_path / "b.txt").unlink()
    assert run(tmp_path, [lane(tmp_path)]) == {"first": False, "second": True}
    (tmp_path / "a.txt").write_text("longer than before")
    assert run(tmp_path, [lane(tmp_path)])["first"] is True


def test_other_software_redoes_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, [lane(tmp_path)])
    monkeypatch.setattr(stages, "software_fingerprint", lambda code=(): "another")
    assert run(tmp_path, [lane(tmp_path)]) == {"first": True, "second": True}


def test_work_that_goes_on_by_itself_begins_anew_only_for_other_inputs(tmp_path: Path) -> None:
    """A stopped workflow keeps its finished steps; with another program or input they must go."""

    def stage(text: str, fail: bool) -> list[list[Stage]]:
        def work(_tell: Callable[[str], None]) -> dict[str, int]:
            (tmp_path / "run").mkdir(exist_ok=True)
            step = tmp_path / "run" / "step1.txt"
            if not step.exists():
                step.write_text(text)
            if fail:
                raise RuntimeError("stopped")
            return {}

        return [[Stage("flow", "flow", work, ("run/step1.txt",), {"text": text}, resumes="run")]]  # type: ignore[arg-type]

    for text, fail, expected in (("a", True, "a"), ("a", False, "a"), ("b", True, "b"), ("c", False, "c")):
        if fail:
            with pytest.raises(RuntimeError, match="stopped"):
                run(tmp_path, stage(text, fail))
        else:
            assert run(tmp_path, stage(text, fail)) == {"flow": True}
        assert (tmp_path / "run" / "step1.txt").read_text() == expected


def test_failed_stage_stops_the_lanes_and_raises(tmp_path: Path) -> None:
    def fails(_tell: Callable[[str], None]) -> dict[str, int]:
        raise RuntimeError("no")

    bad = [Stage("bad", "bad", fails, ())]  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="no"), held_folder(tmp_path, fresh=False):
        Runner(tmp_path, Silent()).run_lanes([[*bad, *lane(tmp_path)]], side_by_side=False)
    assert not (tmp_path / "a.txt").exists()
    assert not (tmp_path / ".stages" / "bad.json").exists()


def test_one_demo_at_a_time(tmp_path: Path) -> None:
    with (
        held_folder(tmp_path, fresh=False),
        pytest.raises(ResourceError, match="another demo is running"),
        held_folder(tmp_path, fresh=False),
    ):
        pass


def test_fresh_empties_only_a_demo_folder(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ResourceError, match="not a folder that a demo made"), held_folder(tmp_path, fresh=True):
        pass
    assert (tmp_path / "thesis.txt").exists()
    demo = tmp_path / "demo"
    run(demo, [lane(demo)])
    with held_folder(demo, fresh=True):
        assert not (demo / "a.txt").exists()
    assert run(demo, [lane(demo)]) == {"first": True, "second": True}


def test_killed_run_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    """kill -9 in the middle of a stage: what is done stays, the rest is done, half-written files are swept."""
    script = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        from genomics_dc.demo.stages import Runner, Stage, held_folder
        from genomics_dc.files import atomic_directory
        folder = Path(sys.argv[1])

        class Silent:
            def started(self, title): pass
            def told(self, title, text): pass
            def finished(self, title, elapsed_s, *, redone): print(title, redone, flush=True)

        def work(name, slow):
            def inner(tell):
                with atomic_directory(folder / name, force=True) as staging:
                    for number in range(20):
                        (staging / f"{number}.txt").write_text(name * number)
                        time.sleep(slow)
                return {}
            return inner

        with held_folder(folder, fresh=False):
            lane = [Stage(n, n, work(n, float(sys.argv[2])), (n,), {}) for n in ("one", "two")]
            Runner(folder, Silent()).run_lanes([lane], side_by_side=False)
        """
    )

    def start(folder: Path, slow: str) -> subprocess.Popen[str]:
        return subprocess.Popen([sys.executable, "-c", script, str(folder), slow], stdout=subprocess.PIPE, text=True)

    def bytes_of(folder: Path) -> dict[str, bytes]:
        kept = [path for path in sorted(folder.rglob("*")) if path.is_file() and "logs" not in path.parts]
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in kept}

    whole = tmp_path / "whole"
    start(whole, "0").communicate(timeout=60)
    killed = tmp_path / "killed"
    process = start(killed, "0.05")
    deadline = time.monotonic() + 30
    while not list(killed.glob(".partial-*-two")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.communicate()
    assert list(killed.glob(".partial-*")), "it was killed while it wrote"
    out, _ = start(killed, "0").communicate(timeout=60)
    assert out.split() == ["one", "False", "two", "True"]
    assert bytes_of(killed) == bytes_of(whole)
