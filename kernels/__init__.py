"""Arrays in, arrays out: NumPy and Numba only; no file, no store, no database, no logging."""
