#!/usr/bin/env bash
# safetensors 0.8.0 writes the same tensors with the same metadata as other bytes each time.
#
# Names of tensors are brought into an order, names of metadata are not: they stand in the header as a hash map with
# random keys hands them out. So the hash of a weights file says nothing of whether two trainings came to the same
# weights, and a store that knows files by their hashes keeps a copy for every save, as soon as there are two entries of
# metadata. Without metadata, or with one entry, the bytes are the same.
#
# Seen with safetensors 0.8.0 and numpy 2.4.6 on CPython 3.11: eight saves of one tensor with eight entries are eight
# files within a process, their tensors and metadata are equal when read; with one entry, or none, they are one file.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check safetensors==0.8.0 numpy==2.4.6
"$place/venv/bin/python" - "$place" <<'PYTHON'
import hashlib, sys
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

tensors = {"weight": np.arange(6, dtype=np.float32).reshape(2, 3)}


def saves(metadata):
    """Hashes of eight saves, each of which is read again first."""
    hashes = set()
    for _ in range(8):
        written = save(tensors, metadata=metadata)
        file = Path(sys.argv[1], "weights.safetensors")
        file.write_bytes(written)
        with safe_open(file, "numpy") as read:
            assert read.metadata() == metadata
            assert np.array_equal(read.get_tensor("weight"), tensors["weight"])
        hashes.add(hashlib.sha256(written).hexdigest())
    return len(hashes)


metadata = {"class_names": "cat,dog", "epoch": "7", "format": "pt", "input": "32", "mean": "0.5", "seed": "0",
            "split": "train", "std": "0.25"}
for entries in (0, 1, 8):
    different = saves(dict(list(metadata.items())[:entries]) or None)
    print(f"{entries} entries of metadata: {different} different files of 8 saves")
    assert different == (1 if entries < 2 else 8)
PYTHON
