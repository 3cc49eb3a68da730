"""Snakemake rules from reads to reports, as package data: `genomics-dc run` finds them here."""
