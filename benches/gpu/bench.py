"""One stage of run.sh: prepare, check, start, step, contrast, train or keep."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pictures
from keeping import keep
from place import ROOT, Found, OutOfTime, Place, cards, say, unpack


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", choices=["prepare", *STAGES, "keep"])
    parser.add_argument("--small", action="store_true", help="small sizes on a software GPU")
    parser.add_argument("--device", help="as longtail names it")
    parser.add_argument("--torch-device", choices=["cpu", "cuda"])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=ROOT / "data", help="folder of packs")
    parser.add_argument("--carried-state", type=Path, help="state.tar of an earlier call")
    parser.add_argument("--deadline", type=float, default=float("inf"), help="seconds since 1970")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def prepare(place: Place) -> None:
    unpack(place)
    if place.plan.start.data == "small.pack":
        pictures.pack(place)
    built = ROOT / "built.txt"
    say(built.read_text() if built.exists() else "programs of unknown origin")
    say(f"{cards()}\n")
    subprocess.run([place.program("longtail"), "devices"])


def check(place: Place, found: Found) -> bool:
    """The operators on the device against their oracles, unless these programs passed on such a card."""
    place.use_cache("cache-of-check")
    result, at = found.of("check"), cards()
    if result.get("at") == at and result.get("result") == "passed":
        return True
    variables = os.environ | {"LONGTAIL_TEST_DEVICE": place.plan.device}
    ended = subprocess.run([place.program("gpu"), "--test-threads", "1", *place.plan.checks], env=variables)
    result |= {"at": at, "result": "failed" if ended.returncode else "passed"}
    found.save()
    return ended.returncode == 0


def step(place: Place, found: Found) -> bool:
    import steps

    return steps.time_steps(place, found)


def contrast(place: Place, found: Found) -> bool:
    import steps

    return steps.time_contrast(place, found)


def start(place: Place, found: Found) -> bool:
    import training

    return training.time_start(place, found)


def train(place: Place, found: Found) -> bool:
    import training

    return training.train(place, found)


STAGES = {"check": check, "start": start, "step": step, "contrast": contrast, "train": train}


def main() -> None:
    args = arguments()
    place = Place(args)
    if args.stage == "prepare":
        return prepare(place)
    found = Found(place)
    if args.stage == "keep":
        return keep(place, found)
    place.limit(alarm=args.stage != "train")
    try:
        well = STAGES[args.stage](place, found)
    except OutOfTime:
        well = args.stage != "check"
        say(f"{args.stage}: out of time; the next call goes on")
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
