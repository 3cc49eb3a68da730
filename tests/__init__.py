"""A package, so that `tests.builders` is ours and not that of a library which installs its own `tests`."""
