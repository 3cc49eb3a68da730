"""Who a report is about. Made by the data centre for an authorised principal, never stored beside genotypes."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, ConfigDict


class Subject(BaseModel):
    """The person a report is about; every field but the pseudonym may be unknown.

    The repr shows the pseudonym alone, so that a log or a traceback cannot leak an identity.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    person_id: str
    sample_id: str
    name: str | None = None
    sex: str | None = None
    birth_date: date | None = None
    medical_record_number: str | None = None
    specimen: str | None = None
    collected: date | None = None
    received: date | None = None
    ordering_clinician: str | None = None
    indication: str | None = None

    def __repr__(self) -> str:
        return f"Subject({self.person_id})"

    __str__ = __repr__
