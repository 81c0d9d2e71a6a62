"""Writes the images of three lists as tar shards, as WebDataset has them, and as Parquet files with embedded images.

usage: python shards.py SET OUT

SET holds lists/{train,val,test}.txt, whose lines are a path below SET and a label. OUT gets tar/ and parquet/, each
with all three parts, images and labels in the order of the lists. Needs pyarrow.
"""

import io
import sys
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

PARTS = ("train", "val", "test")
PER_SHARD = 4000


def samples(root, part):
    """Bytes and label of every line."""
    for line in (root / "lists" / f"{part}.txt").read_text().splitlines():
        path, label = line.rsplit(" ", 1)
        yield (root / path).read_bytes(), int(label)


def add(archive, name, content):
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def write_tar(folder, part, rows):
    for shard, start in enumerate(range(0, len(rows), PER_SHARD)):
        with tarfile.open(folder / f"{part}-{shard:03}.tar", "w") as archive:
            for index, (image, label) in enumerate(rows[start : start + PER_SHARD], start):
                add(archive, f"{index:06}.jpg", image)
                add(archive, f"{index:06}.cls", str(label).encode())


def write_parquet(folder, part, rows):
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema([("image", image), ("label", pa.int64())])
    images = [{"bytes": content, "path": None} for content, _ in rows]
    columns = {"image": images, "label": [label for _, label in rows]}
    pq.write_table(pa.table(columns, schema=schema), folder / f"{part}.parquet", row_group_size=1000)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    root, out = map(Path, sys.argv[1:])
    for kind, write in (("tar", write_tar), ("parquet", write_parquet)):
        (out / kind).mkdir(parents=True, exist_ok=True)
        for part in PARTS:
            write(out / kind, part, list(samples(root, part)))


if __name__ == "__main__":
    main()
