"""Memory of a process or of its tensors on a GPU, in bytes."""

import subprocess
from pathlib import Path

import torch


def status(key: str) -> int:
    """A figure of this process's status file."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(key)), 0)


class Memory:
    """Resident bytes: before the first step, at the peak, at the peak since last asked."""

    def __init__(self) -> None:
        self.before = 0
        self.peak = 0

    def first_step(self) -> None:
        self.before = self.before or self.now()

    def report(self) -> dict[str, int]:
        recent = self.recent()
        self.peak = max(self.peak, recent)
        return {"before": self.before, "peak": self.peak, "recent": recent}

    def now(self) -> int:
        return status("VmRSS")

    def recent(self) -> int:
        """The peak since last asked."""
        peak = status("VmHWM")
        try:
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            pass  # Then it is the whole peak.
        return peak


class GpuMemory(Memory):
    """The same of PyTorch's tensors on the device."""

    def now(self) -> int:
        return torch.cuda.memory_allocated()

    def recent(self) -> int:
        peak = torch.cuda.max_memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        return peak


def of(device: str) -> Memory:
    return GpuMemory() if device == "cuda" else Memory()


def on_card(process: int) -> int | None:
    """All that a process holds of NVIDIA cards, context and pools included, if the driver tells."""
    command = ["nvidia-smi", "--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits"]
    try:
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=30).stdout
        rows = [line.split(",") for line in output.splitlines()]
        held = [int(mib) << 20 for pid, mib in rows if int(pid) == process]
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return sum(held) if held else None
