"""Times Longtail's training step and evaluation against PyTorch's fastest mode on this machine."""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

from model import multiply_adds, multiply_adds_of
from peer import ISA_VARIABLES, ROOT, Mode, PeerError, Server, allocators, build, export, modes, ours

# OpenMP's threads wait awake for a while after their work.
PAUSE = 0.3


def arguments() -> argparse.Namespace:
    cores = len(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", nargs="+", choices=["step", "eval"], default=["step", "eval"])
    parser.add_argument("--rows", nargs="+", type=int, default=[192, 768], help="rows of a training step")
    parser.add_argument("--eval-rows", type=int, default=250, help="rows of an evaluation's passes")
    parser.add_argument("--images", type=int, default=10_000, help="images of an evaluation")
    parser.add_argument("--precision", nargs="+", choices=["f32", "bf16"], default=["f32", "bf16"])
    parser.add_argument("--backbone", default="", help="a network of torchvision, with cross entropy of one view")
    parser.add_argument("--side", type=int, default=32, help="pixels on a side of an image")
    parser.add_argument("--threads", type=int, default=cores)
    parser.add_argument("--isa", choices=list(ISA_VARIABLES), default="native")
    parser.add_argument("--blocks", type=int, default=10, help="alternations")
    parser.add_argument("--steps", type=int, default=5, help="steps of one block")
    parser.add_argument("--modes", default="", help="only PyTorch modes with this in their name, or onnxruntime")
    parser.add_argument("--no-scaling", action="store_true", help="skip 1 thread against all")
    parser.add_argument("--quick", action="store_true", help="few steps, to try the scripts")
    parser.add_argument("--json", type=Path, help="write everything measured to this file")
    args = parser.parse_args()
    if args.quick:
        args.blocks, args.steps, args.images = 2, 2, min(args.images, 1000)
    return args


@dataclass(frozen=True)
class Case:
    """What both sides do."""

    task: str
    precision: str
    rows: int
    backbone: str = ""
    side: int = 32

    def __str__(self) -> str:
        network = f" {self.backbone} at {self.side}" if self.backbone else ""
        return f"{self.task} {self.precision} {self.rows} rows{network}"


class Bench:
    """The programs, the settings and a folder for the shared weights and inputs."""

    def __init__(self, args: argparse.Namespace, folder: Path) -> None:
        self.args = args
        self.folder = folder
        self.programs = build()

    def start(self, mode: Mode, case: Case, threads: int | None = None, images: int | None = None) -> Server:
        named = {name: value for name, value in asdict(case).items() if case.backbone or name not in ("backbone", "side")}
        options = named | {
            "threads": threads or self.args.threads,
            "images": images or self.args.images,
        }
        if mode.name != "Longtail":
            options["from"] = export(self.programs["peer_step"], self.folder, options)
        return Server(mode, options, self.args.isa)

    def warm_up(self, server: Server, most: int) -> None:
        """Runs until three steps take as long as the three before, or `most` threes are done."""
        before = float("inf")
        for _ in range(most):
            now = median(server.ask("run 3"))
            if now > 0.97 * before:
                return
            before = now

    def peak(self) -> dict:
        """GFLOP/s of the machine, or nothing where it has no known instruction set."""
        command = [self.programs["fma_peak"], self.args.isa, str(self.args.threads)]
        result = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        return json.loads(result.stdout) if result.returncode == 0 else {}

    def screen(self, case: Case) -> list[dict]:
        """Every PyTorch mode alone, the fastest first."""
        tried = []
        for mode in modes(self.args.modes):
            tried.append({"mode": mode.name, "seconds": None} | self.alone(mode, case))
            note = tried[-1].get("failed") or f"{tried[-1]['seconds']:.4f} s"
            say(f"  {case}: {mode.name}: {note}")
        return sorted(tried, key=lambda t: t["seconds"] or float("inf"))

    def alone(self, mode: Mode, case: Case) -> dict:
        # An evaluation's images only repeat its passes.
        images = min(self.args.images, 4 * case.rows)
        try:
            with self.start(mode, case, images=images) as server:
                self.warm_up(server, 1 if self.args.quick else 5)
                times = server.ask(f"run {self.args.steps}")
                return {"seconds": median(times), "times": times, "images": images}
        except PeerError as error:
            return {"failed": str(error)}

    def duel(self, first: Server, second: Server) -> tuple[list[list[float]], list[list[float]]]:
        """Blocks of steps of two warm servers in turn, in alternating order."""
        blocks = ([], [])
        for block in range(self.args.blocks):
            sides = [(first, blocks[0]), (second, blocks[1])]
            for server, times in sides if block % 2 == 0 else reversed(sides):
                time.sleep(PAUSE)
                count = 1 if self.args.quick else self.args.steps
                times.append(server.ask(f"run {count}"))
        return blocks

    def against(self, case: Case, mode: Mode) -> dict:
        """Longtail and one PyTorch mode, one computing at a time; Longtail in 32 bits where it lacks
        the precision."""
        own = case if self.supports(case) else replace(case, precision="f32")
        with self.start(ours(self.programs["peer_step"]), own) as us:
            with self.start(mode, case) as them:
                for server in (us, them):
                    self.warm_up(server, 1 if self.args.quick else 5)
                first = [server.ask("memory") for server in (us, them)]
                times = self.duel(us, them)
                memory = [server.ask("memory") for server in (us, them)]
                ready = [us.ready, them.ready]
        return {
            "supported": own == case,
            "ours": side(times[0], first[0], memory[0], ready[0]),
            "theirs": side(times[1], first[1], memory[1], ready[1]),
            "ratios": [median(b) / median(a) for a, b in zip(*times)],
        }

    def supports(self, case: Case) -> bool:
        """Whether Longtail has the case's precision."""
        with self.start(ours(self.programs["peer_step"]), case) as us:
            return us.ready["ready"]

    def case(self, case: Case) -> dict:
        screened = self.screen(case)
        result = {"case": asdict(case), "screened": screened}
        if not screened or screened[0]["seconds"] is None:
            return result | {"failed": "no PyTorch mode ran"}
        fastest = next(m for m in modes(self.args.modes) if m.name == screened[0]["mode"])
        return result | {"fastest": fastest.name} | self.against(case, fastest)

    def scaling(self, case: Case) -> dict:
        """Longtail with one thread and with all, in turn."""
        mode = ours(self.programs["peer_step"])
        with self.start(mode, case, 1) as one, self.start(mode, case) as all_:
            for server in (one, all_):
                self.warm_up(server, 1 if self.args.quick else 3)
            times = [median(t for block in blocks for t in block) for blocks in self.duel(one, all_)]
        return {"case": asdict(case), "one": times[0], "all": times[1], "speedup": times[0] / times[1]}


def side(blocks: list[list[float]], first: dict, last: dict, ready: dict) -> dict:
    return {
        "ready": ready,
        "seconds": median(t for block in blocks for t in block),
        "blocks": blocks,
        "memory_before": first["before"],
        "memory_peak": last["recent"],
        "memory_peak_with_warm_up": max(first["peak"], last["peak"]),
    }


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def cases(args: argparse.Namespace) -> list[Case]:
    rows = {"step": args.rows, "eval": [args.eval_rows]}
    of = (args.backbone, args.side)
    return [Case(t, p, r, *of) for t in args.task for r in rows[t] for p in args.precision]


def machine(args: argparse.Namespace) -> dict:
    git = ["git", "-C", str(ROOT)]
    run = lambda command: subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout.strip()
    cpu = Path("/proc/cpuinfo").read_text().split("model name")[1].split("\n")[0].lstrip("\t :")
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "threads": args.threads,
        "isa": args.isa,
        "system": platform.platform(),
        "load_before": os.getloadavg()[0],
        "commit": run([*git, "rev-parse", "HEAD"]),
        "changed_files": len(run([*git, "status", "--porcelain"]).splitlines()),
        "allocators": list(allocators()),
    }


