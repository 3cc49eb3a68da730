"""Consequences, known variants and frequencies of a store's sites, as tables beside the store."""
