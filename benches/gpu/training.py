"""Trainings that go on from call to call, and the time to the first step."""

import json
import shutil
import subprocess
import time

from keeping import tar
from place import RECIPES, Found, Place, cards, say
from plan import Training

# Fewest seconds that a run has to save once it was asked to.
GRACE = 20.0
# Below this a training is not started any more.
LEAST = 30.0
A_WEEK = 7 * 86400.0
INTERRUPTED = 130


class Run:
    """One training's folder and the sessions it took."""

    def __init__(self, place: Place, training: Training) -> None:
        self.place = place
        self.training = training
        self.folder = place.runs / training.name
        self.log = place.runs / f"{training.name}.log"
        self.record = place.runs / f"{training.name}.sessions.jsonl"
        self.summary = self.folder / "summary.json"
        self.checkpoint = self.folder / "checkpoints" / "last.safetensors"

    def command(self) -> list[str]:
        place, training = self.place, self.training
        command = [place.program("longtail"), "train", "--out", str(self.folder), "--device", place.plan.device]
        command += ["--quiet", "--json", *training.limits]
        pack = place.pack(training.data)
        if self.checkpoint.exists():
            return command + ["--resume"] + (["--data-dir", str(pack)] if pack else [])
        command += ["--recipe", str(RECIPES / training.recipe), "--data", str(pack or training.data)]
        command += ["--precision", place.plan.precision, "--seed", str(place.seed)]
        return [*command, *training.options]

    def start(self) -> subprocess.Popen:
        if not self.checkpoint.exists():
            shutil.rmtree(self.folder, ignore_errors=True)
        command = self.command()
        with self.log.open("a") as log:
            print("$", *command, file=log, flush=True)
            return subprocess.Popen(command, stdout=log, stderr=log)

    def session(self, seconds: float) -> int:
        """Trains for at most so long; gives the exit status."""
        began = time.time()
        process = self.start()
        try:
            status = process.wait(min(seconds, A_WEEK))
        except subprocess.TimeoutExpired:
            status = self.interrupt(process)
        except BaseException:
            self.interrupt(process)
            raise
        session = {"seconds": time.time() - began, "status": status, "at": cards()}
        with self.record.open("a") as record:
            print(json.dumps(session), file=record)
        return status

    def interrupt(self, process: subprocess.Popen) -> int:
        """Asks it to save and stop; ends it if it has not when the call's time is over."""
        process.terminate()
        try:
            return process.wait(min(max(GRACE, self.place.deadline - time.time() - 5), A_WEEK))
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def sessions(self) -> list[dict]:
        lines = self.record.read_text().splitlines() if self.record.exists() else []
        return [json.loads(line) for line in lines]

    def figures(self) -> dict:
        """What a finished run is told by, with all the seconds that its sessions took."""
        summary = json.loads(self.summary.read_text())
        kept = ("method", "data", "seed", "epochs", "steps", "seconds", "waited", "images_per_second")
        figures = {key: summary.get(key) for key in kept}
        for model in ("last", "best"):
            figures[model] = without_classes((summary.get(model) or {}).get("test"))
        sessions = self.sessions()
        figures["wall_seconds"] = sum(session["seconds"] for session in sessions)
        return figures | {"sessions": len(sessions), "at": sessions[-1]["at"] if sessions else None}

    def end_of_log(self) -> str:
        return "\n".join(self.log.read_text().splitlines()[-5:])


def without_classes(evaluation: dict | None) -> dict | None:
    return evaluation and {key: value for key, value in evaluation.items() if key != "per_class"}


def train(place: Place, found: Found) -> bool:
    """All trainings, in their order, as far as the time goes; says whether none failed."""
    place.use_cache("cache")
    endings = []
    for training in place.plan.trainings:
        run = Run(place, training)
        known = run.summary.exists()
        endings.append("finished" if known else until_finished(run))
        if endings[-1] == "finished":
            found.of("training")[training.name] = run.figures()
            found.save()
            if not known:
                tar(place.out / f"{training.name}.tar", run.folder, [run.folder])
        say(f"{training.name}: {endings[-1]}")
    return "failed" not in endings


def until_finished(run: Run) -> str:
    """Sessions until the run is finished, has failed or no time is left; says which."""
    place, most = run.place, run.place.plan.first_session
    data = run.training.data
    if data.endswith(".pack") and place.pack(data) is None:
        return f"{data} is not here"
    while place.left() > LEAST:
        status = run.session(min(most, place.left()))
        if status == 0 and run.summary.exists():
            return "finished"
        if status != INTERRUPTED:
            say(f"{run.training.name} ended with status {status}:\n{run.end_of_log()}")
            return "failed"
        most *= 2
    return "unfinished" if run.checkpoint.exists() else "not begun"


def time_start(place: Place, found: Found) -> bool:
    """Seconds to the first step with nothing tuned or compiled yet, and again; says whether both ran."""
    results = found.of("start")
    if results:
        return True
    shutil.rmtree(place.state / "cache-of-start", ignore_errors=True)
    tuned = place.use_cache("cache-of-start")
    times = {}
    for name in ("cold", "warm"):
        once = first_step(place)
        if once is None:
            return False
        times[name] = once
    if not (place.state / "cache").exists():
        tuned.rename(place.state / "cache")
    results |= times | {"at": cards()}
    found.save()
    say(", ".join(f"{name} start: {t['first_step']:.1f} s" for name, t in times.items()))
    return True


def first_step(place: Place) -> dict | None:
    """Seconds until the checkpoint after the first step lies there, and until the end."""
    start = place.plan.start
    run = Run(place, start)
    shutil.rmtree(run.folder, ignore_errors=True)
    run.training = Training(
        start.name, start.recipe, start.data, start.options, ("--max-steps", "1", "--checkpoint-steps", "1")
    )
    began = time.time()
    process = run.start()
    try:
        while not run.checkpoint.exists() and process.poll() is None:
            time.sleep(0.005)
        first = time.time() - began
        status = process.wait()
    finally:
        process.kill()
    if status != 0:
        say(f"the first step failed with status {status}\n{run.end_of_log()}")
        return None
    return {"first_step": first, "whole": time.time() - began}
