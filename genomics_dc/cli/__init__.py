"""The command line: one file per command group; a command parses, calls one library function, and prints."""
