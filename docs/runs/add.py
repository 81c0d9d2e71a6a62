#!/usr/bin/env python3
"""Puts what a finished run came to under docs/runs: recipe, log and figures, without the paths of one machine.

usage: docs/runs/add.py RUN NAME [--analysis]

RUN         the run's folder
NAME        its folder here, as RECIPE-PROTOCOL/seed-N
--analysis  with analysis.json too, which has the figures of features class by class
"""
import json
import re
import sys
from pathlib import Path

FILES = ["recipe.toml", "metrics.jsonl", "summary.json"]
# An absolute path, up to what ends one in a text.
PATH = re.compile(r'(?<![\w./])/(?:[^/\s"\']+/)*([^/\s"\']+)')


def without_places(text: str) -> str:
    """The text with absolute paths cut: below the data's folder what lies in it, else the last name alone."""
    folder = re.search(r'^dir = "(/.*)"$', text, re.MULTILINE)
    if folder:
        text = text.replace(folder[1] + "/", "")
    return PATH.sub(r"\1", text)


def compact(name: str, text: str) -> str:
    """JSON on one line; a log has a line an epoch as it is."""
    return json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":")) + "\n" if name.endswith(".json") else text


def main() -> None:
    words = [word for word in sys.argv[1:] if word != "--analysis"]
    if len(words) != 2:
        sys.exit(__doc__)
    run, place = Path(words[0]), Path(__file__).parent / words[1]
    files = FILES + ["analysis.json"] * ("--analysis" in sys.argv)
    texts = {name: without_places((run / name).read_text()) for name in files}
    place.mkdir(parents=True)
    for name, text in texts.items():
        (place / name).write_text(compact(name, text))


if __name__ == "__main__":
    main()
