"""Writes images/parquet/*.parquet: tables of small images as data hubs hand them out, and such that are none.

pyarrow 26.0.1, datasets 5.2.0, Pillow 13.0.0:
    python crates/longtail/tests/oracles/parquet.py crates/longtail/tests/images/parquet

Row r's image is a PNM of 2 + r % 5 by 1 + r % 3 pixels, byte i of which is (31 r + 7 i) % 256; its label is
(7 r) % 4, its path "r.ppm".
"""

import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import ClassLabel, Dataset, Features, Image, Value
from PIL import Image as Pillow

OUT = Path(sys.argv[1])
NAMES = ["oak", "ash", "elm", "yew"]
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def pnm(row):
    width, height = 2 + row % 5, 1 + row % 3
    pixels = bytes((31 * row + 7 * i) % 256 for i in range(3 * width * height))
    return b"P6 %d %d 255\n" % (width, height) + pixels


def label(row):
    return 7 * row % 4


def images(rows):
    return pa.array([{"bytes": pnm(r), "path": f"{r}.ppm"} for r in range(rows)], IMAGE)


def numbers(rows, kind=pa.int64()):
    return pa.array([label(r) for r in range(rows)], kind)


def words(rows):
    return pa.array([NAMES[label(r)] for r in range(rows)])


def write(name, columns, schema=None, **options):
    table = pa.table(columns, schema=schema)
    for left_out in ["store_schema", "write_statistics"]:
        options.setdefault(left_out, False)
    pq.write_table(table, OUT / f"{name}.parquet", **options)


def usual(rows=12):
    return {"image": images(rows), "label": numbers(rows)}


def codecs():
    for codec in ["none", "snappy", "gzip", "zstd", "lz4", "brotli"]:
        write(codec, usual(), compression=codec)
    for codec in ["none", "snappy", "zstd"]:
        write(f"{codec}-v2", usual(), compression=codec, data_page_version="2.0")
    write("as-is", usual(), store_schema=True, write_statistics=True)
    write("plain", usual(), use_dictionary=False)
    write("plain-v2", usual(), use_dictionary=False, data_page_version="2.0")


def pages():
    many = {"data_page_size": 128, "write_batch_size": 3}
    write("groups", usual(34), row_group_size=9)
    write("pages", usual(34), use_dictionary=["label"], **many)
    write("pages-v2", usual(34), row_group_size=17, data_page_version="2.0", **many)
    # The dictionary grows too large after some rows: plain pages follow those of indices.
    write("fallback", usual(34), dictionary_pagesize_limit=200, **many)
    write("empty", usual(0))


def encodings():
    columns = {"image": images(135), "label": numbers(135)}
    encoding = {
        "image.bytes": "DELTA_LENGTH_BYTE_ARRAY",
        "image.path": "DELTA_LENGTH_BYTE_ARRAY",
        "label": "DELTA_BINARY_PACKED",
    }
    options = {"use_dictionary": False, "column_encoding": encoding, "compression": "zstd"}
    write("delta", columns, **options)
    write("delta-v2", columns, data_page_version="2.0", data_page_size=512, write_batch_size=50, **options)
    encoding = {"image.bytes": "PLAIN", "image.path": "PLAIN", "label": "DELTA_BYTE_ARRAY"}
    options = {"use_dictionary": False, "column_encoding": encoding}
    write("delta-texts", {"image": images(4), "label": words(4)}, **options)


def nulls():
    values = [{"bytes": pnm(r), "path": f"{r}.ppm"} for r in range(12)]
    without = [*values[:3], None, *values[4:]]
    paths = [*values[:2], {"bytes": None, "path": "2.ppm"}, *values[3:]]
    unnamed = [{**value, "path": value["path"] if r % 3 else None} for r, value in enumerate(values)]
    labels = [None if r == 5 else label(r) for r in range(12)]
    write("null-image", {"image": pa.array(without, IMAGE), "label": pa.array(labels, pa.int64())})
    write("null-bytes", {"image": pa.array(paths, IMAGE), "label": numbers(12)}, data_page_version="2.0")
    write("null-path", {"image": pa.array(unnamed, IMAGE), "label": numbers(12)})
    inner = pa.struct([pa.field("bytes", pa.binary(), False), pa.field("path", pa.string(), False)])
    schema = pa.schema([pa.field("image", inner, False), pa.field("label", pa.int32(), False)])
    write("required", {"image": images(12).cast(inner), "label": numbers(12, pa.int32())}, schema)
    write("required-v2", {"image": images(12).cast(inner), "label": numbers(12, pa.int32())}, schema,
          data_page_version="2.0", use_dictionary=False)


