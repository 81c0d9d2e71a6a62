#!/usr/bin/env bash
# timm 1.0.31's RandAugment with increasing severities (`inc1`, as in rand-m9-mstd0.5-inc1 of many of its training
# recipes) ends in a ValueError now and then under Pillow 13.0.0, and never under 12.3.0. Its PosterizeIncreasing keeps
# 4 - 4 * m / 10 bits, which is 0 from a magnitude of 10 on; Pillow 12 makes a black image of that, Pillow 13 refuses
# ImageOps.posterize with 0 bits. With magnitudes drawn around 9 it meets about one image in a thousand, so that a
# training of a day fails after minutes, in a worker of its loader.
#
# Seen with timm 1.0.31 and torch 2.15.0 on CPython 3.11, 5,000 images each: 12.3.0 none, 13.0.0 some for magnitude 9
# and about 3 in 100 for magnitude 10: "bits must be between or equal to 1 and 8".
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
pip() { "$place/venv/bin/pip" install --quiet --disable-pip-version-check "$@"; }
pip torch==2.15.0 torchvision==0.29.2 timm==1.0.31 numpy==2.4.6 pillow==12.3.0
count() {
    "$place/venv/bin/python" - <<'PYTHON'
import random

import numpy as np
from PIL import Image
from timm.data.auto_augment import rand_augment_transform

image = Image.fromarray(np.arange(32 * 32 * 3, dtype=np.uint8).reshape(32, 32, 3))
failed = []
for config in ["rand-m9-mstd0.5-inc1", "rand-m10-mstd0.5-inc1"]:
    random.seed(0)
    np.random.seed(0)
    view = rand_augment_transform(config, {"translate_const": 10, "img_mean": (124, 116, 104)})
    count = 0
    for _ in range(5000):
        try:
            view(image)
        except ValueError as error:
            count += "bits must be" in str(error)
    failed.append(count)
print(*failed)
PYTHON
}
before=$(count)
pip pillow==13.0.0
after=$(count)
echo "images of 5,000 that fail at magnitude 9 and 10: Pillow 12.3.0 $before, Pillow 13.0.0 $after"
read -r nine ten <<<"$after"
test "$before" = "0 0" -a "$nine" -gt 0 -a "$ten" -gt 50
