"""Builds Longtail's side and talks to the processes of both sides."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

# What PyTorch's tuning guide recommends for jemalloc.
JEMALLOC_CONF = (
    "oversize_threshold:1,background_thread:true,metadata_thp:auto,"
    "dirty_decay_ms:9000000000,muzzy_decay_ms:9000000000"
)
ALLOCATORS = {"jemalloc": "libjemalloc.so.2", "tcmalloc": "libtcmalloc_minimal.so.4"}

ISA_VARIABLES = {
    "native": {},
    "avx2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "LONGTAIL_KERNELS": "avx2",
    },
}


class PeerError(RuntimeError):
    """A process that did not start or did not answer."""


@dataclass(frozen=True)
class Mode:
    """One way to run a side."""

    name: str
    command: tuple[str, ...]
    variables: tuple[tuple[str, str], ...] = field(default=(), repr=False)


def build() -> dict[str, str]:
    """Paths of Longtail's two example programs, built."""
    command = ["cargo", "build", "--release", "--workspace"]
    command += ["--example", "peer_step", "--example", "fma_peak", "--message-format", "json"]
    output = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    messages = [json.loads(line) for line in output.splitlines()]
    made = [m for m in messages if m["reason"] == "compiler-artifact" and m.get("executable")]
    return {m["target"]["name"]: m["executable"] for m in made}


def allocators() -> dict[str, str]:
    """The allocators found on this machine, by name; "malloc" is the system's own."""
    ldconfig = shutil.which("ldconfig") or "/sbin/ldconfig"
    listed = subprocess.run([ldconfig, "-p"], stdout=subprocess.PIPE, text=True).stdout.splitlines()
    paths = {line.split()[0]: line.split("=> ")[1] for line in listed if "=> " in line}
    found = {name: paths[library] for name, library in ALLOCATORS.items() if library in paths}
    return {"malloc": ""} | found


def torch_mode(mode: str, layout: str, allocator: str = "malloc", library: str = "") -> Mode:
    command = (sys.executable, str(HERE / "step.py"), "--mode", mode, "--layout", layout)
    variables = {"LD_PRELOAD": library} if library else {}
    if allocator == "jemalloc":
        variables["MALLOC_CONF"] = JEMALLOC_CONF
    return Mode(f"{mode} {layout} {allocator}", command, tuple(variables.items()))


def torch_modes(found: dict[str, str]) -> list[Mode]:
    """Every combination of execution, layout and allocator."""
    return [
        torch_mode(mode, layout, allocator, library)
        for mode in ("eager", "compiled")
        for layout in ("nchw", "nhwc")
        for allocator, library in found.items()
    ]


def modes(asked: str) -> list[Mode]:
    """PyTorch's with this in their name, or ONNX Runtime, which only runs if it is asked for."""
    if asked == "onnxruntime":
        return [torch_mode("onnxruntime", "nchw")]
    return [mode for mode in torch_modes(allocators()) if asked in mode.name]


def ours(program: str) -> Mode:
    return Mode("Longtail", (program,))


class Server:
    """A running process; use with `with`."""

    def __init__(self, mode: Mode, options: dict[str, object], isa: str = "native") -> None:
        arguments = [str(part) for name, value in options.items() for part in (f"--{name}", value)]
        variables = os.environ | dict(mode.variables) | ISA_VARIABLES[isa]
        variables["OMP_NUM_THREADS"] = str(options.get("threads", 1))
        self.mode = mode
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [*mode.command, *arguments],
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )
        self.ready = self.answer()

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.terminate()
        self.process.wait()

    def answer(self) -> object:
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            lines = [line for line in self.errors.read().splitlines() if line.strip()]
            reason = lines[-1] if lines else "no message"
            raise PeerError(f"{self.mode.name} ended: {reason}")
        return json.loads(line)

    def ask(self, command: str) -> object:
        try:
            print(command, file=self.process.stdin, flush=True)
        except BrokenPipeError:
            pass  # The answer says why.
        return self.answer()


def export(program: str, folder: Path, case: dict[str, object], device: str = "") -> Path:
    """Longtail's initial weights and its fixed batch, as a file."""
    named = {name: case[name] for name in ("rows", "backbone", "side") if name in case}
    path = folder / ("-".join(f"{name}{value}" for name, value in named.items()) + ".safetensors")
    if not path.exists():
        on = {"device": device} if device else {}
        options = [str(part) for name, value in (on | named).items() for part in (f"--{name}", value)]
        subprocess.run([program, *options, "--export", str(path)], check=True)
    return path
