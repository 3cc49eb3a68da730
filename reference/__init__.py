"""Facts about the genome: contig names, bases, gene models; each with version, checksum and licence."""