def columns():
    binary = pa.array([pnm(r) for r in range(12)], pa.binary())
    sample = pa.StructArray.from_arrays([images(12), numbers(12)], ["image", "label"])
    lists = pa.array([[1, 2]] * 3, pa.list_(pa.int64()))
    paths = pa.array([f"{r}.ppm" for r in range(12)])
    write("text-labels", {"image": images(12), "label": words(12)})
    write("text-labels-plain", {"image": images(12), "label": words(12)}, use_dictionary=False)
    write("binary", {"__key__": paths, "jpg": binary, "cls": numbers(12, pa.uint8())})
    write("only-binary", {"content": binary, "note": paths, "Target": numbers(12)})
    write("nested", {"sample": sample, "id": numbers(12)})
    write("named", {"mask": images(12)[::-1], "image": images(12), "label": numbers(12)})
    write("two-images", {"jpg": binary, "png": binary, "label": numbers(12)})
    write("two-structs", {"left": images(3), "right": images(3), "label": numbers(3)})
    write("two-labels", {"image": images(12), "label": numbers(12), "class": words(12)})
    write("no-label", {"image": images(12), "score": numbers(12), "note": paths})
    write("no-image", {"pixel0": numbers(12), "label": numbers(12)})
    write("path-only", {"image": paths, "label": numbers(12)})
    write("list-label", {"image": images(3), "labels": lists})
    write("float-label", {"image": images(3), "label": numbers(3).cast(pa.float64())})
    write("mask-label", {"image": images(3), "label": images(3)})
    write("list-image", {"images": pa.array([[v] for v in images(3).to_pylist()], pa.list_(IMAGE)),
                         "label": numbers(3)})


def parts():
    said = ["train", "train", "validation", "test"]
    columns = {"image": images(12), "label": numbers(12), "split": pa.array([said[r // 3] for r in range(12)])}
    write("parts", columns)
    write("no-parts", {**columns, "split": pa.array([f"fold{r % 3}" for r in range(12)])})
    # Names of fewer classes than the labels number, as `datasets` writes them.
    features = {"image": {"_type": "Image"}, "label": {"names": NAMES[:3], "_type": "ClassLabel"}}
    said = {"huggingface": json.dumps({"info": {"features": features}})}
    table = pa.table({"image": images(12), "label": numbers(12)})
    write("few-names", table.columns, table.schema.with_metadata(said), store_schema=True)


def orders():
    """Tables that name the same classes, each in an order of its own, of other images with the same classes."""
    for name, names, first in [("order", NAMES, 0), ("order-turned", NAMES[::-1], 12)]:
        features = {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
        said = {"huggingface": json.dumps({"info": {"features": features}})}
        labels = pa.array([names.index(NAMES[label(r)]) for r in range(12)])
        pictures = pa.array([{"bytes": pnm(first + r), "path": f"{first + r}.ppm"} for r in range(12)], IMAGE)
        table = pa.table({"image": pictures, "label": labels})
        write(name, table.columns, table.schema.with_metadata(said), store_schema=True)


def hub():
    def pictures(rows):
        return [Pillow.new("RGB", (2 + r % 5, 1 + r % 3), (r, 2 * r, 3 * r)) for r in range(rows)]

    names = ClassLabel(names=NAMES)
    labels = [label(r) for r in range(12)]
    Dataset.from_dict(
        {"image": pictures(12), "label": labels},
        features=Features({"image": Image(), "label": names}),
    ).to_parquet(OUT / "hub.parquet")
    Dataset.from_dict(
        {"img": pictures(12), "fine_label": labels, "coarse_label": [r % 2 for r in labels]},
        features=Features({"img": Image(), "fine_label": names, "coarse_label": ClassLabel(names=["a", "b"])}),
    ).to_parquet(OUT / "hub-two-levels.parquet")
    # Nothing but what is said of them tells which of these columns are the ones.
    scans = [{"bytes": pnm(r), "path": None} for r in range(12)]
    bare = {"bytes": Value("binary"), "path": Value("string")}
    texts = [str(r) for r in labels]
    for name, columns in [("told", ["scan", "mask", "kind", "note"]), ("tie", ["img", "image", "label", "class"])]:
        features = dict(zip(columns, [Image(), bare, names, Value("string")]))
        values = dict(zip(columns, [scans, scans, labels, texts]))
        Dataset.from_dict(values, features=Features(features)).to_parquet(OUT / f"hub-{name}.parquet")


OUT.mkdir(parents=True, exist_ok=True)
for write_some in [codecs, pages, encodings, nulls, columns, parts, orders, hub]:
    write_some()
