"""Training steps or evaluation passes of the PyTorch peer, timed on request.

Prints one JSON line when ready, then answers every line of standard input with one JSON line:
`run N` (seconds of each of N steps or passes), `losses N` (total loss of each of N steps, met before
the step's update), `logits N` (of the first N images, with running statistics), `memory` (bytes).

On a GPU `run N` gives the mean of N as its only number, since the host waits for the device only before
the first and after the last; `memory` is the device's, of PyTorch's tensors.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

import memory
import onnx_session
from model import CLASS_COUNTS, Classifier, Network, losses

LAYOUTS = {"nchw": torch.contiguous_format, "nhwc": torch.channels_last}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", choices=["eager", "compiled", "graphs", "onnxruntime"], default="eager")
    parser.add_argument("--layout", choices=list(LAYOUTS), default="nhwc")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--batch", choices=["device", "host"], default="device",
                        help="where the batch lies before a step")
    parser.add_argument("--strict", action="store_true", help="no TF32 where f32 is asked for")
    parser.add_argument("--precision", choices=["f32", "bf16", "f64"], default="f32")
    parser.add_argument("--task", choices=["step", "eval"], default="step")
    parser.add_argument("--rows", type=int, default=192, help="rows of one encoder pass")
    parser.add_argument("--images", type=int, default=10_000, help="images of one evaluation")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--backbone", help="torchvision's name: cross entropy of 1000 classes, one view")
    parser.add_argument("--side", type=int, default=32, help="pixels on a side")
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--from", dest="file", type=Path, help="weights and inputs (safetensors)")
    return parser.parse_args()


def safetensors(path: Path) -> dict[str, Tensor]:
    """The f32 arrays of a safetensors file."""
    data = bytearray(path.read_bytes())
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)

    def array(entry: dict) -> Tensor:
        begin, end = entry["data_offsets"]
        floats = torch.frombuffer(data, dtype=torch.float32, count=(end - begin) // 4, offset=start + begin)
        return floats.reshape(entry["shape"]).clone()

    return {name: array(entry) for name, entry in header.items()}


class Peer:
    """A network, its optimizer and one fixed batch."""

    def __init__(self, args: argparse.Namespace) -> None:
        torch.manual_seed(0)
        torch.set_num_threads(args.threads)
        self.args = args
        self.device = torch.device(args.device)
        self.layout = LAYOUTS[args.layout]
        self.network = Classifier(args.backbone) if args.backbone else Network()
        images, labels = self.inputs()
        kind = torch.float64 if args.precision == "f64" else torch.float32
        self.network = self.network.to(self.device, kind, memory_format=self.layout)
        self.images = self.placed(images.to(kind).contiguous(memory_format=self.layout))
        self.labels = self.placed(labels)
        self.log_counts = torch.tensor(CLASS_COUNTS, dtype=kind).log().to(self.device)
        self.sgd = torch.optim.SGD(
            self.network.parameters(), args.lr, momentum=0.9, weight_decay=5e-4, fused=True
        )
        self.forward = self.compiled(self.training_losses)
        self.infer = self.compiled(self.evaluation_logits)
        if args.mode == "onnxruntime":
            if (args.task, args.precision) != ("eval", "f32"):
                raise SystemExit("ONNX Runtime evaluates in f32 here, and nothing else")
            self.infer = onnx_session.of(self.network, self.images, args.threads)

    def inputs(self) -> tuple[Tensor, Tensor]:
        """Normalised images in NCHW and the labels of one view, drawn or read with the weights."""
        if self.args.file is None:
            views = 1 if self.args.backbone else 3
            priors = torch.ones(1000) if self.args.backbone else torch.tensor(CLASS_COUNTS).float()
            labels = torch.multinomial(priors, self.args.rows // views, replacement=True)
            return torch.randn(self.args.rows, 3, self.args.side, self.args.side), labels
        state = safetensors(self.args.file)
        images, labels = state.pop("input.images"), state.pop("input.labels")
        if len(images) != self.args.rows:
            raise SystemExit(f"{self.args.file} holds {len(images)} rows, not {self.args.rows}")
        missing, unknown = self.network.load_state_dict(state, strict=False)
        missing = [name for name in missing if not name.endswith("num_batches_tracked")]
        if missing or unknown:
            raise SystemExit(f"{self.args.file}: missing {missing}, unknown {unknown}")
        return images.permute(0, 3, 1, 2), labels.long()

    def placed(self, inputs: Tensor) -> Tensor:
        """On the device, or where a loader leaves a batch for it."""
        if self.args.batch == "device":
            return inputs.to(self.device)
        return inputs.pin_memory() if self.device.type == "cuda" else inputs

    def batch(self) -> tuple[Tensor, Tensor]:
        return tuple(part.to(self.device, non_blocking=True) for part in (self.images, self.labels))

    def compiled(self, function: Callable) -> Callable:
        match self.args.mode:
            case "compiled":
                return torch.compile(function)
            case "graphs":
                return torch.compile(function, mode="reduce-overhead")
            case _:
                return function

    def autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.args.precision == "bf16")

    def training_losses(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        with self.autocast():
            outputs = self.network.training_pass(images)
        if self.args.backbone:
            loss = torch.nn.functional.cross_entropy(outputs.to(self.log_counts.dtype), labels)
            return loss[None], (outputs.detach().argmax(1) == labels).sum()
        correct = (outputs[0].detach().argmax(1) == labels).sum()
        return losses(outputs, labels, self.log_counts), correct

    def evaluation_logits(self, images: Tensor) -> Tensor:
        with self.autocast():
            return self.network(images)

    def step(self) -> Tensor:
        """One optimizer step; gives the loss before it. On the CPU the losses and the number of hits are
        read as Longtail reads them; on a GPU nothing is read."""
        if self.args.mode == "graphs":
            torch.compiler.cudagraph_mark_step_begin()
        self.sgd.zero_grad()
        values, correct = self.forward(*self.batch())
        if self.device.type == "cpu":
            values.tolist()
            correct.item()
        values[0].backward()
        self.sgd.step()
        return values[0].detach()

    def evaluate(self, batches: list[Tensor]) -> int:
        """Logits of all batches, read back."""
        # Freezing, with which Inductor packs weights, asks for no_grad and refuses inference mode.
        with torch.no_grad():
            return sum(len(self.infer(batch).float().tolist()) for batch in batches)

    def logits(self, count: int) -> list[list[float]]:
        self.network.eval()
        with torch.no_grad():
            rows = self.evaluation_logits(self.batch()[0])[:count].float().tolist()
        self.network.train()
        return rows


def seconds(work: Callable[[], object], count: int) -> list[float]:
    def once() -> float:
        began = time.perf_counter()
        work()
        return time.perf_counter() - began

    return [once() for _ in range(count)]


def mean_seconds(work: Callable[[], object], count: int) -> list[float]:
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(count):
        work()
    torch.cuda.synchronize()
    return [(time.perf_counter() - began) / count]


def work_of(peer: Peer, args: argparse.Namespace) -> Callable[[], object]:
    """What `run` times."""
    if args.task == "step":
        return peer.step
    peer.network.eval()
    repeats = -(-args.images // args.rows)
    images = peer.batch()[0].repeat(repeats, 1, 1, 1)[: args.images]
    batches = list(images.contiguous(memory_format=peer.layout).split(args.rows))
    return lambda: peer.evaluate(batches)


def kernels(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name()
    return torch.backends.cpu.get_cpu_capability().lower()


def serve(peer: Peer, work: Callable[[], object]) -> None:
    timed = mean_seconds if peer.device.type == "cuda" else seconds
    held = memory.of(peer.device.type)
    for line in sys.stdin:
        command, _, count = line.strip().partition(" ")
        if command != "memory":
            held.first_step()
        match command:
            case "run":
                answer = timed(work, int(count))
            case "losses":
                answer = [peer.step().item() for _ in range(int(count))]
            case "logits":
                answer = peer.logits(int(count))
            case "memory":
                answer = held.report()
            case _:
                answer = {"error": f"unknown command {command!r}"}
        print(json.dumps(answer), flush=True)


def main() -> None:
    args = arguments()
    if args.mode == "compiled" and args.task == "eval":
        import torch._inductor.config as inductor

        inductor.freezing = True
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = not args.strict
    peer = Peer(args)
    work = work_of(peer, args)
    ready = {
        "ready": True,
        "program": f"PyTorch {torch.__version__}",
        "kernels": kernels(peer.device),
        "threads": torch.get_num_threads(),
    }
    print(json.dumps(ready), flush=True)
    serve(peer, work)


if __name__ == "__main__":
    main()
