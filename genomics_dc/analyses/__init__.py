"""Questions to a cohort: blocks of genotypes to kernels to results."""
