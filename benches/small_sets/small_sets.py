#!/usr/bin/env python3
"""Small long-tailed sets out of Tiny-ImageNet-LT: which defaults suit people's own images.

    small_sets.py make   DATA SETS                   write the lists of the seven sets into SETS
    small_sets.py choose DATA SETS BINARY RESULTS    train every candidate once on every set
    small_sets.py prove  DATA SETS BINARY RESULTS    train the default and cross entropy, three seeds
    small_sets.py former DATA SETS BINARY RESULTS    train the default of another BINARY, one seed
    small_sets.py table  RESULTS                     print what RESULTS holds as tables

DATA is the folder that holds `lists/` and the images. RESULTS is a file of JSON lines; what stands in it is not
trained again. `choose` reads validation figures alone: a test image never decides about a default.
"""

import json
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import mean

# Name: classes, largest and smallest class, seed of the draw. In between the counts fall geometrically.
SETS = {
    "a": (9, 230, 7, 1),
    "b": (8, 200, 5, 2),
    "c": (6, 90, 9, 3),
    "d": (12, 300, 3, 4),
    "e": (20, 250, 5, 5),
    "f": (15, 240, 24, 6),
    "g": (30, 300, 15, 7),
}
WORKERS = int(os.environ.get("WORKERS", "2"))


def read_list(path):
    classes = {}
    for line in path.read_text().splitlines():
        image, label = line.split()
        classes.setdefault(int(label), []).append(image)
    return classes


def make(data, sets):
    parts = {part: read_list(data / "lists" / f"{part}.txt") for part in ("train", "val", "test")}
    for name, (classes, most, least, seed) in SETS.items():
        draw = random.Random(seed)
        lines = {part: [] for part in parts}
        free = sorted(parts["train"])
        for c in range(classes):
            count = round(most * (least / most) ** (c / (classes - 1)))
            label = draw.choice([l for l in free if len(parts["train"][l]) >= count])
            free.remove(label)
            class_name = parts["train"][label][0].split("/")[1]
            for part in parts:
                images = parts[part][label]
                kept = draw.sample(images, count) if part == "train" else images
                lines[part] += [f"{image} {class_name}\n" for image in kept]
        folder = sets / name
        folder.mkdir(parents=True, exist_ok=True)
        for part, text in lines.items():
            (folder / f"{part}.txt").write_text("".join(text))
        print(name, *(f"{len(text)} {part}" for part, text in lines.items()))


