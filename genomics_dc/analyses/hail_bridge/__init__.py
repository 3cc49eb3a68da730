"""A view becomes a Hail MatrixTable, and a MatrixTable a store.

Both ways lead through VCF text, the one form that both sides hold whole. Kept: contig, position, alleles, ID, QUAL,
FILTER, every INFO and FORMAT field, genotypes with ploidy and phase, sample ids, the header, and the order of records
that share a position. Hail has no call for half a genotype ("0/."), the missing allele of a haploid ("."), a phased
missing call or more than two alleles: those are missing in `GT`; and it makes "1/2" of "2/1". The text of all these
stands in the entry field `genotype_text` ("haploid" for "."), from which `from_hail` takes it again unless `GT` has
been changed. On the way to Hail floats have the six digits of VCF text; on the way back none is lost.

Hail asks for older versions of pandas and plotly than this software is developed with, so it lives in an environment of
its own: `pip install 'genomics_dc[hail]'`, which brings Java 17 as well.

Examples
--------
>>> import genomics_dc as gdc  # doctest: +SKIP
>>> mt = gdc.hail_bridge.to_hail(gdc.open_store("cohort.vcz").region("20"), "chr20.mt")  # doctest: +SKIP
>>> mt = mt.filter_rows(hl.agg.call_stats(mt.GT, mt.alleles).AC[1] > 0)  # doctest: +SKIP
>>> gdc.hail_bridge.from_hail(mt, "chr20.vcz")  # doctest: +SKIP
"""

from genomics_dc.analyses.hail_bridge.inward import from_hail
from genomics_dc.analyses.hail_bridge.outward import to_hail

__all__ = ["from_hail", "to_hail"]
