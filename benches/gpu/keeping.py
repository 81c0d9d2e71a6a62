"""What is written to the results' folder at the end of a call."""

import tarfile
from pathlib import Path

from place import Found, Place, say
from table import table

# What was tuned is tuned again rather than kept above this size.
LARGEST = 8 << 20


def tar(file: Path, root: Path, parts: list[Path]) -> None:
    """Files below `root`, by their names from its folder's point of view."""
    with tarfile.open(file, "w") as archive:
        for part in parts:
            archive.add(part, part.relative_to(root.parent))
    say(f"{file.name}: {file.stat().st_size / 2**20:.1f} MiB")


def state_parts(place: Place) -> list[Path]:
    """Unfinished runs as they are, of finished ones what says so, and what they need."""
    tuned = [*place.state.glob("cache/*.db"), *place.state.glob("cache/*.db-wal")]
    parts = tuned if sum(part.stat().st_size for part in tuned) <= LARGEST else []
    parts += [*place.runs.glob("*.sessions.jsonl"), *place.runs.glob("*.log")]
    parts += [part for part in (place.state / "results.json", place.state / "small.pack") if part.exists()]
    names = [training.name for training in place.plan.trainings]
    for folder in (place.runs / name for name in names if (place.runs / name).exists()):
        parts.append(folder / "summary.json" if (folder / "summary.json").exists() else folder)
    return parts


def keep(place: Place, found: Found) -> None:
    """The results, their table, and the state that the next call goes on with."""
    found.save()
    text = table(found.all, place.plan)
    (place.out / "results.json").write_text(found.path.read_text())
    (place.out / "results.md").write_text(text)
    say("\n" + text)
    file = place.out / "state.tar"
    with tarfile.open(file, "w") as archive:
        for part in state_parts(place):
            archive.add(part, part.relative_to(place.state))
    say(f"state.tar: {file.stat().st_size / 2**20:.1f} MiB")
