"""Writes analysis.json: what scikit-learn and torchmetrics make of random labels, logits and features, in f64.

scikit-learn 1.9.1, torchmetrics 1.9.0, torch 2.15.0, NumPy 2.4.6:
    python crates/longtail/tests/oracles/analysis.py > crates/longtail/tests/oracles/analysis.json

Inputs are drawn to few decimals, which JSON holds exactly.
"""

import json
import warnings

import numpy as np
import sklearn
import torch
import torchmetrics
from sklearn import metrics
from torchmetrics.functional.classification.calibration_error import _ce_compute

warnings.simplefilter("ignore")
rng = np.random.default_rng(0)


def drawn(shape, scale=1.0):
    return np.round(rng.normal(size=shape) * scale, 3)


def calibration_error(confidences, right, norm="l1"):
    """What multiclass_calibration_error makes of them, which rounds them to f32 before."""
    return float(_ce_compute(confidences, right.double(), 15, norm))


def davies_bouldin(features, labels):
    """The formula. scikit-learn's distances are made of inner products, which lose digits far from the origin."""
    classes = sorted(set(labels.tolist()))
    own = [features[labels == label].astype(np.longdouble) for label in classes]
    centres = [rows.mean(0) for rows in own]
    spreads = [np.linalg.norm(rows - centre, axis=1).mean() for rows, centre in zip(own, centres)]
    pairs = range(len(classes))
    ratio = lambda i, j: (spreads[i] + spreads[j]) / np.linalg.norm(centres[i] - centres[j])
    return float(np.mean([max(ratio(i, j) for j in pairs if j != i) for i in pairs]))


def clusters(labels, dimensions, apart, within=1.0):
    centres = drawn((max(labels) + 1, dimensions), apart)
    features = np.round(centres[labels] + drawn((len(labels), dimensions), within), 3)
    own, scikit = davies_bouldin(features, labels), metrics.davies_bouldin_score(features, labels)
    assert abs(own - scikit) < (1e-12 if apart < 10 * within else 1e-6) * scikit
    return {
        "labels": [int(label) for label in labels],
        "width": dimensions,
        "features": features.ravel().tolist(),
        "calinski_harabasz": float(metrics.calinski_harabasz_score(features, labels)),
        "davies_bouldin": own,
    }


def classified(classes, labels, scale, ties=False):
    labels = np.array(labels)
    logits = drawn((len(labels), classes), scale)
    logits[np.arange(len(labels)), labels] += np.round(rng.uniform(0, scale, len(labels)), 3)
    if ties:
        logits = np.round(logits)
    logits = np.round(logits, 3)
    predictions = logits.argmax(1)
    tested = sorted(set(labels.tolist()))
    over = dict(labels=tested, average="macro", zero_division=0.0)
    each = dict(labels=list(range(classes)), average=None, zero_division=0.0)
    confidences = torch.tensor(logits).softmax(1).max(1).values
    right = torch.tensor(predictions == labels)
    # Of equal logits scikit-learn's top-k takes the last, so that it is asked only where there are none.
    top = {}
    for k in (1, 2, 3, 5):
        if k < classes > 2 and not ties:
            # scikit-learn takes no set in which a class is missing unless all are named.
            top[k] = float(metrics.top_k_accuracy_score(labels, logits, k=k, labels=range(classes)))
    return {
        "classes": classes,
        "labels": labels.tolist(),
        "logits": logits.ravel().tolist(),
        "confusion": metrics.confusion_matrix(labels, predictions, labels=range(classes)).tolist(),
        "macro": [
            float(metrics.precision_score(labels, predictions, **over)),
            float(metrics.recall_score(labels, predictions, **over)),
            float(metrics.f1_score(labels, predictions, **over)),
        ],
        "precision": metrics.precision_score(labels, predictions, **each).tolist(),
        "f1": metrics.f1_score(labels, predictions, **each).tolist(),
        "top": top,
        "ece": calibration_error(confidences, right),
        "max_error": calibration_error(confidences, right, "max"),
        "confidence": float(confidences.mean()),
    }


def edges():
    """Confidences on and beside the edges of bins, and at 0 and 1."""
    at = torch.linspace(0, 1, 16, dtype=torch.float64)
    at = torch.cat([at, at[1:] - 2**-40, at[:-1] + 2**-40])
    right = torch.tensor(rng.integers(0, 2, len(at)))
    return {"confidences": at.tolist(), "right": right.tolist(), "ece": calibration_error(at, right)}


balanced = np.repeat(np.arange(4), 6)
tailed = np.array([0] * 20 + [1] * 7 + [2] * 2 + [4])
result = {
    "versions": {
        "scikit-learn": sklearn.__version__,
        "torchmetrics": torchmetrics.__version__,
        "torch": torch.__version__.split("+")[0],
    },
    "edges": edges(),
    "linspace": torch.linspace(0, 1, 16, dtype=torch.float64).tolist(),
    "clusters": [
        clusters(balanced, 3, 2.0),
        clusters(balanced, 1, 0.2),
        clusters(tailed, 5, 1.0),
        clusters(np.array([0, 1, 1]), 2, 4.0),
        clusters(rng.integers(0, 9, 60), 8, 0.5),
        clusters(balanced, 4, 1000.0, 0.01),
    ],
    "classified": [
        classified(3, [0, 1, 2, 2, 1, 0, 0, 0], 2.0),
        classified(4, [2], 1.0),
        classified(6, [0] * 12 + [1] * 5 + [2] * 3 + [4] * 2 + [5], 1.5),
        classified(6, rng.integers(0, 6, 40).tolist(), 1.0, ties=True),
        classified(12, rng.integers(0, 10, 60).tolist(), 3.0),
        classified(2, rng.integers(0, 2, 25).tolist(), 40.0),
    ],
}
rows = []
for key, value in result.items():
    if isinstance(value, list) and isinstance(value[0], dict):
        cases = ",\n".join("  " + json.dumps(case) for case in value)
        rows.append(f" {json.dumps(key)}: [\n{cases}\n ]")
    else:
        rows.append(f" {json.dumps(key)}: {json.dumps(value)}")
print("{\n" + ",\n".join(rows) + "\n}")
