"""Parts of the quality of a cohort; `analyses.qc` is the door."""
