r"""The audit log: who did or was refused what, to what, for what purpose; append-only and tamper-evident.

Each row holds canonical JSON (RFC 8785: sorted keys, no spaces, no fractions are used) and
`hash = SHA-256(prev_hash + "\n" + payload)`. Triggers refuse UPDATE and DELETE; whoever goes round them is found by
`verify`: an edited, deleted, inserted or reordered row breaks the chain. A chain alone cannot show that its tail was
cut off or rewritten whole, so every new head is also appended to an anchor file, which belongs on other storage.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from genomics_dc.cohorts.models import AuditEvent, now_utc
from genomics_dc.errors import RegistryError

GENESIS = "0" * 64

# One number for all processes that write this log; PostgreSQL keeps it locked until the transaction ends.
_ADVISORY_LOCK = 0x67646361
_READ_ROWS = 1000

Detail = str | int | bool | None


@dataclass(frozen=True)
class Event:
    """What is written down. Details are counts, hashes and opaque ids, never a name or a number of a person."""

    action: str
    outcome: str
    principal: str
    resource: str
    purpose: str
    reason: str = ""
    roles: tuple[str, ...] = ()
    details: Mapping[str, Detail] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with the log, at row `seq`."""

    seq: int
    problem: str

    def __str__(self) -> str:
        return f"row {self.seq}: {self.problem}"


@dataclass(frozen=True)
class Verification:
    """How many rows were read, the head, and everything that is wrong."""

    rows: int
    head: str
    findings: tuple[Finding, ...]
    anchored: int | None


def canonical_json(document: Mapping[str, object]) -> str:
    """Return RFC 8785 JSON of a document of strings, integers, booleans, nulls and lists of them."""
    return json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def chained_hash(prev_hash: str, payload: str) -> str:
    """Return the hash of a row after the row whose hash is `prev_hash`."""
    return hashlib.sha256(f"{prev_hash}\n{payload}".encode()).hexdigest()


def append(session: Session, event: Event, *, anchor: Path | None = None) -> AuditEvent:
    """Add an event at the head of the chain, inside the session's transaction.

    Writers queue: on PostgreSQL by an advisory lock held to the end of the transaction, on SQLite by the write lock
    that every transaction here starts with. The anchor line is written after the commit, because a head that was rolled
    back must not be in it. A time never goes backwards along the chain, even when the machine's clock does.
    """
    session.flush()
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _ADVISORY_LOCK})
    head = session.scalars(select(AuditEvent).order_by(AuditEvent.seq.desc()).limit(1)).first()
    recorded_at = now_utc().isoformat(timespec="microseconds")
    if head is not None:
        recorded_at = max(recorded_at, _recorded_at(head.payload) or recorded_at)
    seq = 1 if head is None else head.seq + 1
    payload = canonical_json(
        {
            "seq": seq,
            "at": recorded_at,
            "action": event.action,
            "outcome": event.outcome,
            "principal": event.principal,
            "roles": list(event.roles),
            "resource": event.resource,
            "purpose": event.purpose,
            "reason": event.reason,
            "details": dict(event.details),
        }
    )
    prev_hash = GENESIS if head is None else head.hash
    row = AuditEvent(seq=seq, payload=payload, prev_hash=prev_hash, hash=chained_hash(prev_hash, payload))
    session.add(row)
    session.flush()
    if anchor is not None:
        line = canonical_json({"seq": row.seq, "hash": row.hash}) + "\n"
        sqlalchemy_event.listen(session, "after_commit", lambda _: _append_anchor(anchor, line), once=True)
    return row


def _append_anchor(path: Path, line: str) -> None:
    """Append one line by one write, so that lines of several processes do not mix."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise RegistryError(
            f"the audit anchor {path} cannot be written ({error.strerror}); nothing is shown while it cannot"
        ) from error


def verify(session: Session, *, anchor: Path | None = None) -> Verification:
    """Read the whole chain and return every row that is edited, missing, out of order, or cut off.

    With an anchor file, a cut or rewritten tail is found too; without it, that cannot be seen.
    """
    anchors, findings = _read_anchor(anchor) if anchor is not None else ({}, [])
    expected_seq, prev_hash, previous_time, rows = 1, GENESIS, "", 0
    for seq, payload, row_prev, row_hash in _rows(session):
        rows += 1
        if seq != expected_seq:
            missing = f"{expected_seq}" if seq == expected_seq + 1 else f"{expected_seq} to {seq - 1}"
            findings.append(Finding(seq, f"row {missing} before it is missing"))
        if row_prev != prev_hash and seq == expected_seq:
            findings.append(Finding(seq, "it does not follow the row before it (edited, reordered or replaced)"))
        if row_hash != chained_hash(row_prev, payload):
            findings.append(Finding(seq, "its content does not match its hash (edited)"))
        written_seq, time = _seq_and_time(payload)
        if written_seq != seq:
            findings.append(Finding(seq, "it was written under another number (reordered or copied)"))
        if time is None or time < previous_time:
            findings.append(Finding(seq, "its time is before the row above it"))
        anchored_hash = anchors.pop(seq, None)
        if anchored_hash is not None and anchored_hash != row_hash:
            findings.append(Finding(seq, "it is not the row that the anchor file knows (rewritten)"))
        expected_seq, prev_hash, previous_time = seq + 1, row_hash, time or previous_time
    if anchors:
        findings.append(
            Finding(max(anchors), f"the anchor file knows rows up to here, the log ends at {expected_seq - 1}")
        )
    return Verification(rows, prev_hash, tuple(findings), None if anchor is None else _line_count(anchor))


def _rows(session: Session) -> Iterator[tuple[int, str, str, str]]:
    statement = select(AuditEvent.seq, AuditEvent.payload, AuditEvent.prev_hash, AuditEvent.hash)
    for row in session.execute(statement.order_by(AuditEvent.seq), execution_options={"yield_per": _READ_ROWS}):
        yield row.seq, row.payload, row.prev_hash, row.hash


def _seq_and_time(payload: str) -> tuple[int | None, str | None]:
    try:
        document = json.loads(payload)
        return int(document["seq"]), str(document["at"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None, None


def _recorded_at(payload: str) -> str | None:
    """Return a row's time when it is one in UTC; an edited row must not be able to stop the log."""
    time = _seq_and_time(payload)[1]
    try:
        if time is not None and datetime.fromisoformat(time).utcoffset() == UTC.utcoffset(None):
            return time
    except ValueError:
        pass
    return None


def _read_anchor(path: Path) -> tuple[dict[int, str], list[Finding]]:
    """Return the heads that the anchor file knows, and a finding for each line that cannot be one."""
    known: dict[int, str] = {}
    findings: list[Finding] = []
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError as error:
        raise RegistryError(f"the audit anchor {path} is not there; give the file that the registry writes") from error
    except OSError as error:
        raise RegistryError(f"the audit anchor {path} cannot be read: {error.strerror}") from error
    for number, line in enumerate(lines, start=1):
        try:
            document = json.loads(line)
            seq, digest = int(document["seq"]), str(document["hash"])
        except (ValueError, KeyError, TypeError, RecursionError):
            findings.append(Finding(0, f"line {number} of the anchor file is damaged"))
            continue
        if known.setdefault(seq, digest) != digest:
            findings.append(Finding(seq, "the anchor file knows two different rows of this number"))
    return known, findings


def _line_count(path: Path) -> int:
    return len(path.read_bytes().splitlines())
