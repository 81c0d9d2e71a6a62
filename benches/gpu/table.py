"""What was found, as tables."""

from plan import ASKED, ASKED_START, Plan


def section(title: str, header: str, lines: list[list[str]]) -> str:
    """A table with its title, or nothing without lines."""
    if not lines:
        return ""
    cells = ["| " + " | ".join(line) + " |" for line in lines]
    head = [f"\n{title}\n", f"| {header} |", "|---" * (header.count(" | ") + 1) + "|"]
    return "\n".join([*head, *cells])


def asked(name: str) -> list[str]:
    return [f"{x:g}" for x in ASKED[name]] if name in ASKED else ["–", "–"]


def mib(size: float | None) -> str:
    return "–" if size is None else f"{size / 2**20:.0f}"


def step_row(result: dict) -> list[str]:
    start = [result["precision"], result["mode"], *asked(result["mode"])]
    if "failed" in result:
        return start + [result["failed"]] + ["–"] * 4
    ours, theirs, ratios = result["ours"], result["theirs"], result["ratios"]
    return start + [
        f"{result['ratio']:.2f} ({min(ratios):.2f}–{max(ratios):.2f})",
        f"{1e3 * ours['seconds']:.2f}",
        f"{1e3 * theirs['seconds']:.2f}",
        " / ".join(mib(size) for size in result["on_card"]),
        mib(theirs["memory_peak"]),
    ]


def contrast_rows(results: dict) -> list[list[str]]:
    lines = []
    for size, result in results.items():
        ours = result["medians"]["ours"]
        for mode, seconds in result["medians"].items():
            lines.append([size, mode, f"{1e3 * seconds:.3f}", f"{seconds / ours:.2f}"])
            lines[-1] += [f"{result['memory_mb'][mode]:.1f}", "–"]
        lines[-len(result["medians"])][-1] = mib(result["on_card"]["ours"])
        lines.append([size, "**fastest of PyTorch over ours**", "", f"**{result['ratio']:.2f}**", "", ""])
    return lines


def start_rows(start: dict) -> list[list[str]]:
    tuned = {"cold": "nothing", "warm": "everything"}
    times = lambda name: [f"{start[name][key]:.2f}" for key in ("first_step", "whole")]
    return [[tuned[name], f"{limit:g}", *times(name)] for name, limit in ASKED_START.items() if name in start]


def percent(evaluation: dict | None, key: str) -> str:
    value = (evaluation or {}).get(key)
    return "–" if value is None else f"{100 * value:.1f}"


def number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def training_row(name: str, run: dict) -> list[str]:
    last = run["last"]
    keys = ("arithmetic_mean", "harmonic_mean", "many", "medium", "few")
    figures = [percent(last, key) for key in keys] + [percent(run["best"], "arithmetic_mean")]
    times = [number(run[key]) for key in ("wall_seconds", "seconds", "waited", "images_per_second")]
    return [name, str(run["steps"]), *figures, *times, str(run["sessions"])]


def table(found: dict, plan: Plan) -> str:
    check = found.get("check", {})
    differ = ", ".join(f"{kind} {by:.1e}" for kind, by in found.get("losses_differ", {}).items())
    steps = [step_row(result) for result in found.get("step", {}).values()]
    contrast = contrast_rows(found.get("contrast", {}))
    trainings = [training_row(name, run) for name, run in found.get("training", {}).items()]
    must, aim = asked("contrast")
    parts = [
        f"Longtail on {plan.device}, PyTorch on {plan.torch_device}; {check.get('at', 'no card known')}; "
        f"checks: {' '.join([check['result'], *plan.checks]) if check else 'not run'}",
        section(
            f"Training step, {plan.steps.rows} rows (relative difference of losses: {differ})",
            "precision | PyTorch's mode | must | aim | times as fast (of blocks) | Longtail ms | PyTorch ms "
            "| MiB on the card, Longtail / PyTorch | MiB of PyTorch's tensors",
            steps,
        ),
        section(
            f"Contrastive loss, forward and backward (must {must}, aim {aim})",
            "N,C,D | mode | ms | over ours | MB of the call | MiB on the card",
            contrast,
        ),
        section(
            "From the start to the first step",
            "tuned before | at most s | s | s with evaluation",
            start_rows(found.get("start", {})),
        ),
        section(
            "Trainings, test set, in percent; the last epoch, and the mean of the epoch that validation chose",
            "run | steps | mean | harmonic | many | medium | few | best | s, everything | s, training "
            "| s, waiting for data | images/s | sessions",
            trainings,
        ),
    ]
    return "\n".join(part for part in parts if part) + "\n"
