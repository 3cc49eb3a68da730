"""VCF bytes for tests: headers, and BGZF with blocks of any size."""

import struct
import zlib

EOF_BLOCK = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


def header(samples=("S1", "S2"), declarations=(), contigs=("1", "2", "X")):
    lines = [
        "##fileformat=VCFv4.3",
        *(f"##contig=<ID={name},length=1000000>" for name in contigs),
        *declarations,
        "\t".join(
            ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", *(["FORMAT", *samples] if samples else [])]
        ),
    ]
    return "\n".join(lines) + "\n"


def block(text, *, level=6, extra=b""):
    deflater = zlib.compressobj(level, zlib.DEFLATED, -15)
    data = deflater.compress(text) + deflater.flush()
    n_extra = 6 + len(extra)
    size = 12 + n_extra + len(data) + 8
    head = b"\x1f\x8b\x08\x04" + bytes(6) + struct.pack("<H", n_extra) + extra
    return head + b"BC" + struct.pack("<HH", 2, size - 1) + data + struct.pack("<II", zlib.crc32(text), len(text))


def bgzf(text, sizes=(65280,), *, end=EOF_BLOCK, **options):
    """Compress `text` in blocks whose sizes go round `sizes`."""
    out = []
    at = number = 0
    while at < len(text):
        size = sizes[number % len(sizes)]
        out.append(block(text[at : at + size], **options))
        at += size
        number += 1
    return b"".join(out) + end
