"""The demonstration: a family, a cohort and real reads, from what Debian packages bring."""
