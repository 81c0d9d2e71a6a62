"""Proves that other programs read a run's logs as metrics.jsonl has them: TensorBoard's own readers, also while the file
grows and after the run went back; MLflow's client on the file store; pandas.

    pip install tensorboard==2.21.0 mlflow==3.17.2 pandas==3.1.1
    python benches/peers/logs.py RUN            # a run that was logged for all three

MLflow refuses a file store unless MLFLOW_ALLOW_FILE_STORE=true, which this sets.
"""

import json
import math
import os
import struct
import sys
from pathlib import Path

os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"

import mlflow
import pandas as pd
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.projector import projector_config_pb2
from google.protobuf import text_format


def single(value: float) -> float:
    try:
        return struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)


def figures(record: dict) -> dict[str, float]:
    """What of a line of metrics.jsonl is logged, by name."""
    keys = ("lr", "loss", "images_per_second", "seconds", "waited")
    found = {f"train/{key}": record[key] for key in keys}
    if record.get("train_accuracy") is not None:
        found["train/accuracy"] = record["train_accuracy"]
    found |= {f"loss_parts/{name}": value for name, value in record["loss_parts"].items()}
    val = record.get("val") or {}
    found |= {f"val/{name}": value for name, value in val.items() if isinstance(value, (int, float)) and name not in ("count", "classes_tested")}
    return found


def expected(records: list[dict]) -> dict[str, list[tuple[int, float]]]:
    series: dict[str, list[tuple[int, float]]] = {}
    for record in records:
        for name, value in figures(record).items():
            series.setdefault(name, []).append((record["step"], value))
    return series


def tensorboard(folder: Path, series: dict) -> str:
    read = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0}).Reload()
    for name, points in series.items():
        found = [(point.step, point.value) for point in read.Scalars(name)]
        assert found == [(step, single(value)) for step, value in points], name
    ends = [tag for tag in read.Tags()["scalars"] if tag.startswith("last_")]
    picture = read.Images("confusion")
    assert len(picture) == 1 and picture[0].encoded_image_string.startswith(b"\x89PNG")
    config = projector_config_pb2.ProjectorConfig()
    text_format.Parse((folder / "projector_config.pbtxt").read_text(), config)
    embedding = config.embeddings[0]
    rows = [line.split("\t") for line in (folder / embedding.tensor_path).read_text().splitlines()]
    metadata = (folder / embedding.metadata_path).read_text().split("\n")
    assert len(metadata) == len(rows) + 2 and len({len(row) for row in rows}) == 1
    [float(value) for row in rows for value in row]
    return (
        f"{len(series)} scalars of {len(series['train/loss'])} epochs, {len(ends)} final ones, picture {picture[0].width} wide, "
        f"{len(rows)} × {len(rows[0])} features"
    )


def in_mlflow(folder: Path, series: dict) -> str:
    client = mlflow.MlflowClient(tracking_uri=folder.absolute().as_uri())
    experiments = [e for e in client.search_experiments() if e.name != "Default"]
    assert len(experiments) == 1
    runs = client.search_runs([experiments[0].experiment_id])
    assert len(runs) == 1
    run = runs[0]
    for name, points in series.items():
        history = client.get_metric_history(run.info.run_id, name)
        found = sorted((point.step, point.value) for point in history)
        assert found == points, name
    artifacts = [artifact.path for artifact in client.list_artifacts(run.info.run_id)]
    assert run.info.status == "FINISHED" and "confusion.png" in artifacts
    return (
        f"experiment {experiments[0].name}, run {run.info.run_name}, {len(run.data.metrics)} metrics, "
        f"{len(run.data.params)} params, artifacts {artifacts}"
    )


def in_pandas(folder: Path, series: dict) -> str:
    table = pd.read_csv(folder / "metrics.csv")
    for name, points in series.items():
        column = table.set_index("step")[name].dropna()
        assert list(column.items()) == points, name
    return f"{len(table)} lines, {len(table.columns)} columns"


def main() -> None:
    run = Path(sys.argv[1])
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    series = expected(records)
    print("tensorboard:", tensorboard(run / "logs/tensorboard", series))
    print("mlflow:", in_mlflow(run / "logs/mlflow", series))
    print("csv:", in_pandas(run / "logs/csv", series))


main()
