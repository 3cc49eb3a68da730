"""A view in the formats of other programs: VCF, BCF, PLINK 1 and 2, BGEN, Parquet. The output's ending chooses."""

from genomics_dc.store.exports.dispatch import export_view
from genomics_dc.store.exports.exported import Exported

__all__ = ["Exported", "export_view"]