def images_per_second(case: dict, images: int, seconds: float) -> float:
    """Images of an evaluation; of a training step, each counted once and not once per view."""
    views = 1 if case["backbone"] else 3
    return (images if case["task"] == "eval" else case["rows"] // views) / seconds


def share(case: dict, images: int, seconds: float, peak: dict) -> str:
    if not peak:
        return "–"
    if case["backbone"]:
        one = multiply_adds_of(case["backbone"], case["side"])
        work = images * one if case["task"] == "eval" else 3 * case["rows"] * one
    else:
        work = multiply_adds(case["rows"])["step"] if case["task"] == "step" else multiply_adds(images)["eval"]
    return f"{100 * 2 * work / seconds / 1e9 / peak['all']:.0f} %"


def mib(side: dict) -> str:
    before, peak = side["memory_before"], side["memory_peak"]
    return f"{peak / 2**20:.0f} ({(peak - before) / 2**20:.0f})"


def result_row(result: dict, images: int, peak: dict) -> str:
    case = result["case"]
    precision = case["precision"] if result.get("supported", True) else f"{case['precision']} (Longtail f32)"
    start = f"| {case['task']} | {precision} | {case['rows']} "
    if "failed" in result:
        return start + "| –" * 8 + f"| {result['failed']} |"
    us, them, ratios = result["ours"], result["theirs"], result["ratios"]
    cells = [
        f"{1e3 * us['seconds']:.1f}",
        f"{1e3 * them['seconds']:.1f}",
        f"{them['seconds'] / us['seconds']:.2f} ({min(ratios):.2f}–{max(ratios):.2f})",
        f"{images_per_second(case, images, us['seconds']):.0f}",
        f"{images_per_second(case, images, them['seconds']):.0f}",
        share(case, images, us["seconds"], peak),
        mib(us),
        mib(them),
        result["fastest"],
    ]
    return start + "| " + " | ".join(cells) + " |"


HEADER = (
    "| task | precision | rows | Longtail ms | PyTorch ms | times as fast (of blocks) | Longtail images/s "
    "| PyTorch images/s | Longtail's share of peak | Longtail MiB (above start) | PyTorch MiB (above start) "
    "| PyTorch's fastest mode |"
)


def screening(result: dict) -> list[str]:
    case = Case(**result["case"])
    lines = [f"\n{case}, every PyTorch mode alone:\n", "| mode | ms | images/s |", "|---|---|---|"]
    for tried in result["screened"]:
        if tried["seconds"] is None:
            lines.append(f"| {tried['mode']} | {tried['failed']} | – |")
            continue
        rate = images_per_second(result["case"], tried["images"], tried["seconds"])
        lines.append(f"| {tried['mode']} | {1e3 * tried['seconds']:.1f} | {rate:.0f} |")
    return lines


def report(measured: dict, images: int) -> str:
    at, peak = measured["machine"], measured["peak"]
    lines = [
        f"{at['cpu']}, {at['threads']} threads, instruction set {at['isa']}, commit {at['commit'][:12]}"
        + (f" with {at['changed_files']} changed files" if at["changed_files"] else ""),
    ]
    if at["load_before"] > 0.5:
        lines.append(f"\n**Load was {at['load_before']:.1f} before the start: others computed here.**")
    if peak:
        lines.append(
            f"\nPeak ({peak['set']}): {peak['one_core']:.0f} GFLOP/s on one core, {peak['all']:.0f} on "
            f"{peak['threads']}."
        )
    lines += ["", HEADER, "|---" * HEADER.count(" |") + "|"]
    lines += [result_row(result, images, peak) for result in measured["results"]]
    if measured["scaling"]:
        lines += [f"\nLongtail on 1 and on {at['threads']} threads:\n"]
        lines += ["| task | precision | rows | 1 thread ms | all ms | speed-up |", "|---|---|---|---|---|---|"]
    for s in measured["scaling"]:
        c = s["case"]
        cells = [c["task"], c["precision"], c["rows"], f"{1e3 * s['one']:.1f}", f"{1e3 * s['all']:.1f}"]
        lines.append("| " + " | ".join(map(str, cells)) + f" | {s['speedup']:.2f} |")
    for result in measured["results"]:
        lines += screening(result)
    return "\n".join(lines)


def measure(args: argparse.Namespace, folder: Path) -> dict:
    at = machine(args)
    bench = Bench(args, folder)
    measured = {"machine": at, "peak": bench.peak(), "results": [], "scaling": []}
    for case in cases(args):
        say(f"{case}")
        measured["results"].append(bench.case(case))
        if bench.supports(case) and args.threads > 1 and not args.no_scaling:
            measured["scaling"].append(bench.scaling(case))
        if args.json:
            args.json.write_text(json.dumps(measured, indent=1))
    return measured


def main() -> None:
    args = arguments()
    with tempfile.TemporaryDirectory() as folder:
        measured = measure(args, Path(folder))
    print(report(measured, args.images))


if __name__ == "__main__":
    main()
