"""Proves that exported networks are the runs': trains a few small ones, exports them in every format, and compares what
PyTorch, ONNX Runtime and tract say of images with `longtail predict`.

    venv/bin/pip install torch==2.15.0 torchvision==0.29.2 onnx==1.23.2 onnxruntime==1.32.0 tract==0.23.9 safetensors==0.8.0 pillow==13.0.0
    cargo build --release && venv/bin/python benches/peers/export.py
"""

import argparse
import csv
import io
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
import tract
from PIL import Image, ImageOps
from safetensors import safe_open

from torch_network import Network

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "target/release/longtail"
TOLERANCE = 1e-4
ENDINGS = {".jpg", ".jpeg", ".png"}

RUNS = {
    "ce": "--method ce",
    "ce, adjusted by 1": "--method ce",
    "la, ResNet-32": "--method la --backbone resnet32",
    "bcl+rcl, cosine": "--method bcl+rcl --classifier cosine",
    "lws": "--method lws",
    "tau-norm": "--method tau-norm",
    "ncm": "--method ncm",
    "ride": "--method ride",
    "ride, adjusted by 1": "--method ride",
    "ride with gates": "--method ride --set method.routing=true",
    "bbn": "--method bbn",
    "ride, ResNet-18": "--method ride --backbone resnet18",
    "ride, ResNeXt-50": "--method ride --backbone resnext50_32x4d",
    "bbn, ResNet-50": "--method bbn --backbone resnet50",
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a folder of images by class [default: images that are drawn]")
    parser.add_argument("--image-size", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--images", type=int, default=64, help="images that are compared")
    return parser.parse_args()


def longtail(words: str, *paths: object) -> str:
    command = [str(PROGRAM), *words.split(), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stderr}")
    return done.stdout


def draw(folder: Path) -> None:
    """Noise around a colour each, of sizes and shapes that have to be resized and cropped."""
    generator = np.random.default_rng(0)
    for name, count, colour in [("red", 24, (180, 40, 40)), ("green", 14, (40, 180, 40)), ("blue", 9, (40, 40, 180))]:
        (folder / name).mkdir(parents=True)
        for i in range(count):
            size = (40 + 5 * (i % 4), 48 - 3 * (i % 3), 3)
            pixels = np.clip(np.array(colour) + generator.normal(0, 40, size), 0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{i:02}.png")


def pixels(path: Path, about: dict[str, str]) -> np.ndarray:
    """An image as the networks take it, `[3, size, size]` in [0, 1]: what torchvision's Resize and CenterCrop do."""
    size, shorter = int(about["image_size"]), int(about["shorter_side"])
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    target = tuple(shorter * side // min(image.size) for side in image.size)
    target = (size, size) if about["resize"] == "squash" else target
    if image.size != target:
        image = image.resize(target, Image.BILINEAR)
    left, top = (round((side - size) / 2) for side in image.size)
    image = image.crop((left, top, left + size, top + size))
    return np.asarray(image, np.float32).transpose(2, 0, 1) / 255


def predicted(run: Path, images: list[Path], names: list[str]) -> np.ndarray:
    """Probabilities by `longtail predict`, `[images, classes]`."""
    text = longtail(f"predict --format csv --raw-names --top {len(names)} --device cpu", run, *images)
    rows = list(csv.reader(io.StringIO(text)))[1:]
    found = np.zeros((len(images), len(names)))
    for row, line in zip(found, rows, strict=True):
        for name, probability in zip(line[1:-1:2], line[2:-1:2]):
            row[names.index(name)] = float(probability)
    return found


def adjusted(probabilities: np.ndarray, run: Path, about: dict[str, str]) -> np.ndarray:
    """The same divided by the prior that they hold: how frequent classes were in training after plain cross entropy."""
    prior = np.array(json.loads(about["logit_prior"]))
    if about["method"] == "ce":
        classes = json.loads((run / "summary.json").read_text())["classes"]
        counts = np.array([one["train_count"] for one in classes])
        assert np.allclose(prior, counts / counts.sum())
    corrected = probabilities / prior
    return corrected / corrected.sum(1, keepdims=True)


def by_pytorch(file: Path, about: dict[str, str], images: np.ndarray) -> np.ndarray:
    if file.suffix == ".pth":
        weights = torch.load(file, weights_only=True)
    else:
        with safe_open(file, "pt") as opened:
            weights = {name: opened.get_tensor(name) for name in opened.keys()}
    network = Network(weights, about["classifier"]).eval()
    network.load_state_dict(weights)
    mean, std = (torch.tensor(json.loads(about[key])).view(1, 3, 1, 1) for key in ("mean", "std"))
    with torch.no_grad():
        return network((torch.from_numpy(images) - mean) / std).softmax(1).numpy()


def by_onnxruntime(file: Path, images: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    one = session.run(["probabilities"], {"images": images[:1]})[0]
    logits, probabilities = session.run(["logits", "probabilities"], {"images": images})
    of_logits = np.exp(logits - logits.max(1, keepdims=True))
    assert np.abs(of_logits / of_logits.sum(1, keepdims=True) - probabilities).max() < 1e-6
    assert np.abs(one - probabilities[:1]).max() < 1e-6, "the number of images makes no difference"
    return probabilities


def by_tract(file: Path, images: np.ndarray) -> np.ndarray:
    network = tract.onnx().load(file).into_model().into_runnable()
    found = [network.run([part])[1].to_numpy() for part in (images[:1], images[1:])]
    return np.concatenate(found)


def compare(name: str, found: np.ndarray, expected: np.ndarray) -> bool:
    """Whether a peer's probabilities and first classes are the program's."""
    far, same = np.abs(found - expected).max(), (found.argmax(1) == expected.argmax(1)).mean()
    print(f" {name} {far:.1e}", end="" if same == 1.0 else f" (top-1 {same:.1%})", flush=True)
    return far < TOLERANCE and same == 1.0


def check(place: Path, name: str, options: str, images: list[Path], args: argparse.Namespace) -> bool:
    run, adjust = place / name.replace(" ", "-"), "--adjust 1" if "adjusted" in name else ""
    longtail(f"train --backbone resnet8 --batch-size 8 --epochs {args.epochs} --image-size {args.image_size} --quiet "
             f"--device cpu {options} --data", args.data, "--out", run)
    files = {}
    for ending in ("safetensors", "pth", "onnx"):
        files[ending] = place / f"model.{ending}"
        longtail(f"export --format {ending} {adjust} --quiet --out", files[ending], run)
    graph = onnx.load(files["onnx"])
    onnx.checker.check_model(graph, full_check=True)
    about = {entry.key: entry.value for entry in graph.metadata_props}
    expected = predicted(run, images, json.loads(about["class_names"]))
    expected = adjusted(expected, run, about) if adjust else expected
    batch = np.stack([pixels(path, about) for path in images])
    print(f"{name}:", end="")
    good = [compare(ending, by_pytorch(files[ending], about, batch), expected) for ending in ("safetensors", "pth")]
    good.append(compare("onnxruntime", by_onnxruntime(files["onnx"], batch), expected))
    good.append(compare("tract", by_tract(files["onnx"], batch), expected))
    print(f"; largest probability {expected.max():.2f}, classes named {len(set(expected.argmax(1)))}")
    return all(good)


def main() -> None:
    args = arguments()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        if args.data is None:
            args.data = place / "drawn"
            draw(args.data)
        images = sorted(path for path in args.data.rglob("*") if path.suffix.lower() in ENDINGS)
        images = random.Random(0).sample(images, min(args.images, len(images)))
        print(f"largest difference of a probability from longtail predict's, {len(images)} images")
        bad = [name for name, options in RUNS.items() if not check(place, name, options, images, args)]
    sys.exit(f"not the same: {', '.join(bad)}" if bad else 0)


if __name__ == "__main__":
    main()
