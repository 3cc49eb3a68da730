"""Reads to a joint VCF: what is ours between the programs, and the runner of the workflow."""
