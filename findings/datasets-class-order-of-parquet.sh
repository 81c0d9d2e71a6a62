#!/usr/bin/env bash
# datasets 5.2.0 reads the labels of a second Parquet file by the names of the first one.
#
# Each file that `to_parquet` writes says in its footer what its numbers mean (ClassLabel's names). Where two files have
# the same classes in another order, load_dataset takes the names of the first for all, of one split and of several, also
# when it streams: images of the second file get other classes, and nothing is said. The files alone are read rightly,
# and concatenate_datasets of the same two refuses them. So two exports that sorted their classes differently train or
# test on wrong labels.
#
# Seen with datasets 5.2.0 and pyarrow 26.0.1 on CPython 3.11: what the second file calls ant comes out as cat.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check datasets==5.2.0 pyarrow==26.0.1
export HF_HOME="$place/home" HF_HUB_OFFLINE=1 HF_DATASETS_DISABLE_PROGRESS_BARS=1
"$place/venv/bin/python" - "$place" <<'PYTHON'
import sys

from datasets import ClassLabel, Dataset, Features, Value, concatenate_datasets, load_dataset

WORDS = ["ant", "bee", "cat"]


def written(name, names):
    """A table whose rows say in a second column what their labels mean."""
    rows = {"word": WORDS, "label": [names.index(word) for word in WORDS]}
    table = Dataset.from_dict(rows, features=Features({"word": Value("string"), "label": ClassLabel(names=names)}))
    table.to_parquet(f"{sys.argv[1]}/{name}.parquet")
    return table


def labels(rows):
    """What the label of every word is read as."""
    called = rows.features["label"].int2str
    return [(row["word"], called(row["label"])) for row in rows]


first, second = written("first", WORDS), written("second", WORDS[::-1])
files = [f"{sys.argv[1]}/{name}.parquet" for name in ("first", "second")]
right = [(word, word) for word in WORDS]
wrong = list(zip(WORDS, WORDS[::-1]))

alone = labels(load_dataset("parquet", data_files=files[1], split="train"))
both = labels(load_dataset("parquet", data_files=files, split="train"))
streamed = labels(load_dataset("parquet", data_files=files, split="train", streaming=True))
parts = load_dataset("parquet", data_files=dict(zip(("train", "test"), files)))
print("the second alone:", alone)
print("both:", both)
print("both, streamed:", streamed)
print("the second as the test split:", labels(parts["test"]))
assert alone == right
assert both == streamed == right + wrong
assert labels(parts["train"]) == right and labels(parts["test"]) == wrong
try:
    concatenate_datasets([first, second])
except ValueError as error:
    print("concatenate_datasets:", str(error)[:60])
else:
    raise AssertionError("concatenate_datasets takes them")
PYTHON
