"""The BCL+RCL loss, forward and backward: ours against PyTorch, turn by turn in one run.

    cargo build --release --workspace --example contrast_peer
    python benches/peers/contrast.py [N,C,D ...] [--turns 15] [--threads 2] [--path avx512]

PyTorch runs two formulations, each eager and compiled: `mask` sums the positives in the similarity
matrix, as the published code does; `sums` takes them from class sums, which saves passes over the
matrix. Every turn times each of them and ours; the table shows medians over the turns [least, most], and
the ratio to ours. Least of all is what a machine shared with others disturbs least. Loss and
gradients are compared first.
"""

import argparse
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
import torch.nn.functional as F

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "target/release/examples/contrast_peer"
TEMPERATURE = 0.1


def mask(z, c, labels, counts):
    return loss(z, c, labels, counts, masked=True)


def sums(z, c, labels, counts):
    return loss(z, c, labels, counts, masked=False)


def loss(z, c, labels, counts, masked):
    """Eq. 5 with class averages as in BCL's code."""
    rows, classes = z.shape[0], c.shape[0]
    x = torch.cat([z, c])
    columns = torch.cat([labels, torch.arange(classes)])
    in_batch = torch.zeros(classes).index_add(0, labels, torch.ones(rows))
    log_n = counts.log()
    other = (log_n - (in_batch + 1).log())[columns]
    own = (log_n - in_batch.clamp(min=1).log())[columns]
    same = labels[:, None] == columns[None, :]
    self_ = torch.arange(rows)[:, None] == torch.arange(rows + classes)[None, :]
    s = z @ x.T / TEMPERATURE
    log_z = (s + torch.where(same, own, other)).masked_fill(self_, -torch.inf).logsumexp(1)
    if masked:
        attraction = (s * (same & ~self_)).sum(1)
    else:
        of_class = torch.zeros_like(c).index_add(0, labels, z) + c
        attraction = ((of_class[labels] - z) * z).sum(1) / TEMPERATURE
    return (log_z - log_n[labels] - attraction / in_batch[labels]).mean()


def problem(rows, classes, features):
    """Long-tailed labels, two views of every image, classes that are partly learnt."""
    torch.manual_seed(0)
    counts = (500 * 0.01 ** (torch.arange(classes) / max(classes - 1, 1))).floor().clamp(min=5)
    labels = torch.multinomial(counts, rows // 2, replacement=True).repeat(2)
    c = F.normalize(torch.randn(classes, features), dim=1)
    z = F.normalize(c[labels] + 0.15 * torch.randn(rows, features), dim=1)
    return z, c, labels, counts


class Ours:
    """The Rust program, which runs one call for every line it reads."""

    def __init__(self, case, threads, path):
        z, c, labels, counts = case
        self.file = tempfile.NamedTemporaryFile()
        header = struct.pack("<3I", z.shape[0], c.shape[0], z.shape[1])
        parts = [z, c, counts]
        values = b"".join(p.numpy().astype("<f4").tobytes() for p in parts)
        self.file.write(header + labels.numpy().astype("<u4").tobytes() + values)
        self.file.flush()
        env = {"RAYON_NUM_THREADS": str(threads), "LONGTAIL_KERNELS": path}
        self.process = subprocess.Popen(
            [PROGRAM, self.file.name], env=env, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )

    def ask(self, what):
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return [float(v) for v in self.process.stdout.readline().split()]

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.file.close()


def step(function, case):
    z, c, labels, counts = case
    z, c = z.detach().requires_grad_(), c.detach().requires_grad_()
    value = function(z, c, labels, counts)
    value.backward()
    return value.item(), z.grad, c.grad


def peak_extra(run):
    """MB that the process grows by at most while `run` runs (Linux)."""
    def status(key):
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(key)) / 1000
    Path("/proc/self/clear_refs").write_text("5")
    before = status("VmRSS")
    run()
    return status("VmHWM") - before


def timed(run, calls):
    run()
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def compare(sizes, arguments):
    case = problem(*sizes)
    modes = {f"{f.__name__} eager": f for f in (mask, sums)}
    modes |= {f"{f.__name__} compiled": torch.compile(f, dynamic=False) for f in (mask, sums)}
    ours = Ours(case, arguments.threads, arguments.path)
    _, *memory = ours.ask("memory")
    value, z_norm, c_norm, *_ = ours.ask("check")
    memories = {"ours": memory[0]}
    for name, mode in modes.items():
        theirs, dz, dc = step(mode, case)
        for a, b in [(value, theirs), (z_norm, dz.norm().item()), (c_norm, dc.norm().item())]:
            assert abs(a - b) <= 2e-4 * abs(b), f"{name}: {b}, ours {a}"
        memories[name] = peak_extra(lambda: step(mode, case))

    # Long enough for threads to be spread over the cores again.
    calls = 1 if sizes[0] > 4096 else 200
    times = {name: [] for name in ["ours", *modes]}
    for _ in range(arguments.turns):
        times["ours"].append(ours.ask(f"time {calls}")[0])
        for name, mode in modes.items():
            times[name].append(timed(lambda: step(mode, case), calls))
            time.sleep(0.05)  # until PyTorch's threads stop spinning
    ours.close()

    medians = {name: statistics.median(all_) for name, all_ in times.items()}
    fastest = {name: min(all_) for name, all_ in times.items()}
    ratios = [min(v for k, v in all_.items() if k != "ours") / all_["ours"]
              for all_ in (medians, fastest)]
    print(f"\nN={sizes[0]} C={sizes[1]} D={sizes[2]}, {arguments.threads} threads, "
          f"{arguments.turns} turns of {calls}")
    for name, value in medians.items():
        low, high = fastest[name], max(times[name])
        print(f"  {name:15} {value * 1e3:10.2f} ms  [{low * 1e3:.2f}, {high * 1e3:.2f}]"
              f"  {value / medians['ours']:6.2f}x  +{memories[name]:.0f} MB")
    print(f"  fastest PyTorch / ours: {ratios[0]:.2f} by medians, "
          f"{ratios[1]:.2f} by every mode's fastest turn", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sizes", nargs="*", default=["512,100,128", "16384,1000,128"])
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--path", default="")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if not PROGRAM.exists():
        sys.exit(f"{PROGRAM} is not built")
    for sizes in arguments.sizes:
        compare([int(size) for size in sizes.split(",")], arguments)


if __name__ == "__main__":
    main()
