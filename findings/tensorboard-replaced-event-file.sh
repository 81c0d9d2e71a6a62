#!/usr/bin/env bash
# TensorBoard 2.21.0 shows nothing of a run's new event file once the old one is gone, or all of it: the loader decides.
#
# A run is written anew: events of steps 1 to 3, read by TensorBoard, then a second event file with steps 4 to 6 whose
# name comes behind, and the first one deleted. The loader in Python stays with the deleted file, without an error, for
# as long as the process lives, though a file left where it is, or cut to no bytes, is followed by the next one as
# usual. The data server, which TensorBoard uses instead where its package is installed (--load_fast), reads the new
# file. So a trainer that tidies up its earlier events ends some of its users' curves; an empty file has to stay.
#
# Seen with tensorboard 2.21.0 and tensorboard-data-server 0.7.2 on CPython 3.11: after deletion [1, 2, 3] with the
# loader in Python, [1, 2, 3, 4, 5, 6] with the data server; after cutting [1, 2, 3, 4, 5, 6] with both.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check \
    tensorboard==2.21.0 tensorboard-data-server==0.7.2 'setuptools<81'
cat >"$place/seen.py" <<'PYTHON'
import json, os, socket, subprocess, sys, tempfile, time, urllib.request
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter


def write(run, name, steps):
    writer = EventFileWriter(str(run), filename_suffix=name)
    for step in steps:
        value = Summary.Value(tag="loss", simple_value=step)
        writer.add_event(Event(step=step, wall_time=step, summary=Summary(value=[value])))
    writer.close()


def steps(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/data/plugin/scalars/scalars?run=run&tag=loss") as answer:
            return [step for _, step, _ in json.load(answer)]
    except OSError:
        return None


def wait(port, wanted, seconds):
    """What is shown once it is what is wanted, or after so many seconds."""
    end = time.monotonic() + seconds
    while (shown := steps(port)) != wanted and time.monotonic() < end:
        time.sleep(0.5)
    return shown


def seen(put_away, load_fast):
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        run = Path(folder, "run")
        run.mkdir()
        write(run, ".first", [1, 2, 3])
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        command = [Path(sys.executable).with_name("tensorboard"), "--logdir", folder, "--port", str(port)]
        command += ["--reload_interval", "1", f"--load_fast={load_fast}"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
            try:
                assert wait(port, [1, 2, 3], 120) == [1, 2, 3]
                (first,) = run.iterdir()
                time.sleep(1.5)  # names hold whole seconds
                write(run, ".second", [4, 5, 6])
                put_away(first)
                return wait(port, [1, 2, 3, 4, 5, 6], 20)
            finally:
                server.terminate()


for load_fast, deleted in (("false", [1, 2, 3]), ("true", [1, 2, 3, 4, 5, 6])):
    for what, put_away, expected in (
        ("left", lambda first: None, [1, 2, 3, 4, 5, 6]),
        ("cut", lambda first: os.truncate(first, 0), [1, 2, 3, 4, 5, 6]),
        ("deleted", Path.unlink, deleted),
    ):
        shown = seen(put_away, load_fast)
        print(f"--load_fast={load_fast}, first file {what}: {shown}")
        assert shown == expected
PYTHON
"$place/venv/bin/python" "$place/seen.py"
