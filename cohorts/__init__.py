"""The registry: people, identifiers, samples, phenotypes, consent, access and audit."""
