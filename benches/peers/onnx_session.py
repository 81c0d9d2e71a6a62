"""The network in ONNX Runtime."""

import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import torch
from torch import Tensor


def of(network: torch.nn.Module, images: Tensor, threads: int) -> Callable[[Tensor], Tensor]:
    """Logits of a batch, by a session on the CPU that so many threads compute for."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    was_training = network.training
    network.eval()
    # The exporter reports on standard output, where the answers go; it takes a batch of one for the only one.
    example = images[:1].repeat(2, 1, 1, 1)
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(sys.stderr):
        file = Path(folder) / "network.onnx"
        batch = {"images": {0: torch.export.Dim("batch", min=1, max=4096)}}
        named = {"input_names": ["images"], "output_names": ["logits"], "dynamic_shapes": batch}
        torch.onnx.export(network, (example,), file, dynamo=True, external_data=False, **named)
        session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    network.train(was_training)
    return lambda batch: torch.from_numpy(session.run(["logits"], {"images": batch.numpy()})[0])
