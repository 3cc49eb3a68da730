"""A person withdraws: at once no reader finds them, and then nothing of them is left on disk.

First a generation without their names is published (a blank name is what VCF Zarr's readers pass over, too), and every
generation before it, which still has the names, is removed. Then the chunks are written again without their columns,
published, and the generation with blank names is removed as well. Each step is done whole or not at all, so that a
person who was made unreadable stays so when the machine stops between them; giving the command again finishes the work.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from genomics_dc.errors import InputError, ResourceError, UsageError
from genomics_dc.provenance import JsonValue
from genomics_dc.store import schema
from genomics_dc.store.access import StoreFiles
from genomics_dc.store.growth.grow import Proving, Source, Union, grow
from genomics_dc.store.growth.operations import refuse_remote, stored_blocks
from genomics_dc.store.growth.proof import thresholds_of
from genomics_dc.store.plan import DEFAULT_MEMORY_BYTES
from genomics_dc.store.staging import StagedGeneration, generation_path, generations, next_generation, sweep_generations
from genomics_dc.store.writer import StoreWriter

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Receipt:
    """What was done when people were dropped from a store. It names nobody.

    The store's hash and generation after the last step; chunks taken over because they hold none of the people, and
    those written anew; the generations that were removed.
    """

    path: str
    n_dropped: int
    n_samples: int
    n_variants: int
    generation: int
    store_hash: str
    n_chunks_kept: int
    n_chunks_rewritten: int
    generations_removed: tuple[int, ...]

    def to_dict(self) -> dict[str, JsonValue]:
        """Return plain JSON values."""
        return asdict(self)


def drop_samples(
    store: str | os.PathLike[str],
    samples: Iterable[str],
    *,
    workers: int = 2,
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
    progress: Progress | None = None,
) -> Receipt:
    """Drop people from a store, and every older generation of it; return the receipt.

    Their genotypes, every other value of theirs, their names and their reference blocks are gone; AC, AN, AF and NS of
    every record are counted anew. Other INFO fields stay as they were computed with them. Files are deleted, not
    overwritten: backups and snapshots of the disk are not touched.

    Parameters
    ----------
    store
        The store; it becomes its next generation.
    samples
        Opaque sample ids.
    memory_bytes
        The most memory to take. Where it is too little, the people are unreadable all the same; give the command again
        with more, and they are gone.

    Raises
    ------
    InputError
        When a sample is not in the store, and is not one whose dropping was begun before.
    StoreError
        When the store is damaged, or another process is writing it.
    """
    tell = progress or _silent
    refuse_remote(store)
    final = Path(store)
    wanted = list(dict.fromkeys(str(name) for name in samples))
    if not wanted:
        raise UsageError("no sample was given to drop")
    try:
        return _drop(final, wanted, workers, memory_bytes, tell)
    except ResourceError as error:
        raise ResourceError(
            f"{error}; the dropping is not finished, and something of these people may still be on the disk: give the "
            "same command again"
        ) from error


def _drop(final: Path, wanted: list[str], workers: int, memory_bytes: int, tell: Progress) -> Receipt:
    """Make people unreadable, rewrite the chunks that hold them, and remove every older generation."""
    tell("Making unreadable", 0.0)
    if _are_there(StoreFiles(final), wanted, final):
        with next_generation(final) as made:
            _blank(made, frozenset(wanted))
    removed = sweep_generations(final)
    n_blank = sum(not name for name in StoreFiles(final).array(schema.SAMPLE_ID).read())
    if not n_blank:  # another process has just finished what was begun
        files = StoreFiles(final)
        n_samples = files.array(schema.SAMPLE_ID).shape[0]
        n_variants = files.array(schema.VARIANT_POSITION).shape[0]
        seal = files.seal
        return Receipt(str(final), 0, n_samples, n_variants, seal.generation, seal.store_hash, 0, 0, tuple(removed))
    with next_generation(final) as made:
        source = Source(StoreFiles(made.base), str(final))
        n_blank = sum(not name for name in source.samples)
        thresholds = thresholds_of(source.files)
        grown = grow(
            Union([source]),
            made.folder,
            operation="drop-samples",
            note=f"{n_blank:,} samples rewritten away",
            before=source.files.seal,
            proving=None if thresholds is None else Proving(stored_blocks(source, made.scratch), thresholds),
            may_link=True,
            threads=workers,
            memory_bytes=memory_bytes,
            progress=tell,
        )
    removed += sweep_generations(final)
    tell("Done", 1.0)
    done = grown.assembled
    return Receipt(
        path=str(final),
        n_dropped=n_blank,
        n_samples=grown.n_samples,
        n_variants=grown.n_variants,
        generation=grown.seal.generation,
        store_hash=grown.seal.store_hash,
        n_chunks_kept=done.n_linked + done.n_copied,
        n_chunks_rewritten=done.n_encoded,
        generations_removed=tuple(removed),
    )


def _silent(_step: str, _share: float) -> None:
    """Tell nobody."""


def _mark(sample: str) -> str:
    """Return what a store remembers of a person while dropping them is not finished."""
    return hashlib.sha256(f"withdrawn\0{sample}".encode()).hexdigest()


def _are_there(files: StoreFiles, wanted: list[str], path: Path) -> bool:
    """Return whether some of the samples still have a name; raise InputError when one is unknown."""
    held = {str(name) for name in files.array(schema.SAMPLE_ID).read()}
    # a generation that was to be removed at the end, and was not, remembers them too
    older = [StoreFiles(generation_path(path, number)) for number in generations(path)]
    begun = {mark for one in (files, *older) for mark in one.own.get(schema.OWN_WITHDRAWN) or []}
    unknown = [name for name in wanted if name not in held and _mark(name) not in begun]
    if unknown:
        shown = ", ".join(unknown[:5]) + (", …" if len(unknown) > 5 else "")
        raise InputError(
            f"{len(unknown)} of {len(wanted)} samples are not in {path}: {shown}; `genomics-dc store query -l` lists "
            "who is. Nothing was changed"
        )
    return any(name in held for name in wanted)


def _blank(made: StagedGeneration, names: frozenset[str]) -> None:
    """Write the next generation: the same files, but without the names of some people."""
    files = StoreFiles(made.base)
    writer = StoreWriter(made.folder)
    samples = [str(name) for name in files.array(schema.SAMPLE_ID).read()]
    kept = ["" if name in names else name for name in samples]
    for name in files.names:
        reader = files.array(name)
        if name == schema.SAMPLE_ID:
            writer.put_strings(name, kept, reader.dimensions, reader.description, chunk=reader.chunks[0])
            continue
        array = writer.array(reader.meta)
        for outer in reader.meta.files():
            records = reader.records_of_file(outer)
            try:
                array.link(outer, made.base / reader.meta.key(outer), records)
            except OSError:  # a file system without hard links
                for coords in records:
                    array.put(coords, reader.encoded(*coords))
    attributes = dict(files.attributes)
    own = dict(files.own)
    header = str(own.get(schema.OWN_HEADER) or "").rstrip("\n").split("\n")
    columns = header[-1].split("\t")
    header[-1] = "\t".join(one for one in columns if one not in names)
    begun = own.get(schema.OWN_WITHDRAWN) or []
    own[schema.OWN_HEADER] = "\n".join(header) + "\n"
    own[schema.OWN_WITHDRAWN] = sorted({*begun, *(_mark(name) for name in names)})
    attributes[schema.ATTRIBUTE_OWN] = own
    writer.close(
        attributes,
        operation="drop-samples",
        n_variants=files.array(schema.VARIANT_POSITION).shape[0],
        n_samples=sum(bool(name) for name in kept),
        note=f"{len(names):,} samples made unreadable",
        before=files.seal,
    )
