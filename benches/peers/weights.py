"""Proves that `longtail train --weights` reads what PyTorch writes: networks of torchvision, drawn at random, in every format
of a state dict. A run begins with each and makes no step; its export has to hold the same tensors to the bit, and to say
the same of images as PyTorch.

    venv/bin/pip install torch==2.15.0 torchvision==0.29.2 safetensors==0.8.0 pillow==13.0.0 numpy
    cargo build --release && venv/bin/python benches/peers/weights.py
"""

import argparse
import csv
import io
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import torchvision
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file

ROOT = Path(__file__).resolve().parents[2]
CLASSES = {"blue": (40, 40, 180), "green": (40, 180, 40), "red": (180, 40, 40)}
SIZE = 64
TOLERANCE = 1e-4
BACKBONES = ("resnet50", "resnext50_32x4d")


def longtail(words: str, *paths: object) -> str:
    command = [str(PROGRAM), *words.split(), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stderr}")
    return done.stdout


def draw(folder: Path) -> None:
    """Noise around a colour each, of the size that the networks see."""
    generator = np.random.default_rng(0)
    for count, (name, colour) in zip((5, 8, 12), CLASSES.items()):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            pixels = np.clip(np.array(colour) + generator.normal(0, 40, (SIZE, SIZE, 3)), 0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{i:02}.png")


def network(backbone: str, classes: int) -> torch.nn.Module:
    """With running statistics and norms that are no 0 and 1 either."""
    torch.manual_seed(7)
    made = torchvision.models.get_model(backbone, weights=None, num_classes=classes)
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.8, 1.2)
            torch.nn.init.uniform_(module.weight, 0.4, 0.8)
            torch.nn.init.uniform_(module.bias, -0.1, 0.1)
    return made.eval()


def files(place: Path, made: torch.nn.Module) -> dict[str, Path]:
    state = made.state_dict()
    sgd = torch.optim.SGD(made.parameters(), lr=0.1, momentum=0.9)
    sum(parameter.sum() for parameter in made.parameters()).backward()
    for group in sgd.param_groups:
        for parameter in group["params"]:
            sgd.state[parameter]["momentum_buffer"] = parameter.grad.clone()
    wrapped = {f"module.{name}": value for name, value in state.items()}
    assert wrapped.keys() == torch.nn.DataParallel(made).state_dict().keys()
    written = {name: place / name for name in ("zip", "legacy", "safetensors", "DataParallel", "checkpoint", "bf16")}
    torch.save(state, written["zip"])
    torch.save(state, written["legacy"], _use_new_zipfile_serialization=False)
    save_file(state, written["safetensors"])
    torch.save(wrapped, written["DataParallel"])
    checkpoint = {"epoch": 3, "state_dict": wrapped, "optimizer": sgd.state_dict(), "args": argparse.Namespace(lr=0.1)}
    torch.save(checkpoint, written["checkpoint"])
    torch.save({name: v.bfloat16() if v.is_floating_point() else v for name, v in state.items()}, written["bf16"])
    return written


def exported(file: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    with safe_open(file, "pt") as opened:
        state = {name.removeprefix("encoder."): opened.get_tensor(name) for name in opened.keys()}
        return state, opened.metadata()


def by_longtail(run: Path, images: list[Path]) -> np.ndarray:
    text = longtail(f"predict --format csv --raw-names --top {len(CLASSES)} --device cpu", run, *images)
    found = np.zeros((len(images), len(CLASSES)))
    for row, line in zip(found, list(csv.reader(io.StringIO(text)))[1:], strict=True):
        for name, probability in zip(line[1:-1:2], line[2:-1:2]):
            row[sorted(CLASSES).index(name)] = float(probability)
    return found


def by_pytorch(made: torch.nn.Module, images: list[Path], about: dict[str, str]) -> np.ndarray:
    mean, std = (torch.tensor(json.loads(about[key])).view(1, 3, 1, 1) for key in ("mean", "std"))
    pixels = np.stack([np.asarray(Image.open(image), np.float32).transpose(2, 0, 1) / 255 for image in images])
    with torch.no_grad():
        return made((torch.from_numpy(pixels) - mean) / std).softmax(1).numpy()


def check(place: Path, backbone: str, classes: int) -> bool:
    made = network(backbone, classes)
    own = {name: v for name, v in made.state_dict().items() if not name.endswith("num_batches_tracked")}
    images = sorted((place / "images").rglob("*.png"))
    good = True
    for kind, file in files(place, made).items():
        run, weights = place / f"{backbone}-{classes}-{kind}", place / "exported"
        longtail(f"train --method ce --backbone {backbone} --image-size {SIZE} --batch-size 8 --max-steps 0 --quiet "
                 "--device cpu --data", place / "images", "--weights", file, "--out", run)
        longtail("export --format safetensors --weights last --quiet --out", weights, run)
        state, about = exported(weights)
        fits = {name: v.bfloat16().float() if kind == "bf16" else v for name, v in own.items()}
        names = [name for name in fits if classes == len(CLASSES) or not name.startswith("fc.")]
        differ = [name for name in names if not torch.equal(state[name], fits[name])]
        said = f"{backbone}, {classes} classes, {kind}: {len(names) - len(differ)} of {len(names)} tensors equal"
        good = good and not differ and state.keys() == own.keys()
        if classes == len(CLASSES):
            made.load_state_dict(fits, strict=False)
            found = by_longtail(run, images)
            far = np.abs(found - by_pytorch(made, images, about)).max()
            good = good and far < TOLERANCE
            said += f"; probabilities of {len(images)} images, {found.min():.3f} to {found.max():.3f}, differ by up to {far:.1e}"
        print(said, flush=True)
    return good


def main() -> None:
    global PROGRAM
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, default=ROOT / "target/release/longtail")
    PROGRAM = parser.parse_args().program
    good = True
    for backbone in BACKBONES:
        for classes in (len(CLASSES), 1000):
            with tempfile.TemporaryDirectory() as folder:
                place = Path(folder)
                draw(place / "images")
                good = check(place, backbone, classes) and good
    sys.exit(0 if good else "not the same")


if __name__ == "__main__":
    main()
