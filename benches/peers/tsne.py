"""t-SNE of 10,000 features of 64 numbers, ten long-tailed classes: ours, openTSNE's FFT mode and scikit-learn's Barnes-Hut
mode, turn by turn in one run.

    pip install numpy==2.4.6 openTSNE==1.0.4 scikit-learn==1.9.1
    cargo build --release --workspace --example tsne
    python benches/peers/tsne.py [--turns 3] [--threads 2] [--program target/release/examples/tsne] [--json result.json]

Every turn lets each of them embed the same features with perplexity 30, from the principal components, on as many threads.
openTSNE runs as it comes, 250 + 500 iterations, and once more with as many as scikit-learn and ours, 250 + 750. Time is
that of the call, in a process of its own where Python's modules are loaded and a small set was embedded before. The table
shows medians over the turns [least, most] of seconds and of processor seconds, which other programs disturb less, ratios
of the medians to ours, and the Kullback-Leibler divergence, computed here for all of them from the points: P from the exact
90 nearest neighbours, the normaliser by all pairs, in f64.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "target/release/examples/tsne"
ROWS, WIDTH, CLASSES = 10_000, 64, 10
PERPLEXITY = 30
PEERS = {"openTSNE": 500, "openTSNE, 1000 iterations": 750, "scikit-learn": 750}


def features():
    """Heaps around centres, wider along some axes than along others, with the counts of factor 100."""
    import numpy as np

    draws = np.random.default_rng(0)
    shares = 100.0 ** (-np.arange(CLASSES) / (CLASSES - 1))
    counts = np.floor(shares / shares.sum() * ROWS).astype(int)
    counts[0] += ROWS - counts.sum()
    labels = np.repeat(np.arange(CLASSES), counts)
    centres = draws.normal(size=(CLASSES, WIDTH)) * 0.6
    noise = draws.normal(size=(ROWS, WIDTH)) * np.exp(-np.arange(WIDTH) / 20)
    order = draws.permutation(ROWS)
    return (centres[labels] + noise)[order].astype("<f4")


def embed(peer, table, threads):
    if peer == "scikit-learn":
        from sklearn.manifold import TSNE

        return TSNE(perplexity=PERPLEXITY, init="pca", random_state=0, n_jobs=threads).fit_transform(table)
    from openTSNE import TSNE

    made = TSNE(
        perplexity=PERPLEXITY, n_iter=PEERS[peer], negative_gradient_method="fft", random_state=0, n_jobs=threads
    )
    return made.fit(table)


def worker(peer, path, points, threads):
    """One embedding, in this process."""
    import numpy as np

    table = np.fromfile(path, "<f4").reshape(-1, WIDTH)
    embed(peer, table[:300], threads)
    begun, used = time.perf_counter(), time.process_time()
    made = embed(peer, table, threads)
    taken = time.perf_counter() - begun, time.process_time() - used
    np.asarray(made).astype("<f8").tofile(points)
    print(*taken)


def turn(name, path, points, threads, program):
    """Seconds and processor seconds of one embedding."""
    variables = {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads, "RAYON_NUM_THREADS": threads}
    environment = os.environ | {variable: str(value) for variable, value in variables.items()}
    if name != "longtail":
        command = [sys.executable, __file__, "--worker", name, str(path), str(points), "--threads", str(threads)]
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        return tuple(map(float, done.stdout.split()[-2:]))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [str(program), str(path), str(WIDTH), str(points)], env=environment, check=True, capture_output=True, text=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return float(done.stdout.split()[0]), used


def affinities(table):
    import numpy as np
    from scipy.sparse import csr_matrix

    count, near = len(table), 3 * PERPLEXITY
    table = table.astype(np.float64)
    squares = (table**2).sum(1)
    columns, values = np.empty((count, near), int), np.empty((count, near))
    for first in range(0, count, 500):
        rows = slice(first, min(first + 500, count))
        apart = np.maximum(squares[rows, None] + squares - 2 * table[rows] @ table.T, 0)
        apart[np.arange(len(apart)), np.arange(rows.start, rows.stop)] = np.inf
        columns[rows] = np.argpartition(apart, near, axis=1)[:, :near]
        values[rows] = conditional(np.take_along_axis(apart, columns[rows], 1))
    one_way = csr_matrix((values.ravel(), columns.ravel(), np.arange(0, count * near + 1, near)), shape=(count, count))
    return ((one_way + one_way.T) / (2 * count)).tocoo()


def conditional(apart):
    """Of every row, p that falls with distance so that its perplexity is the one asked for, by bisection."""
    import numpy as np

    apart = apart - apart.min(1, keepdims=True)
    low, high = np.zeros(len(apart)), np.full(len(apart), np.inf)
    beta = 1 / np.maximum(apart.mean(1), 1e-300)
    for _ in range(100):
        p = np.exp(-beta[:, None] * apart)
        entropy = np.log(p.sum(1)) + beta * (p * apart).sum(1) / p.sum(1)
        over = entropy > np.log(PERPLEXITY)
        low, high = np.where(over, beta, low), np.where(over, high, beta)
        beta = np.where(np.isinf(high), 2 * beta, (low + high) / 2)
    return p / p.sum(1, keepdims=True)


def divergence(joint, points):
    import numpy as np

    normaliser = -float(len(points))
    for first in range(0, len(points), 500):
        apart = ((points[first : first + 500, None] - points) ** 2).sum(2)
        normaliser += (1 / (1 + apart)).sum()
    kernel = 1 / (1 + ((points[joint.row] - points[joint.col]) ** 2).sum(1))
    return float((joint.data * np.log(joint.data * normaliser / kernel)).sum())


def spread(values):
    return f"{statistics.median(values):.1f} [{min(values):.1f}, {max(values):.1f}]"


def compare(args, folder):
    import numpy as np

    table = features()
    path = folder / "features.f32"
    table.tofile(path)
    joint = affinities(table)
    names = ["longtail", *PEERS]
    taken, ends = {name: [] for name in names}, {}
    for number in range(args.turns):
        for name in names if number % 2 == 0 else names[::-1]:
            points = folder / "points.f64"
            taken[name].append(turn(name, path, points, args.threads, args.program))
            ends[name] = divergence(joint, np.fromfile(points, "<f8").reshape(-1, 2))
            print(name, *taken[name][-1], ends[name], file=sys.stderr, flush=True)
    print("| | seconds | to ours | processor seconds | to ours | divergence |\n|---|---|---|---|---|---|")
    ours = [statistics.median(values) for values in zip(*taken["longtail"])]
    for name in names:
        columns = []
        for values, own in zip(zip(*taken[name]), ours):
            columns += [spread(values), f"{statistics.median(values) / own:.2f}"]
        print("|", " | ".join([name, *columns, f"{ends[name]:.4f}"]), "|")
    if args.json:
        args.json.write_text(json.dumps({"taken": taken, "divergence": ends}, indent=1))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--program", type=Path, default=PROGRAM)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--worker", nargs=3, metavar=("PEER", "FEATURES", "POINTS"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        return worker(*args.worker, args.threads)
    with tempfile.TemporaryDirectory() as folder:
        compare(args, Path(folder))


if __name__ == "__main__":
    main()
