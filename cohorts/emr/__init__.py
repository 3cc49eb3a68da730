"""Importers: what hospitals hand out (tables, FHIR R4 bundles) to records of the registry."""