def schedule(n, rows, rate=0.05, most=32, decay="cosine"):
    """The schedule of `rows` images in all: at least ten steps an epoch, the learning rate by the batch."""
    epochs = max(30, min(200, round(rows / n)))
    batch = math.ceil(n / math.ceil(n / min(most, max(8, n // 10))))
    settings = {"train.drop_last": "false", "schedule.warmup": math.ceil(epochs / 20), "schedule.decay": f'"{decay}"'}
    return ["--epochs", epochs, "--batch-size", batch, "--lr", round(rate * batch / 32, 6), *sets_of(settings)]


def sets_of(settings):
    return [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]


def candidate(method="la", rows=24_000, backbone="resnet20", size=32, view="plain", tau=1, more=None, **rate):
    def words(n):
        method_words = ["--method", method] + (["--tau", tau] if method != "ce" else [])
        model = ["--backbone", backbone, "--image-size", size]
        views = sets_of({"views.classifier": f'"{view}"', **(more or {})})
        return method_words + model + schedule(n, rows, **rate) + views

    return words


# All cost about the same but for the one that says otherwise.
CANDIDATES = {
    "la": candidate(),
    "ce": candidate(method="ce"),
    "la, resized crop": candidate(view="resized-crop"),
    "la, ResNet-14, half as many images again": candidate(backbone="resnet14", rows=36_000),
    "la, lr 0.1": candidate(rate=0.1),
    "la, resized crop, ResNet-14": candidate(view="resized-crop", backbone="resnet14", rows=36_000),
    "la, resized crop, ResNet-8": candidate(view="resized-crop", backbone="resnet8", rows=72_000),
    "la, resized crop, ResNet-8, 64 pixels": candidate(
        view="resized-crop", backbone="resnet8", rows=18_000, size=64
    ),
    "bcl+rcl, resized crop, ResNet-8": candidate(
        method="bcl+rcl", view="resized-crop", backbone="resnet8", rows=24_000
    ),
    "la, resized crop, ResNet-14, twice the images": candidate(
        view="resized-crop", backbone="resnet14", rows=72_000
    ),
    "la, resized crop, ResNet-14, lr 0.1": candidate(
        view="resized-crop", backbone="resnet14", rows=36_000, rate=0.1
    ),
    "la, tau 0.7, resized crop, ResNet-8": candidate(
        view="resized-crop", backbone="resnet8", rows=72_000, tau=0.7
    ),
    "la, tau 1.5, resized crop, ResNet-8": candidate(
        view="resized-crop", backbone="resnet8", rows=72_000, tau=1.5
    ),
    "la, AutoAugment and Cutout": candidate(view="autoaugment-cutout"),
}


def train(binary, data, folder, seed, words):
    out = Path(tempfile.mkdtemp(prefix="small-sets-"))
    lists = [w for part in ("train", "val", "test") for w in (f"--{part}-list", folder / f"{part}.txt")]
    command = [binary, "train", *lists, "--data-dir", data, "--out", out / "run", "--seed", seed, "--threads", 1]
    command = [str(word) for word in [*command, "--device", "cpu", "--quiet", *words]]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            return {"refused": done.stderr.strip().splitlines()[-1]}
        summary = json.loads((out / "run" / "summary.json").read_text())
        return {"seconds": round(summary["seconds"], 1), **figures(summary)}
    finally:
        shutil.rmtree(out)


def figures(summary):
    read = lambda part: round(100 * summary["last"][part]["arithmetic_mean"], 2)
    return {part: read(part) for part in ("val", "test")}


def work(jobs, data, sets, binary, results, kept):
    done = {(r["set"], r["seed"], r["what"]) for r in read_results(results)}

    def one(job):
        name, seed, what, words = job
        if (name, seed, what) in done:
            return
        row = train(binary, data, sets / name, seed, words)
        row = {"set": name, "seed": seed, "what": what, **{k: v for k, v in row.items() if k in kept}}
        with results.open("a") as out:
            out.write(json.dumps(row) + "\n")
        print(row, flush=True)

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(one, jobs))


def read_results(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def sizes(sets):
    return {name: len((sets / name / "train.txt").read_text().splitlines()) for name in SETS}


def choose(data, sets, binary, results):
    n = sizes(sets)
    jobs = [(s, 0, what, words(n[s])) for what, words in CANDIDATES.items() for s in SETS]
    work(jobs, data, sets, binary, results, {"val", "seconds", "refused"})


def prove(data, sets, binary, results):
    methods = {"default": [], "ce": ["--method", "ce"]}
    jobs = [(s, seed, what, words) for seed in range(3) for s in SETS for what, words in methods.items()]
    work(jobs, data, sets, binary, results, {"val", "test", "seconds", "refused"})


def former(data, sets, binary, results):
    smallest_first = sorted(SETS, key=sizes(sets).get)
    jobs = [(s, 0, "former default", []) for s in smallest_first]
    work(jobs, data, sets, binary, results, {"val", "test", "seconds", "refused"})


def table(results):
    rows = read_results(results)
    for part in ("val", "test"):
        whats = list(dict.fromkeys(r["what"] for r in rows if part in r))
        if not whats:
            continue
        print(f"\n| {part}: balanced accuracy, % | " + " | ".join(SETS) + " | mean | seconds |")
        print("|---|" + "---:|" * (len(SETS) + 2))
        for what in whats:
            line(what, part, [r for r in rows if r["what"] == what and part in r])


def line(what, part, rows):
    by_set = {s: [r[part] for r in rows if r["set"] == s] for s in SETS}
    cells = [f"{mean(v):.1f}" if v else "" for v in by_set.values()]
    whole = f"{mean(mean(v) for v in by_set.values()):.1f}" if all(by_set.values()) else ""
    print(f"| {what} | " + " | ".join(cells) + f" | {whole} | {mean(r['seconds'] for r in rows):.0f} |")


if __name__ == "__main__":
    commands = {f.__name__: f for f in (make, choose, prove, former, table)}
    if len(sys.argv) < 3 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    commands[sys.argv[1]](*map(Path, sys.argv[2:]))
