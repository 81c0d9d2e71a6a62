"""Where things are on this machine, how much time is left, and what was found so far."""

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from dataclasses import replace
from pathlib import Path

from plan import FULL, SMALL, Plan

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / "benches" / "peers"
PROGRAMS = ROOT / "programs.tar.xz"
RECIPES = ROOT / "recipes"

# Starts a program with CUDA's libraries, which not every system lists, in sight; PyTorch brings its own.
STARTS = """#!/bin/sh
LD_LIBRARY_PATH="${{LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}}${{CUDA_PATH:-/usr/local/cuda}}/lib64" exec "{program}" "$@"
"""
# Seconds at the end of a call in which runs save and results are written.
RESERVE = 25.0
# Results that other programs would not give.
OF_PROGRAMS = ("check", "losses_differ", "step", "contrast", "start")


class OutOfTime(Exception):
    """The time of this call is over."""


def say(text: str) -> None:
    print(text, flush=True)


class Place:
    """The folders, the plan and the deadline of this call."""

    def __init__(self, args: argparse.Namespace) -> None:
        plan = SMALL if args.small else FULL
        self.plan: Plan = replace(
            plan,
            device=args.device or plan.device,
            torch_device=args.torch_device or plan.torch_device,
        )
        self.out: Path = args.out.resolve()
        # What was found on one device and at one size says nothing of another.
        mode = "small" if args.small else "full"
        self.state: Path = args.state.resolve() / f"{mode}-{self.plan.device.replace(':', '-')}"
        self.data: Path = args.data.resolve()
        self.carried_state: Path | None = args.carried_state
        self.deadline: float = args.deadline
        self.seed: int = args.seed
        self.programs = self.state / "programs"
        self.runs = self.state / "runs"

    def program(self, name: str) -> str:
        return str(self.programs / name)

    def pack(self, name: str) -> Path | None:
        """The pack in the data folder or, made here, in the state; whole or in pieces."""
        for folder in (self.data, self.state):
            path = folder / name
            if path.exists() or path.with_name(f"{name}.001").exists():
                return path
        return None

    def left(self) -> float:
        """Seconds until runs have to save."""
        return self.deadline - RESERVE - time.time()

    def limit(self, alarm: bool) -> None:
        """SIGTERM ends children too; with `alarm`, `OutOfTime` is raised when no time is left."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        signal.signal(signal.SIGALRM, out_of_time)
        if alarm and self.left() < float("inf"):
            signal.setitimer(signal.ITIMER_REAL, max(self.left(), 0.001))

    def use_cache(self, name: str) -> Path:
        """Makes what is started from here keep what it tuned and compiled in a folder of that name."""
        folder = self.state / name
        folder.mkdir(parents=True, exist_ok=True)
        # CubeCL reads the first such file from the working directory upwards.
        (folder / "cubecl.toml").write_text(f'[environment]\npath = {{ directory = "{folder}" }}\n')
        os.chdir(folder)
        os.environ["XDG_CACHE_HOME"] = str(folder)
        os.environ["CUDA_CACHE_PATH"] = str(folder / "cuda")
        os.environ["MESA_SHADER_CACHE_DIR"] = str(folder / "mesa")
        return folder


def out_of_time(*_: object) -> None:
    raise OutOfTime


class Found:
    """What was measured, kept in a file of the state; results of other programs are dropped."""

    def __init__(self, place: Place) -> None:
        self.path = place.state / "results.json"
        self.all: dict = json.loads(self.path.read_text()) if self.path.exists() else {}
        programs = hashlib.sha256(PROGRAMS.read_bytes()).hexdigest()
        if self.all.get("programs") != programs:
            self.all = {key: value for key, value in self.all.items() if key not in OF_PROGRAMS}
            self.all["programs"] = programs

    def of(self, stage: str) -> dict:
        return self.all.setdefault(stage, {})

    def save(self) -> None:
        self.path.write_text(json.dumps(self.all, indent=1))


def cards() -> str:
    """Names and drivers of this machine's cards."""
    command = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError):
        return "no NVIDIA card"
    return "; ".join(output.splitlines())


def unpack(place: Place) -> None:
    """The programs, and the state that was carried here unless there is one already."""
    if not PROGRAMS.exists():
        sys.exit(f"{PROGRAMS} is missing: run collect.sh and start run.sh in the folder that it fills")
    known = place.runs.exists()
    for folder in (place.out, place.runs):
        folder.mkdir(parents=True, exist_ok=True)
    stamp, made = place.programs / "made", str(PROGRAMS.stat().st_mtime_ns)
    if not stamp.exists() or stamp.read_text() != made:
        with tarfile.open(PROGRAMS) as tar:
            tar.extractall(place.programs / "built", filter="data")
        for built in (place.programs / "built").iterdir():
            start = place.programs / built.name
            start.write_text(STARTS.format(program=built))
            start.chmod(0o755)
        stamp.write_text(made)
    if place.carried_state is None:
        return
    if known:
        say(f"{place.state} is there already: {place.carried_state} is not unpacked")
        return
    with tarfile.open(place.carried_state) as tar:
        tar.extractall(place.state, filter="data")
