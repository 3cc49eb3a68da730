"""Rules and consent as truth tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from genomics_dc.centre import DEFAULT_POLICY
from genomics_dc.cohorts import consent
from genomics_dc.cohorts.access import ACTIONS, Principal, read_policy
from genomics_dc.cohorts.consent import Purpose, in_force, parse_purpose, permits
from genomics_dc.cohorts.models import Consent
from genomics_dc.errors import InputError, UsageError

NRES, GRU, HMB, DS, POA, CC = (
    "DUO:0000004", "DUO:0000042", "DUO:0000006", "DUO:0000007", "DUO:0000011", "DUO:0000043",
)  # fmt: skip
T2D, OTHER = "MONDO:0005148", "MONDO:0004992"


@pytest.mark.parametrize(
    ("granted", "allowed"),
    [
        (NRES, {GRU, HMB, f"{DS}/{T2D}", f"{DS}/{OTHER}", POA}),
        (GRU, {GRU, HMB, f"{DS}/{T2D}", f"{DS}/{OTHER}", POA}),
        (HMB, {HMB, f"{DS}/{T2D}", f"{DS}/{OTHER}"}),
        (DS, {f"{DS}/{T2D}"}),
        (POA, {POA}),
        (CC, {CC}),
    ],
)
def test_what_each_permission_covers(granted: str, allowed: set[str]) -> None:
    purposes = [GRU, HMB, f"{DS}/{T2D}", f"{DS}/{OTHER}", POA, CC]
    diseases = [T2D] if granted == DS else []
    assert {text for text in purposes if permits([granted], diseases, [], parse_purpose(text))} == allowed


def test_modifier_blocks_research_until_it_is_met_and_never_care() -> None:
    ethics = "DUO:0000021"
    assert not permits([GRU], [], [ethics], Purpose(HMB))
    assert permits([GRU], [], [ethics], Purpose(HMB), modifiers_met=[ethics])
    assert permits([CC], [], [ethics], Purpose(CC))


def test_consent_is_in_force_between_its_times() -> None:
    now = datetime(2026, 6, 1, tzinfo=UTC)
    day = timedelta(days=1)

    def made(start: int, end: int | None = None, withdrawn: int | None = None) -> Consent:
        return Consent(
            valid_from=now + start * day,
            valid_to=None if end is None else now + end * day,
            withdrawn_at=None if withdrawn is None else now + withdrawn * day,
        )

    assert in_force(made(0), now)
    assert not in_force(made(1), now)
    assert in_force(made(-2, 1), now)
    assert not in_force(made(-2, 0), now), "the last day is not part of it"
    assert not in_force(made(-2, None, 0), now), "a withdrawal holds at once"
    assert in_force(made(-2, None, 1), now)


@pytest.mark.parametrize("text", ["", "research", NRES, DS, f"{HMB}/{T2D}", "DUO:0000021", f"{DS}/two words"])
def test_purposes_that_are_none(text: str) -> None:
    with pytest.raises(UsageError):
        parse_purpose(text)


def test_every_known_modifier_is_a_modifier() -> None:
    assert not consent.MODIFIERS & set(consent.COVERS)


@pytest.fixture(scope="module")
def policy():
    return read_policy(DEFAULT_POLICY)


ALLOWED = {
    "clinician": {
        CC: {"person.read", "person.screen", "person.report", "person.identify", "registry.find"},
    },
    "laboratory": {CC: {"person.read", "person.screen", "person.report"}},
    "analyst": {
        HMB: {"registry.read", "cohort.define", "cohort.list", "cohort.read", "cohort.associate"},
        CC: {"registry.read", "cohort.define", "cohort.list"},
    },
    "registrar": {
        "registry": {
            "registry.read", "registry.import", "registry.link", "registry.find", "consent.record", "cohort.list",
        },
    },
    "auditor": {"registry": {"registry.read"}},
    "administrator": {"registry": {"registry.read", "cohort.list"}},
}  # fmt: skip


@pytest.mark.parametrize("role", sorted(ALLOWED))
@pytest.mark.parametrize("purpose", [HMB, CC, "registry"])
def test_default_policy_as_a_table(policy, role: str, purpose: str) -> None:
    principal = Principal("x", frozenset({role}))
    allowed = {a for a in ACTIONS if policy.authorize(principal, a, "x", {"purpose": purpose}).allowed}
    everywhere = {"audit.verify"}
    if purpose in ALLOWED[role]:
        assert allowed == ALLOWED[role][purpose] | everywhere
    else:
        assert not allowed & {"person.identify", "person.read", "person.screen", "cohort.read", "cohort.associate"}


def test_nobody_may_anything_without_a_rule(policy) -> None:
    for roles in (frozenset[str](), frozenset({"made-up"})):
        for action in set(ACTIONS) - {"audit.verify"}:
            decision = policy.authorize(Principal("x", roles), action, "x", {"purpose": HMB})
            assert not decision.allowed
            assert "no rule" in decision.reason


def test_deny_outweighs_allow(policy) -> None:
    both = Principal("x", frozenset({"administrator", "clinician", "analyst", "auditor", "registrar"}))
    for action, purpose in (("person.identify", CC), ("cohort.read", HMB), ("registry.import", "registry")):
        assert not policy.authorize(both, action, "x", {"purpose": purpose}).allowed


def test_policy_says_where_it_comes_from_and_that_nobody_reviewed_it() -> None:
    document = yaml.safe_load(DEFAULT_POLICY.read_text())
    assert document["reviewed"] is False
    assert document["source"]
    assert document["retrieved"]


def test_every_problem_of_a_policy_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(
        "name: x\nversion: 1\nsource: s\nretrieved: '2026-11-23'\nreviewed: false\ncounts_shown_min: 0\n"
        "roles: {a: b}\nrules:\n  - id: r\n    effect: maybe\n    roles: [a]\n    actions: [person.erase]\n"
        "    action: [x]\nname: y\n"
    )
    with pytest.raises(InputError) as caught:
        read_policy(path)
    message = str(caught.value)
    for line, words in (
        (2, "version must be"),
        (6, "counts_shown_min"),
        (10, "allow, deny"),
        (12, "actions"),
        (14, "twice"),
    ):
        assert any(f"policy.yaml:{line}:" in part and words in part for part in message.splitlines()), (line, message)
    assert "unknown keys (action)" in message
