"""Writes the Python version of a small CIFAR as a .tar.gz, with the pickles of the Python and NumPy that run it.

    python make.py ten|hundred PROTOCOL FILE [bytes] [fortran]

`bytes` makes keys and strings bytes, as `pickle.load(file, encoding="bytes")` gives them; `fortran` lays the array
out by columns. Runs on Python 2.7, which wrote the official files (protocol 2), and 3. `make.sh` writes all files
of this folder.
"""

import gzip
import io
import sys
import tarfile

import numpy

try:
    import cPickle as pickle
except ImportError:
    import pickle

TEN = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def images(numbers, order):
    """Image k has (37 k + 5 p + 11 plane) mod 256 at p, which counts through all three planes."""
    k = numpy.array(numbers)[:, None]
    p = numpy.arange(3072)[None, :]
    return numpy.asarray((37 * k + 5 * p + 11 * (p // 1024)) % 256, dtype=numpy.uint8, order=order)


def ten(order):
    def batch(title, first):
        numbers = range(first, first + 2)
        return {
            "batch_label": title,
            "labels": [(3 * k + 1) % 10 for k in numbers],
            "data": images(numbers, order),
            "filenames": ["image_s_%06d.png" % k for k in numbers],
        }

    files = {"data_batch_%d" % i: batch("training batch %d of 5" % i, 2 * i - 2) for i in range(1, 6)}
    files["test_batch"] = batch("testing batch 1 of 1", 10)
    files["batches.meta"] = {"num_cases_per_batch": 2, "label_names": TEN, "num_vis": 3072}
    return "cifar-10-batches-py", files


def hundred(order):
    def batch(title, numbers):
        fine = [(7 * k + 3) % 100 for k in numbers]
        return {
            "filenames": ["image_s_%06d.png" % k for k in numbers],
            "batch_label": title,
            "fine_labels": fine,
            "coarse_labels": [label // 5 for label in fine],
            "data": images(numbers, order),
        }

    meta = {
        "fine_label_names": ["fine%d" % i for i in range(100)],
        "coarse_label_names": ["coarse%d" % i for i in range(20)],
    }
    train = batch("training batch 1 of 1", range(10))
    return "cifar-100-python", {"meta": meta, "test": batch("testing batch 1 of 1", range(10, 14)), "train": train}


def as_bytes(value):
    if isinstance(value, dict):
        return {as_bytes(key): as_bytes(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_bytes(item) for item in value]
    return value.encode("ascii") if isinstance(value, str) else value


def main(which, protocol, path, *options):
    folder, files = {"ten": ten, "hundred": hundred}[which]("F" if "fortran" in options else "C")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in sorted(files.items()):
            content = as_bytes(content) if "bytes" in options else content
            content = pickle.dumps(content, int(protocol))
            member = tarfile.TarInfo("%s/%s" % (folder, name))
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    with open(path, "wb") as file:
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as compressed:
            compressed.write(packed.getvalue())


main(*sys.argv[1:])
