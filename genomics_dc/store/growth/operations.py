"""Append, merge: a store grows, each time as a new generation."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from genomics_dc.errors import InputError, StoreError, UsageError
from genomics_dc.kernels.reference_blocks import Blocks
from genomics_dc.provenance import JsonValue
from genomics_dc.reference import contigs as contig_names
from genomics_dc.store import schema
from genomics_dc.store.access import StoreFiles
from genomics_dc.store.build import build_store
from genomics_dc.store.growth.assemble import Progress
from genomics_dc.store.growth.evidence import DEFAULT_BED_DEPTH_READS, SampleBlocks, read_callable_bed, read_gvcf
from genomics_dc.store.growth.grow import Grown, Proving, Source, Union, grow
from genomics_dc.store.growth.proof import (
    Thresholds,
    agreed_thresholds,
    read_blocks,
    thresholds_of,
    without_carried,
)
from genomics_dc.store.growth.sites import Rows, SiteTable
from genomics_dc.store.plan import DEFAULT_MEMORY_BYTES, PLAN_VERSION
from genomics_dc.store.remote import as_url, is_url
from genomics_dc.store.staging import next_generation, staged_store

Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]
_DIFFERING_SHOWN = 8
_LOCAL_ALLELES = "call_LAA"
_SCRATCH_PLAN = {"plan_version": PLAN_VERSION, "variant_chunks_per_file": 1_000}
"""Few files: of one sample x 100,000 records, making and removing 1,500 took longer than writing them."""


@dataclass(frozen=True)
class Growth:
    """What a change of a store did.

    n_proven: calls that are 0/0 because of reference blocks. n_differing: records by INFO field whose value is missing
    because the parts contradict each other. Chunks were linked, copied as they stood, or encoded anew.
    """

    path: str
    operation: str
    generation: int
    store_hash: str
    n_variants: int
    n_samples: int
    n_variants_added: int
    n_samples_added: int
    n_chunks_linked: int
    n_chunks_copied: int
    n_chunks_encoded: int
    n_proven: int = 0
    n_differing: Mapping[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, JsonValue]:
        """Return plain JSON values."""
        return asdict(self)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know, in sentences."""
        shown = [f"{name.removeprefix(schema.VARIANT_PREFIX)} ({n:,})" for name, n in self.n_differing.items()]
        told = []
        if shown:
            more = ", …" if len(shown) > _DIFFERING_SHOWN else ""
            told.append(
                f"INFO fields that are now missing in records where the parts contradict each other: "
                f"{', '.join(shown[:_DIFFERING_SHOWN])}{more}"
            )
        if self.n_proven:
            told.append(f"{self.n_proven:,} calls without a record are 0/0, proven by reference blocks")
        return tuple(told)


