"""The registry of the demo's made-up people, and the child's report through it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from genomics_dc.cohorts.ids import PREFIX, check_character
from genomics_dc.demo.family import CHILD, FATHER, MOTHER
from genomics_dc.files import atomic_directory

CLINICAL_CARE = "DUO:0000043"
HEALTH_RESEARCH = "DUO:0000006"
STORE_NAME = "family"
RECORD_NUMBERS = "demo-hospital"


@dataclass(frozen=True)
class DemoPerson:
    """A made-up person; the names say so: 贾 sounds like "false", 甄 like "true", 虚构 is "fictional"."""

    sample_id: str
    record_number: str
    name: str
    birth_date: str
    sex: str
    father: str = ""
    mother: str = ""


DEMO_PEOPLE: tuple[DemoPerson, ...] = (
    DemoPerson(FATHER, "DEMO-0002", "贾大山 Jia Dashan（虚构 fictional）", "1985-03-08", "male"),
    DemoPerson(MOTHER, "DEMO-0003", "甄明月 Zhen Mingyue（虚构 fictional）", "1987-11-20", "female"),
    DemoPerson(
        CHILD, "DEMO-0001", "贾小雨 Jia Xiaoyu（虚构 fictional）", "2017-05-14", "female", "DEMO-0002", "DEMO-0003"
    ),
    DemoPerson("D004", "DEMO-0004", "贾一 Jia Yi（虚构 fictional）", "1979-01-02", "female"),
    DemoPerson("D005", "DEMO-0005", "贾二 Jia Er（虚构 fictional）", "1990-07-30", "female"),
    DemoPerson("D006", "DEMO-0006", "贾三 Jia San（虚构 fictional）", "1968-12-11", "male"),
)
SPECIMEN = "EDTA 抗凝血 blood（模拟 simulated）"
COLLECTED, RECEIVED = "2026-01-12", "2026-01-14"


def person_id(person: DemoPerson) -> str:
    """Return a fixed person id, so that two demos print the same report; a real registry draws its ids at random."""
    body = f"DEMO{int(person.record_number.rsplit('-', 1)[1]):08d}"
    return f"{PREFIX}{body}{check_character(body)}"


def people_table() -> str:
    """Return the hospital's table of the six people as `cohort import table` reads it."""
    header = "person mrn mrn_system name birth_date sex sample store specimen collected received father mother"
    lines = ["\t".join(header.split())]
    for one in DEMO_PEOPLE:
        cells = [person_id(one), one.record_number, RECORD_NUMBERS, one.name, one.birth_date, one.sex, one.sample_id]
        cells += [STORE_NAME, SPECIMEN, COLLECTED, RECEIVED, one.father, one.mother]
        lines.append("\t".join(cells))
    return "\n".join(lines) + "\n"


def make_centre(folder: Path, store: Path, genes: Path) -> dict[str, int]:
    """Make a data centre in `folder`, replacing one that is there: registry, keys, six people, samples, consents.

    Returns the counts of the import. Database and key file are encrypted with a new key each time; nothing that a
    report prints depends on it.
    """
    import yaml

    from genomics_dc.centre import create_centre, open_centre, read_centre
    from genomics_dc.cohorts import database, keys
    from genomics_dc.cohorts.models import Person

    with atomic_directory(folder, force=True) as staging:
        path = staging / "centre.yaml"
        create_centre(path, registry="sqlite:///registry.db", key_file="registry.key")
        # The store is named by its final place: the staging folder has the same depth and the same parent.
        document = yaml.safe_load(path.read_text())
        document["stores"] = {STORE_NAME: os.path.relpath(store, folder)}
        document["references"] = {"genes": os.path.relpath(genes, folder)}
        path.write_text("# The demo's data centre; `genomics-dc cohort init` writes such a file with comments.\n")
        with path.open("a") as handle:
            yaml.safe_dump(document, handle, sort_keys=True, allow_unicode=True)
        table = staging / "people.tsv"
        table.write_text(people_table(), encoding="utf-8")
        config, _ = read_centre(path)
        url = database.registry_url(config.registry, home=config.home)
        engine, _ = database.open_registry(url, keys.read_key_file(config.keys))
        with database.transaction(engine) as session:
            session.add_all(Person(id=person_id(one)) for one in DEMO_PEOPLE)
        engine.dispose()
        with open_centre(path, purpose="registry") as centre:
            report = centre.import_table(table)
            for one in DEMO_PEOPLE:
                centre.grant_consent(person_id(one), [CLINICAL_CARE, HEALTH_RESEARCH])
    return dict(report.counts)
