"""Proves that the figures of a run follow from `longtail evaluate RUN --predictions FILE`: read with pandas, computed with
scikit-learn, compared with summary.json, for CSV, JSONL and Parquet.

    pip install pandas==3.1.1 pyarrow==25.0.1 scikit-learn==1.9.1
    python benches/peers/predictions.py target/release/longtail RUN
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import metrics

TOLERANCE = 1e-9
# Of the features' indices, which scikit-learn computes in the features' 32 bits or centres otherwise.
OF_FEATURES = 1e-4
READERS = {
    # A class may be called NA, and no number is missing but where a model gives none.
    "csv": lambda path: pd.read_csv(path, keep_default_na=False, na_values=[""]),
    "jsonl": lambda path: pd.read_json(path, lines=True, precise_float=True),
    "parquet": pd.read_parquet,
}


def ece(confidence: np.ndarray, right: np.ndarray) -> float:
    """15 bins of equal width, an edge in the bin above it."""
    bins = np.digitize(confidence, np.linspace(0, 1, 16)) - 1
    gaps = [abs((right - confidence)[bins == b].sum()) for b in np.unique(bins)]
    return sum(gaps) / len(right)


def figures(table: pd.DataFrame, classes: list[dict], thresholds: dict) -> dict[str, float | None]:
    label, prediction = table["label_index"].to_numpy(), table["prediction_index"].to_numpy()
    p = table[[f"p_{c}" for c in range(len(classes))]].to_numpy(float)
    tested = np.unique(label)
    recall = metrics.recall_score(label, prediction, labels=tested, average=None, zero_division=0)
    of_class = dict(zip(tested, recall))
    precision, _, f1, _ = metrics.precision_recall_fscore_support(
        label, prediction, labels=tested, average="macro", zero_division=0
    )
    groups = {
        group: [of_class[c] for c, about in enumerate(classes) if about["group"] == group and c in of_class]
        for group in ("many", "medium", "few")
    }
    found = {
        "top1": metrics.accuracy_score(label, prediction),
        "arithmetic_mean": recall.mean(),
        "worst_class": recall.min(),
        "zero_classes": int((recall == 0).sum()),
        "geometric_mean": float(np.exp(np.log(recall).mean())) if recall.min() > 0 else 0.0,
        "macro_precision": precision,
        "macro_recall": recall.mean(),
        "macro_f1": f1,
        "ece": ece(p[np.arange(len(p)), prediction], prediction == label),
        **{group: float(np.mean(of)) if of else None for group, of in groups.items()},
        **{f"per_class {c}": of_class.get(c) for c in range(len(classes))},
    }
    if len(classes) > 5:
        found["top5"] = metrics.top_k_accuracy_score(label, p, k=5, labels=range(len(classes)))
    features = table.filter(regex=r"^feature_\d+$").to_numpy(float)
    if features.size:
        found["calinski_harabasz"] = metrics.calinski_harabasz_score(features, label)
        found["davies_bouldin"] = metrics.davies_bouldin_score(features, label)
    return found


def compare(found: dict, known: dict) -> float:
    """The largest difference of a figure; one that is too large ends the program."""
    known = known | {f"per_class {c}": of for c, of in enumerate(known["per_class"])}
    largest = 0.0
    for name, value in found.items():
        said = known.get(name)
        if value is None or said is None:
            assert value is None and said is None, (name, value, said)
            continue
        scale, tolerance = (abs(said), OF_FEATURES) if name in ("calinski_harabasz", "davies_bouldin") else (1, TOLERANCE)
        difference = abs(value - said) / max(scale, 1e-300)
        assert difference <= tolerance, (name, value, said)
        if tolerance == TOLERANCE:
            largest = max(largest, difference)
    return largest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path)
    parser.add_argument("run", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for ending, read in READERS.items():
            path = Path(folder) / f"predictions.{ending}"
            words = ["evaluate", args.run, "--quiet", "--features", "--raw-names", "--predictions", path]
            subprocess.run([args.program.absolute(), *words], check=True)
            summary = json.loads((args.run / "summary.json").read_text())
            table = read(path)
            found = figures(table, summary["classes"], summary["shot_thresholds"])
            largest = compare(found, summary["last"]["test"])
            size = path.stat().st_size
            print(f"{ending}: {len(table)} images, {len(found)} figures, largest difference {largest:.1e}, {size} bytes")


main()