def append_store(
    store: str | os.PathLike[str],
    vcfs: Paths = (),
    *,
    reference: str | os.PathLike[str] | None = None,
    gvcfs: Paths = (),
    callable_beds: Mapping[str, str | os.PathLike[str]] | None = None,
    callable_depth_reads: int = DEFAULT_BED_DEPTH_READS,
    thresholds: Thresholds | None = None,
    workers: int = 2,
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
    progress: Progress | None = None,
) -> Growth:
    """Append records, people, or reference blocks to a store; return what was done.

    With the people of the store, the VCF brings new records; with other people, it brings them, on the same sites or on
    others. A record is the same when contig, position, REF and ALT are; otherwise it is one of its own. A person
    without a record at a site is missing there, or 0/0 where the person's reference blocks prove it.

    Parameters
    ----------
    store
        The store to append to; it becomes its next generation, and the one before stays readable until it is swept.
    vcfs
        One VCF or BCF, or several that split one cohort by region.
    reference
        FASTA to hold REF of each new record against.
    gvcfs
        gVCFs of one sample each, whose blocks are kept as proof of 0/0: of new people or of those in the store.
    callable_beds
        BED of the bases that could be judged, by sample.
    callable_depth_reads
        Least depth of the bases in these BEDs.
    thresholds
        What proves 0/0. A store keeps the thresholds that it was first given.
    workers
        Threads to use.
    memory_bytes
        The most memory to take; the result does not depend on it.

    Raises
    ------
    ResourceError
        When `memory_bytes` are too few.
    InputError
        When a sample or a record is in the store already, the genome build or a contig is another, or a file is wrong.
    StoreError
        When the store is damaged, or another process is writing it.
    """
    tell = progress or _silent
    added_paths = _paths(vcfs)
    evidence_paths = _paths(gvcfs)
    beds = {sample: Path(path) for sample, path in (callable_beds or {}).items()}
    if not added_paths and not evidence_paths and not beds:
        raise UsageError("nothing to append; give a VCF, a gVCF or a BED of callable bases")
    final = Path(store)
    refuse_remote(store)
    with next_generation(final) as made:
        base = Source(StoreFiles(made.base), str(final))
        _refuse_unfinished(base)
        stored = thresholds_of(base.files)
        sources = [base]
        if added_paths:
            scratch = made.scratch / "added.vcz"
            plan = made.scratch / "plan.json"
            plan.write_text(json.dumps(_SCRATCH_PLAN), encoding="utf-8")
            build_store(
                added_paths,
                scratch,
                reference=reference,
                workers=workers,
                memory_bytes=memory_bytes,
                plan=plan,
                keep_info_order=schema.INFO_ORDER in base.files,
                local_alleles=_LOCAL_ALLELES in base.files,
                progress=tell,
            )
            sources.append(Source(StoreFiles(scratch), ", ".join(map(str, added_paths))))
        union = Union(sources)
        if added_paths:
            _check_people(base, sources[1])
        new_people = set(union.samples) - set(base.kept)
        _check_records(union, sources)
        given = [read_gvcf(path, threads=workers) for path in evidence_paths]
        given += [read_callable_bed(path, name, depth_reads=callable_depth_reads) for name, path in beds.items()]
        held = stored_blocks(base, made.scratch)
        proving = _proving(union, sources, held, given, agreed_thresholds(stored, thresholds, str(final)))
        grown = grow(
            union,
            made.folder,
            operation="append",
            note=_note(union, base, new_people, given),
            before=base.files.seal,
            proving=proving,
            may_link=True,
            threads=workers,
            memory_bytes=memory_bytes,
            progress=tell,
        )
    tell("Done", 1.0)
    return _growth(final, "append", grown, base.files.array(schema.VARIANT_POSITION).shape[0], len(base.kept))


def merge_stores(
    stores: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    *,
    force: bool = False,
    workers: int = 2,
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
    progress: Progress | None = None,
) -> Growth:
    """Write a store that holds the people and the records of several; return what was done.

    The stores have different people, or the same people and different records. They stay as they are. See
    `append_store` for when two records are the same, and what a person without one is. `memory_bytes` are the most
    memory to take.

    Raises
    ------
    InputError
        When a sample is in two stores, or the stores are of different genome builds.
    StoreError, OutputExistsError
        When a store is damaged, or `output` exists or is being written.
    """
    tell = progress or _silent
    if len(stores) < 2:
        raise UsageError("give two stores or more to merge")
    for one in (*stores, output):
        refuse_remote(one)
    final = Path(output)
    sources = [Source(StoreFiles(Path(one)), str(one)) for one in stores]
    for number, source in enumerate(sources):
        _refuse_unfinished(source)
        for before in sources[:number]:
            _check_people(before, source)
    with staged_store(final, force=force) as staging:
        union = Union(sources)
        _check_records(union, sources)
        thresholds: Thresholds | None = None
        blocks: dict[str, Mapping[str, Blocks]] = {}
        for number, source in enumerate(sources):
            kept = thresholds_of(source.files)
            if kept is not None:
                thresholds = agreed_thresholds(thresholds, kept, str(sources[0].where))
            scratch = Path(tempfile.mkdtemp(prefix=f"blocks-{number}-", dir=staging))
            blocks |= stored_blocks(source, scratch)
        grown = grow(
            union,
            staging / "store",
            operation="merge",
            note="of " + " and ".join(source.files.seal.store_hash for source in sources),
            proving=Proving(blocks, thresholds),
            threads=workers,
            memory_bytes=memory_bytes,
            progress=tell,
        )
    tell("Done", 1.0)
    return _growth(final, "merge", grown, 0, 0)


