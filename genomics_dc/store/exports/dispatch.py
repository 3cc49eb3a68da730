"""From the ending of an output to the writer of its format."""

from __future__ import annotations

import os
from pathlib import Path

from genomics_dc.errors import UsageError
from genomics_dc.store.export import export_vcf
from genomics_dc.store.exports.exported import Exported, Progress, silent
from genomics_dc.store.read import StoreView

ENDINGS = (".vcf.gz", ".vcf", ".bcf", ".pgen", ".bed", ".bgen", ".parquet")


def export_view(
    view: StoreView,
    output: Path | str | os.PathLike[str],
    *,
    split_multiallelic: bool = False,
    compress_sites: bool = False,
    force: bool = False,
    progress: Progress = silent,
) -> Exported:
    """Write a view in the format that the output's ending names; nothing stands under the final names until all does.

    Parameters
    ----------
    output
        NAME.vcf, .vcf.gz, .bcf (compressed ones with a CSI index), .pgen (with .pvar and .psam), .bed (with .bim and
        .fam), .bgen (with .bgen.bgi and .sample) or .parquet (one row per variant and sample).
    split_multiallelic
        Only for .bed: give each ALT allele a row of its own. Without it a variant of several ALT alleles is refused.
    compress_sites
        Only for .pgen: write NAME.pvar.zst instead of NAME.pvar.
    force
        Replace files that are there.

    Raises
    ------
    UsageError
        When the ending is another one, or an option is not for this format.
    InputError
        When the view holds what the format cannot, and leaving it out would say something false.
    OutputExistsError
        When an output is there and `force` is false.
    """
    final = Path(output)
    ending = next((ending for ending in ENDINGS if final.name.endswith(ending) and final.name != ending), None)
    if ending is None:
        raise UsageError(f"{final} should end in {', '.join(ENDINGS)}: the ending chooses the format")
    if split_multiallelic and ending != ".bed":
        raise UsageError(f"splitting ALT alleles is for .bed; {ending} holds variants of several ALT alleles")
    if compress_sites and ending != ".pgen":
        raise UsageError(f"a compressed list of sites is for .pgen, not for {ending}")
    if ending == ".pgen":
        from genomics_dc.store.exports.pgen import export_pgen

        return export_pgen(view, final, compress_sites=compress_sites, force=force, progress=progress)
    if ending == ".bed":
        from genomics_dc.store.exports.bed import export_bed

        return export_bed(view, final, split_multiallelic=split_multiallelic, force=force, progress=progress)
    if ending == ".bgen":
        from genomics_dc.store.exports.bgen import export_bgen

        return export_bgen(view, final, force=force, progress=progress)
    if ending == ".parquet":
        from genomics_dc.store.exports.parquet import export_parquet

        return export_parquet(view, final, force=force, progress=progress)
    n_records = export_vcf(view, final, force=force)
    files = (final,) if ending == ".vcf" else (final, Path(f"{final}.csi"))
    return Exported(files, n_records, view.n_samples)
