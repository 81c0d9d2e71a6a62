"""Proves that both sides compute the same step: from the same weights and batch, the losses and the
evaluation logits of Longtail and of every PyTorch mode against PyTorch's in 64 bits."""

import argparse
import sys
import tempfile
from pathlib import Path

from peer import Mode, PeerError, Server, build, export, ours, torch_mode

STEPS = 3
TOLERANCE = {"f32": 1e-4, "bf16": 5e-2}
LOGITS = 16

Outcome = tuple[list[float], list[list[float]]]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=192)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--lr", type=float, default=0.002)
    parser.add_argument("--eager", action="store_true", help="leave the compiled modes out")
    return parser.parse_args()


def outcome(mode: Mode, options: dict[str, object]) -> Outcome:
    """Losses before each step and after the last; then logits with running statistics."""
    with Server(mode, options) as server:
        if not server.ready["ready"]:
            raise PeerError(f"{mode.name} does not support {server.ready['unsupported']}")
        return server.ask(f"losses {STEPS + 1}"), server.ask(f"logits {LOGITS}")


def errors(outcome: Outcome, reference: Outcome) -> list[float]:
    """Relative ones of the losses; the largest one of the logits as a share of the largest logit."""
    pairs = [pair for rows in zip(outcome[1], reference[1]) for pair in zip(*rows)]
    of_logits = max(abs(x - y) for x, y in pairs) / max(abs(y) for _, y in pairs)
    return [abs(x / y - 1) for x, y in zip(outcome[0], reference[0])] + [of_logits]


def compare(name: str, precision: str, found: Outcome, reference: Outcome) -> str | None:
    """Prints one row; gives the name if the losses are too far off."""
    row = errors(found, reference)
    print(f"| {name} |", " | ".join(f"{error:.1e}" for error in row), "|", flush=True)
    return name if max(row[:-1]) > TOLERANCE[precision] else None


def main() -> None:
    args = arguments()
    program = build()["peer_step"]
    options = {"rows": args.rows, "threads": args.threads, "lr": args.lr}
    modes = [torch_mode(m, l) for m in ("eager", "compiled")[: 2 - args.eager] for l in ("nchw", "nhwc")]
    bad = []
    with tempfile.TemporaryDirectory() as folder:
        shared = options | {"from": export(program, Path(folder), {"rows": args.rows})}
        reference = outcome(modes[0], shared | {"precision": "f64"})
        print("PyTorch's losses in 64 bits:", ", ".join(f"{loss:.6f}" for loss in reference[0]))
        header = ["relative errors", *(f"loss after {i}" for i in range(STEPS + 1)), "logits"]
        print("\n|", " | ".join(header), "|\n" + "|---" * len(header) + "|")
        for precision in TOLERANCE:
            found = outcome(ours(program), options | {"precision": precision})
            bad.append(compare(f"{precision} Longtail", precision, found, reference))
            for mode in modes:
                found = outcome(mode, shared | {"precision": precision})
                bad.append(compare(f"{precision} {mode.name}", precision, found, reference))
    names = ", ".join(filter(None, bad))
    sys.exit(f"losses differ by more than {TOLERANCE}: {names}" if names else 0)


if __name__ == "__main__":
    main()
