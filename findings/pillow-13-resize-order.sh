#!/usr/bin/env bash
# Pillow 13.0.0 resizes down the columns first where the height loses more than twice what the width does; Pillow
# 12.3.0 always goes along the rows first. Each pass rounds to bytes, so Image.resize gives other pixels: a preprocessing
# step that was fixed under one version is another one under the next, by one level in a fifth of the values of a
# portrait. torchvision's transforms on PIL images go through the same call.
#
# Seen with Pillow 12.3.0 and 13.0.0 on CPython 3.11: a 60 x 40 image brought to 19 x 30 differs, its transpose does not.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
for version in 12.3.0 13.0.0; do
    python3 -m venv "$place/$version"
    "$place/$version/bin/pip" install --quiet --disable-pip-version-check "pillow==$version" numpy==2.4.6
    "$place/$version/bin/python" - "$place/$version.npz" <<'PYTHON'
import sys

import numpy as np
from PIL import Image

y, x, c = np.meshgrid(np.arange(60), np.arange(40), np.arange(3), indexing="ij")
portrait = ((7 * x * x + 13 * y * y + 5 * x * y + 91 * c) % 256).astype(np.uint8)
resized = lambda pixels, size: np.asarray(Image.fromarray(pixels).resize(size, Image.BILINEAR))
np.savez(
    sys.argv[1],
    portrait=resized(portrait, (30, 19)),
    landscape=resized(portrait.transpose(1, 0, 2).copy(), (19, 30)),
)
PYTHON
done
"$place/13.0.0/bin/python" - "$place" <<'PYTHON'
import sys

import numpy as np

old, new = (np.load(f"{sys.argv[1]}/{version}.npz") for version in ("12.3.0", "13.0.0"))
difference = lambda name: np.abs(old[name].astype(int) - new[name].astype(int))
portrait, landscape = difference("portrait"), difference("landscape")
print(f"portrait: {(portrait > 0).mean():.1%} of values differ, by {portrait.max()} at most")
print(f"landscape: {(landscape > 0).mean():.1%} of values differ")
turned = new["landscape"].transpose(1, 0, 2)
print("13.0.0 gives a portrait the transpose of what its transpose gets:", bool((turned == new["portrait"]).all()))
sys.exit(not (portrait.max() == 1 and landscape.max() == 0))
PYTHON
