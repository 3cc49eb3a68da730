"""VCF files as headers and batches of text."""
