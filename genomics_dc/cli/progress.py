"""The progress of every command, on stderr."""

from __future__ import annotations

from genomics_dc.progress import counting_bar, progress_bar

__all__ = ["counting_bar", "progress_bar"]