def _growth(path: Path, operation: str, grown: Grown, n_variants_before: int, n_samples_before: int) -> Growth:
    done = grown.assembled
    return Growth(
        path=str(path),
        operation=operation,
        generation=grown.seal.generation,
        store_hash=grown.seal.store_hash,
        n_variants=grown.n_variants,
        n_samples=grown.n_samples,
        n_variants_added=grown.n_variants - n_variants_before,
        n_samples_added=grown.n_samples - n_samples_before,
        n_chunks_linked=done.n_linked,
        n_chunks_copied=done.n_copied,
        n_chunks_encoded=done.n_encoded,
        n_proven=done.n_proven,
        n_differing=done.n_differing,
    )


def _paths(given: Paths) -> list[Path]:
    if isinstance(given, (str, os.PathLike)):
        return [Path(given)]
    return [Path(one) for one in given]


def _silent(_step: str, _share: float) -> None:
    """Tell nobody."""


def refuse_remote(store: str | os.PathLike[str]) -> None:
    """Raise UsageError for a store in an object store, or one that a web server gives."""
    if is_url(store):
        raise UsageError(
            f"{as_url(store)} is elsewhere, where stores are read; copy it here, change it, publish it again"
        )


def _refuse_unfinished(source: Source) -> None:
    """Raise StoreError while people are being dropped whose columns are still on disk."""
    if source.files.own.get(schema.OWN_WITHDRAWN):
        raise StoreError(
            f"{source.where}: people were being dropped from it, and that was not finished; give the same "
            "`genomics-dc store drop-samples` again first"
        )


def _check_people(first: Source, second: Source) -> None:
    """Raise InputError when two stores share some of their people, but not all."""
    ours, theirs = set(first.kept), set(second.kept)
    shared = [name for name in second.kept if name in ours]
    if not shared or ours == theirs:
        return
    shown = ", ".join(shared[:5]) + (", …" if len(shared) > 5 else "")
    raise InputError(
        f"{len(shared)} of {len(theirs)} samples of {second.where} are in {first.where} already: {shown}; "
        "leave them out, or give all the samples of the store to append records"
    )


def _check_records(union: Union, sources: Sequence[Source]) -> None:
    """Raise InputError when a sample would have two records of one variant."""
    for number, source in enumerate(sources):
        for place, before in enumerate(sources[:number]):
            if set(source.kept) != set(before.kept):
                continue
            twice = np.flatnonzero((union.joined.rows[number] >= 0) & (union.joined.rows[place] >= 0))
            if twice.size:
                row = int(twice[0])
                contig = union.contigs[int(union.table.contig[row])]
                position = int(union.table.position[row])
                raise InputError(
                    f"{twice.size:,} records of {source.where} are in {before.where} already, the first at "
                    f"{contig}:{position:,}; leave them out, for example with `bcftools view -t ^REGION`"
                )


def stored_blocks(source: Source, scratch: Path) -> dict[str, dict[str, Blocks]]:
    """Return the blocks that a store keeps, by sample and contig."""
    table = read_blocks(source.files, scratch)
    if table is None:
        return {}
    contigs = [str(name) for name in source.files.array(schema.CONTIG_ID).read()]
    found = {}
    for place, sample in enumerate(source.samples):
        if sample and sample not in source.left_out and table.has(place):
            blocks = {name: table.blocks(place, number) for number, name in enumerate(contigs)}
            found[sample] = {name: held for name, held in blocks.items() if len(held)}
    return found


