"""The training step and the contrastive loss against PyTorch on the same device, in turns."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from place import PEERS, Found, Place, cards, say
from plan import STRICT, Steps

sys.path.append(str(PEERS))

import memory  # noqa: E402
from compare import Bench, Case  # noqa: E402
from peer import Mode, PeerError, Server, export, ours, torch_mode  # noqa: E402

# Largest relative difference of the losses before any and after each of two steps, of so small a
# learning rate that they do not amplify rounding (peers/README.md). Tensor cores round f32 to TF32.
TOLERANCE = {"f32": 1e-2, "bf16": 5e-2, "f16": 5e-2}
LR = 0.002
THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class GpuBench(Bench):
    """The alternation of peers/compare.py, each side on its device."""

    def __init__(self, place: Place, steps: Steps, folder: Path) -> None:
        self.args = argparse.Namespace(blocks=steps.blocks, steps=steps.steps, quick=steps.quick)
        self.place = place
        self.folder = folder
        self.programs = {"peer_step": place.program("peer_step")}
        self.on_card: list[int | None] = []
        self.more: dict[str, object] = {}

    def start(self, mode: Mode, case: Case, *_: object) -> Server:
        own = mode.name == "Longtail"
        options: dict[str, object] = {"task": case.task, "precision": case.precision, "rows": case.rows}
        options["threads"] = THREADS
        options["device"] = self.place.plan.device if own else self.place.plan.torch_device
        if not own:
            program, device = self.programs["peer_step"], self.place.plan.device
            options["from"] = export(program, self.folder, {"rows": case.rows}, device)
        return Server(mode, options | self.more)

    def warm_up(self, server: Server, most: int) -> None:
        """Meets the steps of a block once before their time is looked at: they compile and tune."""
        server.ask(f"run {self.args.steps}")
        super().warm_up(server, most)

    def duel(self, first: Server, second: Server) -> tuple[list[list[float]], list[list[float]]]:
        blocks = super().duel(first, second)
        self.on_card = [memory.on_card(server.process.pid) for server in (first, second)]
        return blocks

    def difference(self, case: Case) -> float:
        """Largest relative one of the losses of three steps from the same weights."""
        losses = []
        self.more = {"lr": LR}
        for side in (ours(self.programs["peer_step"]), mode_of("eager, no TF32", STRICT)):
            with self.start(side, case) as server:
                losses.append(server.ask("losses 3"))
        self.more = {}
        return max(abs(a / b - 1) for a, b in zip(*losses))

    def measure(self, case: Case, mode: Mode) -> dict:
        """Times of both sides; or why there are none."""
        if not self.supports(case):
            return {"failed": f"Longtail lacks {case.precision} on {self.place.plan.device}"}
        found = self.against(case, mode)
        medians = {side: found[side]["seconds"] for side in ("ours", "theirs")}
        return found | {"ratio": medians["theirs"] / medians["ours"], "on_card": self.on_card}


def mode_of(name: str, options: tuple[str, ...]) -> Mode:
    command = torch_mode("eager", "nhwc").command
    return Mode(name, (*command, "--batch", "host", *options))


def agree(bench: GpuBench, case: Case, agreed: dict) -> bool:
    """Whether both sides compute the same steps; looked at once for a precision."""
    if case.precision not in agreed and bench.supports(case):
        agreed[case.precision] = bench.difference(case)
        say(f"{case}: losses differ by {agreed[case.precision]:.1e}")
    return agreed.get(case.precision, 0.0) <= TOLERANCE[case.precision]


def time_steps(place: Place, found: Found) -> bool:
    """Every precision against every mode that has no times yet; says whether all went well."""
    steps, results = place.plan.steps, found.of("step")
    place.use_cache("cache")
    with tempfile.TemporaryDirectory() as folder:
        bench = GpuBench(place, steps, Path(folder))
        for precision, modes in steps.modes.items():
            case = Case("step", precision, steps.rows)
            for name, options in modes.items():
                key = f"{case}, {name}"
                if "ratio" not in results.get(key, {}):
                    results[key] = {"mode": name, "precision": precision, "at": cards()}
                    results[key] |= one(bench, case, mode_of(name, options), found.of("losses_differ"))
                    found.save()
                    say(f"{key}: {in_words(results[key])}")
    return all("failed" not in result for result in results.values())


def one(bench: GpuBench, case: Case, mode: Mode, agreed: dict) -> dict:
    try:
        if not agree(bench, case, agreed):
            return {"failed": f"the losses differ by {agreed[case.precision]:.1e}"}
        return bench.measure(case, mode)
    except PeerError as error:
        return {"failed": str(error)}


def in_words(result: dict) -> str:
    if "failed" in result:
        return result["failed"]
    ms = [1e3 * result[side]["seconds"] for side in ("ours", "theirs")]
    return f"{ms[0]:.2f} ms, PyTorch {ms[1]:.2f} ms, {result['ratio']:.2f} times as fast"


def time_contrast(place: Place, found: Found) -> bool:
    """Every size that has no result yet, by peers/contrast.py; says whether all went well."""
    contrast, results = place.plan.contrast, found.of("contrast")
    place.use_cache("cache")
    well = True
    for size in contrast.sizes:
        if size not in results:
            result = contrast_of(place, size)
            well = well and result is not None
            if result:
                results[size] = result | {"at": cards()}
                found.save()
    return well


def contrast_of(place: Place, size: str) -> dict | None:
    file = place.state / "contrast.json"
    options = {
        "turns": place.plan.contrast.turns,
        "calls": place.plan.contrast.calls,
        "threads": THREADS,
        "device": place.plan.torch_device,
        "our-device": place.plan.device,
        "program": place.program("contrast_peer"),
        "json": file,
    }
    words = [str(part) for name, value in options.items() for part in (f"--{name}", value)]
    ended = subprocess.run([sys.executable, str(PEERS / "contrast.py"), size, *words])
    return json.loads(file.read_text())[0] if ended.returncode == 0 else None
