"""The BCL+RCL loss, forward and backward: ours against PyTorch, turn by turn in one run.

    cargo build --release --workspace --example contrast_peer
    python benches/peers/contrast.py [N,C,D ...] [--turns 15] [--threads 2] [--path avx512]
    python benches/peers/contrast.py --our-device cuda --device cuda --json result.json

PyTorch runs two formulations, each eager and compiled: `mask` sums the positives in the similarity
matrix, as the published code does; `sums` takes them from class sums, which saves passes over the
matrix. Every turn times each of them and ours; the table shows medians over the turns [least, most], and
the ratio to ours. Least of all is what a machine shared with others disturbs least. Loss and
gradients are compared first. On a GPU a turn is timed as a whole, the host waiting for the device at its
end alone.
"""

import argparse
import json
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
import torch.nn.functional as F

import memory

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
    columns = torch.cat([labels, torch.arange(classes, device=z.device)])
    in_batch = z.new_zeros(classes).index_add(0, labels, z.new_ones(rows))
    log_n = counts.log()
    other = (log_n - (in_batch + 1).log())[columns]
    own = (log_n - in_batch.clamp(min=1).log())[columns]
    same = labels[:, None] == columns[None, :]
    places = torch.arange(rows + classes, device=z.device)
    self_ = places[:rows, None] == places[None, :]
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

    def __init__(self, case, arguments):
        z, c, labels, counts = case
        self.file = tempfile.NamedTemporaryFile()
        header = struct.pack("<3I", z.shape[0], c.shape[0], z.shape[1])
        parts = [z, c, counts]
        values = b"".join(p.numpy().astype("<f4").tobytes() for p in parts)
        self.file.write(header + labels.numpy().astype("<u4").tobytes() + values)
        self.file.flush()
        variables = {"RAYON_NUM_THREADS": str(arguments.threads), "LONGTAIL_KERNELS": arguments.path}
        device = [arguments.our_device] if arguments.our_device else []
        self.process = subprocess.Popen(
            [arguments.program, self.file.name, *device], env=os.environ | variables, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )

    def ask(self, what):
        print(what, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.process.args[0]} ended when asked for `{what}`")
        return [float(v) for v in line.split()]

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.file.close()


def step(function, case):
    z, c, labels, counts = case
    z, c = z.detach().requires_grad_(), c.detach().requires_grad_()
    value = function(z, c, labels, counts)
    value.backward()
    return value, z.grad, c.grad


def peak_extra(run, device):
    """MB that the process, or its tensors on a GPU, grow by at most while `run` runs."""
    held = memory.of(device)
    held.recent()
    before = held.now()
    run()
    return (held.recent() - before) / 1e6


def timed(run, calls, device):
    """Seconds of a call: the median of `calls`, or the mean where the device runs behind the host."""
    run()
    if device == "cuda":
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(calls):
            run()
        torch.cuda.synchronize()
        return (time.perf_counter() - start) / calls
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def checked(ours, modes, case, device):
    """Ends unless all agree; gives the MB that each takes."""
    memories = {"ours": ours.ask("memory")[1]}
    ours_found = ours.ask("check")
    for name, mode in modes.items():
        value, dz, dc = step(mode, case)
        for a, b in zip(ours_found, (value.item(), dz.norm().item(), dc.norm().item())):
            if not abs(a - b) <= 2e-4 * abs(b):
                sys.exit(f"{name}: {b}, ours {a}")
        memories[name] = peak_extra(lambda: step(mode, case), device)
    return memories


def compare(sizes, arguments):
    case = problem(*sizes)
    ours = Ours(case, arguments)
    device = arguments.device
    case = [part.to(device) for part in case]
    modes = {f"{f.__name__} eager": f for f in (mask, sums)}
    modes |= {f"{f.__name__} compiled": torch.compile(f, dynamic=False) for f in (mask, sums)}
    memories = checked(ours, modes, case, device)

    # Long enough for threads to be spread over the cores again.
    calls = arguments.calls or (1 if sizes[0] > 4096 else 200)
    times = {name: [] for name in ["ours", *modes]}
    for _ in range(arguments.turns):
        times["ours"].append(ours.ask(f"time {calls}")[0])
        for name, mode in modes.items():
            times[name].append(timed(lambda: step(mode, case), calls, device))
            time.sleep(0.05)  # until PyTorch's threads stop spinning
    on_card = {"ours": memory.on_card(ours.process.pid), "PyTorch": memory.on_card(os.getpid())}
    ours.close()
    return {"sizes": sizes, "device": device, "calls": calls, "times": times,
            "memory_mb": memories, "on_card": on_card} | judged(times)


def judged(times):
    medians = {name: statistics.median(all_) for name, all_ in times.items()}
    fastest = {name: min(all_) for name, all_ in times.items()}
    ratios = [min(v for k, v in all_.items() if k != "ours") / all_["ours"]
              for all_ in (medians, fastest)]
    return {"medians": medians, "ratio": ratios[0], "ratio_of_fastest": ratios[1]}


def report(found, arguments):
    sizes, medians = found["sizes"], found["medians"]
    print(f"\nN={sizes[0]} C={sizes[1]} D={sizes[2]}, {arguments.threads} threads, "
          f"{arguments.turns} turns of {found['calls']}")
    for name, value in medians.items():
        low, high = min(found["times"][name]), max(found["times"][name])
        print(f"  {name:15} {value * 1e3:10.2f} ms  [{low * 1e3:.2f}, {high * 1e3:.2f}]"
              f"  {value / medians['ours']:6.2f}x  +{found['memory_mb'][name]:.0f} MB")
    print(f"  fastest PyTorch / ours: {found['ratio']:.2f} by medians, "
          f"{found['ratio_of_fastest']:.2f} by every mode's fastest turn", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sizes", nargs="*", default=["512,100,128", "16384,1000,128"])
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--path", default="")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="PyTorch's")
    parser.add_argument("--our-device", default="", help="as the program names it")
    parser.add_argument("--calls", type=int, help="calls of one turn; 1 above N=4096, else 200")
    parser.add_argument("--program", type=Path, default=PROGRAM)
    parser.add_argument("--json", type=Path, help="write everything measured to this file")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if not arguments.program.exists():
        sys.exit(f"{arguments.program} is not built")
    results = []
    for sizes in arguments.sizes:
        results.append(compare([int(size) for size in sizes.split(",")], arguments))
        report(results[-1], arguments)
        if arguments.json:
            arguments.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