def _proving(
    union: Union,
    sources: Sequence[Source],
    held: Mapping[str, Mapping[str, Blocks]],
    given: Sequence[SampleBlocks],
    thresholds: Thresholds,
) -> Proving | None:
    """Return all blocks, without the places where a sample is known to carry something else."""
    if not held and not given:
        return None
    blocks: dict[str, Mapping[str, Blocks]] = dict(held)
    people = set(union.samples)
    new: set[str] = set()
    for one in given:
        if one.sample not in people:
            raise InputError(f"{one.path} has the reference blocks of sample {one.sample}, who is not in the store")
        if one.sample in new:
            raise InputError(f"{one.path} is the second file with reference blocks of sample {one.sample}; give one")
        if not set(one.blocks) & set(union.contigs):
            for name in one.blocks:
                alias = contig_names.resolve(name, union.contigs)
                if alias is not None:
                    raise InputError(f"{one.path} calls a contig {name}, the store calls it {alias}; rename it")
            raise InputError(f"{one.path} has none of the contigs of the store; is it of another genome build?")
        new.add(one.sample)
        blocks[one.sample] = one.blocks
    number = {name: place for place, name in enumerate(union.contigs)}
    for place, source in enumerate(sources):
        of_source = set(source.kept)
        # what the store itself holds was cut out when its blocks were added
        asked = [name for name in blocks if name in of_source and (place > 0 or name in new)]
        for sample, cut in _carried(union, source, place, asked).items():
            by_number = {number[name]: one for name, one in blocks[sample].items() if name in number}
            left = without_carried(by_number, *cut)
            blocks[sample] = {union.contigs[contig]: one for contig, one in left.items()}
    return Proving(blocks, thresholds)


def _carried(union: Union, source: Source, place: int, samples: Sequence[str]) -> dict[str, tuple[Rows, Rows, Rows]]:
    """Return, by sample, contig, start and end of the records of a source in which it is not surely 0/0."""
    if not samples or schema.CALL_GENOTYPE not in source.files:
        return {}
    table: SiteTable = union.table
    rows = union.joined.rows[place]
    at = np.full(source.files.array(schema.VARIANT_POSITION).shape[0], -1, dtype=np.int64)
    at[rows[rows >= 0]] = np.flatnonzero(rows >= 0)
    column = {name: number for number, name in enumerate(source.samples)}
    columns = np.array([column[name] for name in samples], dtype=np.int64)
    reader = source.files.array(schema.CALL_GENOTYPE)
    found: list[list[Rows]] = [[] for _ in samples]
    for first in range(0, reader.shape[0], reader.chunks[0]):
        calls = reader.rows(first, first + reader.chunks[0], columns)
        reference = ((calls == 0) | (calls == schema.ALLELE_FILL)).all(axis=2) & (calls == 0).any(axis=2)
        for number, own in enumerate(found):
            own.append(at[first + np.flatnonzero(~reference[:, number])])
    carried = {}
    for sample, parts in zip(samples, found, strict=True):
        row = np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)
        start = table.position[row] - 1
        carried[sample] = (table.contig[row], start, start + np.maximum(table.ref_length[row], 1))
    return carried


def _note(union: Union, base: Source, new_people: Set[str], given: Sequence[SampleBlocks]) -> str:
    n_records = len(union.table) - base.files.array(schema.VARIANT_POSITION).shape[0]
    told = [f"{n_records:,} records and {len(new_people):,} samples added"]
    if given:
        told.append(f"reference blocks of {len(given):,} samples")
    return "; ".join(told)


__all__ = ["Growth", "Thresholds", "append_store", "merge_stores", "refuse_remote", "stored_blocks"]
