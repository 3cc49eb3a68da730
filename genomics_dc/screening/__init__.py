"""Findings for one person: panel genes, inheritance, classification, and what could not be judged."""
