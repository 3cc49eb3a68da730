"""The audit log: what a thief with the database's password can do, and whether it is found."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from genomics_dc.centre import DataCentre
from genomics_dc.cohorts import audit, database
from genomics_dc.cohorts.models import AuditEvent
from genomics_dc.errors import RegistryError
from tests.registry_fixtures import CentreHome

WRITERS, EVENTS_EACH = 4, 15


@pytest.fixture
def centre(home: CentreHome, drop_audit_guards: Callable[[DataCentre], None]) -> DataCentre:
    """A centre with six events, whose guards are gone."""
    opened = home.open()
    for _ in range(6):
        opened.info()
    drop_audit_guards(opened)
    return opened


def change(centre: DataCentre, *statements: str) -> None:
    with centre._engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def found(centre: DataCentre, *, anchored: bool = True) -> list[str]:
    with database.transaction(centre._engine) as session:
        anchor = centre.config.audit_anchor if anchored else None
        return [str(finding) for finding in audit.verify(session, anchor=anchor).findings]


def test_whole_log_has_no_findings(centre: DataCentre) -> None:
    assert found(centre) == []
    assert found(centre, anchored=False) == []


@pytest.mark.parametrize(
    ("statements", "row", "problem"),
    [
        (["UPDATE audit_event SET payload = replace(payload, 'registrar', 'nobody') WHERE seq = 3"], 3, "edited"),
        (["UPDATE audit_event SET payload = 'x' WHERE seq = 3"], 3, "edited"),
        (["UPDATE audit_event SET payload = '{}' WHERE seq = 6"], 6, "edited"),
        (["DELETE FROM audit_event WHERE seq = 3"], 4, "row 3 before it is missing"),
        (["DELETE FROM audit_event WHERE seq < 3"], 3, "row 1 to 2 before it is missing"),
        (
            [
                "UPDATE audit_event SET seq = 99 WHERE seq = 3",
                "UPDATE audit_event SET seq = 3 WHERE seq = 4",
                "UPDATE audit_event SET seq = 4 WHERE seq = 99",
            ],
            3,
            "reordered",
        ),
    ],
)
def test_change_inside_is_found_without_an_anchor(
    centre: DataCentre, statements: list[str], row: int, problem: str
) -> None:
    change(centre, *statements)
    findings = found(centre, anchored=False)
    assert any(finding.startswith(f"row {row}:") and problem in finding for finding in findings), findings


def test_edited_row_with_a_recomputed_hash_breaks_the_next_row(centre: DataCentre) -> None:
    with database.transaction(centre._engine) as session:
        row = session.get(AuditEvent, 3)
        assert row is not None
        row.payload = row.payload.replace("registrar", "nobody")
        row.hash = audit.chained_hash(row.prev_hash, row.payload)
    assert any(finding.startswith("row 4: it does not follow") for finding in found(centre, anchored=False))


def test_cut_tail_is_found_by_the_anchor_alone(centre: DataCentre) -> None:
    change(centre, "DELETE FROM audit_event WHERE seq > 4")
    assert found(centre, anchored=False) == []
    assert any("the log ends at 4" in finding for finding in found(centre))
    # More events after the cut do not hide it: the anchor now knows two rows of one number.
    for _ in range(4):
        centre.info()
    assert any("two different rows" in finding for finding in found(centre))


def test_emptied_log_is_found(centre: DataCentre) -> None:
    change(centre, "DELETE FROM audit_event")
    assert any("the log ends at 0" in finding for finding in found(centre))


def test_log_forged_anew_from_a_row_on_is_found_by_the_anchor_alone(centre: DataCentre) -> None:
    with database.transaction(centre._engine) as session:
        rows = [session.get(AuditEvent, seq) for seq in range(1, 7)]
        prev_hash = audit.GENESIS
        forged = []
        for row in rows:
            assert row is not None
            payload = row.payload.replace("registrar", "nobody") if row.seq >= 4 else row.payload
            forged.append((row.seq, payload, prev_hash, audit.chained_hash(prev_hash, payload)))
            prev_hash = forged[-1][3]
    change(centre, "DELETE FROM audit_event")
    with database.transaction(centre._engine) as session:
        session.add_all(AuditEvent(seq=s, payload=p, prev_hash=before, hash=h) for s, p, before, h in forged)
    assert found(centre, anchored=False) == []
    assert next(finding for finding in found(centre) if "rewritten" in finding).startswith("row 4:")


def test_clock_that_runs_backwards_in_a_forged_row_is_found(centre: DataCentre) -> None:
    with database.transaction(centre._engine) as session:
        row = session.get(AuditEvent, 6)
        assert row is not None
        payload = json.loads(row.payload) | {"at": "2001-01-01T00:00:00.000000+00:00"}
        row.payload = audit.canonical_json(payload)
        row.hash = audit.chained_hash(row.prev_hash, row.payload)
    assert any("its time is before" in finding for finding in found(centre, anchored=False))


def test_log_goes_on_after_an_edited_head(centre: DataCentre) -> None:
    change(centre, "UPDATE audit_event SET payload = 'x' WHERE seq = 6")
    centre.info()
    assert any(finding.startswith("row 6:") for finding in found(centre))


def test_machine_clock_going_back_does_not_go_into_the_log(sqlite_home: CentreHome, monkeypatch) -> None:
    from datetime import timedelta

    centre = sqlite_home.open()
    centre.info()
    past = audit.now_utc() - timedelta(days=1)
    monkeypatch.setattr(audit, "now_utc", lambda: past)
    centre.info()
    assert found(centre) == []


def test_damaged_or_absent_anchor_is_told(sqlite_home: CentreHome) -> None:
    centre = sqlite_home.open()
    centre.info()
    anchor = centre.config.audit_anchor
    assert anchor is not None
    anchor.write_text(anchor.read_text() + "{half")
    assert any("line 2 of the anchor file is damaged" in finding for finding in found(centre))
    anchor.unlink()
    with pytest.raises(RegistryError, match="is not there"):
        found(centre)


def test_canonical_json_is_rfc_8785() -> None:
    document = {"b": "€\u20ac\n\x0f", "a": [1, True, None], "é": "中"}
    assert audit.canonical_json(document) == '{"a":[1,true,null],"b":"€€\\n\\u000f","é":"中"}'


def test_several_writers_make_one_chain(home: CentreHome, tmp_path: Path) -> None:
    """Four processes write at once; the chain has all their events, no fork, no gap."""
    program = (
        "import sys\n"
        "from genomics_dc.centre import open_centre\n"
        "with open_centre(sys.argv[1], purpose='registry') as centre:\n"
        "    print('ready', flush=True); sys.stdin.readline()\n"
        f"    for _ in range({EVENTS_EACH}): centre.info()\n"
    )
    command = [sys.executable, "-c", program, str(home.path)]
    writers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(WRITERS)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        _, errors = writer.communicate(timeout=120)
        assert writer.returncode == 0, errors
    with database.transaction(home.open()._engine) as session:
        verification = audit.verify(session, anchor=home.folder / "audit.anchor")
    assert verification.findings == ()
    assert verification.rows == WRITERS * EVENTS_EACH
    assert verification.anchored == WRITERS * EVENTS_EACH


def test_when_the_log_cannot_be_written_nothing_is_shown_or_changed(home: CentreHome) -> None:
    centre = home.open()
    home.people("mrn sex\nM1 F")
    with centre._engine.begin() as connection:
        connection.execute(text("ALTER TABLE audit_event RENAME TO audit_event_away"))
    with pytest.raises(RegistryError):
        centre.info()
    with pytest.raises(RegistryError):
        home.people("mrn sex\nM2 F", name="more.tsv")
    with centre._engine.begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM person")).scalar() == 1


def test_change_is_undone_when_its_own_event_cannot_be_written(home: CentreHome, monkeypatch) -> None:
    centre = home.open()
    write = audit.append

    def fail_on_done(session, event, **options):
        if event.outcome == "done":
            raise RegistryError("the log is full")
        return write(session, event, **options)

    monkeypatch.setattr(audit, "append", fail_on_done)
    with pytest.raises(RegistryError, match="the log is full"):
        home.people("mrn sex\nM1 F")
    with centre._engine.begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM person")).scalar() == 0


def test_when_the_anchor_cannot_be_written_nothing_is_shown(sqlite_home: CentreHome) -> None:
    sqlite_home.change(audit_anchor="absent/anchor")
    with pytest.raises(RegistryError, match="anchor"):
        sqlite_home.open().info()
