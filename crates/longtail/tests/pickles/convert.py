"""Writes CIFAR-10's binary version as the Python version, every file in another way that Python and NumPy have.

    python3 convert.py BINARY_FOLDER PYTHON_FOLDER

Exits with 3 where there is no NumPy.
"""

import pickle
import sys

try:
    import numpy
except ImportError:
    sys.exit(3)

WAYS = {
    "data_batch_1": (2, "C", False),
    "data_batch_2": (3, "C", True),
    "data_batch_3": (4, "F", False),
    "data_batch_4": (5, "C", True),
    "data_batch_5": (5, "F", False),
    "test_batch": (4, "C", False),
}

for name, (protocol, order, as_bytes) in WAYS.items():
    records = numpy.fromfile("%s/%s.bin" % (sys.argv[1], name), dtype=numpy.uint8).reshape(-1, 3073)
    batch = {"labels": records[:, 0].tolist(), "data": numpy.array(records[:, 1:], order=order)}
    if as_bytes:
        batch = {key.encode(): value for key, value in batch.items()}
    with open("%s/%s" % (sys.argv[2], name), "wb") as file:
        pickle.dump(batch, file, protocol)
