"""Views a second that one thread makes of photographs: decode, RandomResizedCrop(224), flip. In turns with torchvision.

python photos.py FOLDER_OF_SMALL_IMAGES BINARY [TURNS]

Makes 300 JPEGs of 500 x 375 pixels, quality 90, of the small images, enlarged. Peers: torchvision on Pillow's images
(PIL transforms, then a tensor of bytes), and decode_jpeg with transforms v2 on tensors.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from PIL import Image
from torchvision.io import decode_jpeg, read_file
from torchvision.transforms import v2

torch.set_num_threads(1)
VIEWS = 600


def make(source: Path, folder: Path) -> list[Path]:
    files = []
    endings = {".jpg", ".jpeg", ".png"}
    small = sorted(path for path in source.rglob("*") if path.suffix.lower() in endings)
    for number, path in enumerate(small[:: max(1, len(small) // 300)][:300]):
        image = Image.open(path).convert("RGB").resize((500, 375), Image.Resampling.BICUBIC)
        files.append(folder / f"{number:04}.jpg")
        image.save(files[-1], quality=90)
    return files


def rate(files: list[Path], view) -> float:
    start = time.perf_counter()
    for number in range(VIEWS):
        view(files[number % len(files)])
    return VIEWS / (time.perf_counter() - start)


def main() -> None:
    source, binary = Path(sys.argv[1]), sys.argv[2]
    turns = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    crop = v2.Compose([v2.RandomResizedCrop(224, antialias=True), v2.RandomHorizontalFlip()])
    pillow = v2.Compose([crop, v2.PILToTensor()])
    with tempfile.TemporaryDirectory() as folder:
        files = make(source, Path(folder))
        rates: dict[str, list[float]] = {"longtail": [], "longtail, whole": [], "pillow": [], "decode_jpeg": []}
        for _ in range(turns):
            out = subprocess.run([binary, folder, str(VIEWS)], check=True, capture_output=True, text=True).stdout
            part, whole = (float(value) for value in out.split())
            rates["longtail"].append(part)
            rates["longtail, whole"].append(whole)
            rates["pillow"].append(rate(files, lambda path: pillow(Image.open(path).convert("RGB"))))
            rates["decode_jpeg"].append(rate(files, lambda path: crop(decode_jpeg(read_file(str(path))))))
        own = rates["longtail"]
        for name, values in rates.items():
            ratios = sorted(mine / other for mine, other in zip(own, values))
            middle = statistics.median(values)
            print(f"{name:16} {middle:7.0f} views/s  longtail {statistics.median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})")


main()
