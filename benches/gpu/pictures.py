"""A data set of a few images, for the small mode."""

import random
import struct
import subprocess
import zlib
from pathlib import Path

from place import Place

SIDE = 32
CLASSES = 3
IMAGES = 12


def png(pixels: bytes) -> bytes:
    """A square image of 8 bits in three channels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    lines = b"".join(b"\0" + pixels[i : i + 3 * SIDE] for i in range(0, len(pixels), 3 * SIDE))
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def draw(folder: Path) -> None:
    """A folder for every class: noise around its own brightness."""
    noise = random.Random(0)
    for label in range(CLASSES):
        of_class = folder / f"class{label}"
        of_class.mkdir(parents=True, exist_ok=True)
        for image in range(IMAGES >> label):
            pixels = bytes(noise.randrange(64 * label, 64 * label + 96) for _ in range(3 * SIDE * SIDE))
            (of_class / f"{image}.png").write_bytes(png(pixels))


def pack(place: Place) -> None:
    """The images as `small.pack`."""
    folder, file = place.state / "pictures", place.state / "small.pack"
    if not file.exists():
        draw(folder)
        command = [place.program("longtail"), "data", "pack", "--data", str(folder), "--out", str(file)]
        subprocess.run(command, check=True)
