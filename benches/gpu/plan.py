"""What is measured, on a GPU and, small, on a software one to prove the scripts."""

from dataclasses import dataclass

# Options of peers/step.py by the name of the mode.
EAGER = ("--mode", "eager")
COMPILED = ("--mode", "compiled")
GRAPHS = ("--mode", "graphs")
STRICT = (*EAGER, "--strict")


@dataclass(frozen=True)
class Training:
    """A run of `longtail train`."""

    name: str
    recipe: str
    # A pack's name, or what else --data takes.
    data: str
    options: tuple[str, ...] = ()
    # Options that a run that goes on needs again.
    limits: tuple[str, ...] = ()


@dataclass(frozen=True)
class Steps:
    """Training steps against PyTorch's modes; a mode stands with what is asked of the ratio."""

    rows: int
    modes: dict[str, dict[str, tuple[str, ...]]]
    blocks: int
    steps: int
    # Blocks of one step, after as little warming up as there can be.
    quick: bool = False


@dataclass(frozen=True)
class Contrast:
    """The fused loss at sizes N,C,D."""

    sizes: tuple[str, ...]
    turns: int
    calls: int


@dataclass(frozen=True)
class Plan:
    device: str
    torch_device: str
    precision: str
    steps: Steps
    contrast: Contrast
    start: Training
    trainings: tuple[Training, ...]
    # Only tests with one of these in their name; all if empty.
    checks: tuple[str, ...] = ()
    # After this long a training is interrupted and goes on; twice as long every time.
    first_session: float = float("inf")


# What the ratios to PyTorch must reach, and what they aim at.
ASKED = {"eager": (1.0, 2.0), "compiled": (0.7, 1.3), "contrast": (1.0, 3.0)}
# Most seconds from the start to the first step.
ASKED_START = {"cold": 60.0, "warm": 5.0}


def rows_of_tables(data: str, recipe: str, methods: tuple[str, ...]) -> tuple[Training, ...]:
    return tuple(Training(f"{data}-{m}", f"{recipe}-{m}.toml", f"{data}.pack") for m in methods)


FULL = Plan(
    device="cuda",
    torch_device="cuda",
    precision="bf16",
    steps=Steps(
        rows=768,
        modes={
            "bf16": {"eager": EAGER, "compiled": COMPILED, "compiled, CUDA graphs": GRAPHS},
            "f32": {"eager": EAGER, "compiled": COMPILED, "eager, no TF32": STRICT},
        },
        blocks=10,
        steps=20,
    ),
    contrast=Contrast(sizes=("16384,1000,128", "512,10,128"), turns=9, calls=20),
    start=Training(
        "start",
        "cifar10-lt-100-bcl-rcl.toml",
        "synthetic",
        ("--batch-size", "256", "--backbone", "resnet32"),
    ),
    # The first is the one whose whole time is asked for.
    trainings=rows_of_tables(
        "cifar10-lt", "cifar10-lt-100", ("bcl-rcl", "bcl-matched", "rcl", "scl", "la-matched")
    )
    + rows_of_tables(
        "tiny-imagenet-lt", "cifar100-lt-100", ("bcl-matched", "bcl-rcl", "rcl", "scl", "la-matched")
    ),
)

TINY = ("--batch-size", "4", "--backbone", "resnet8")

SMALL = Plan(
    device="wgpu",
    torch_device="cpu",
    precision="f32",
    steps=Steps(rows=12, modes={"f32": {"eager": EAGER}}, blocks=2, steps=1, quick=True),
    contrast=Contrast(sizes=("96,10,128",), turns=2, calls=2),
    start=Training("start", "cifar10-lt-100-bcl-rcl.toml", "small.pack", TINY),
    trainings=(
        Training("small-bcl-rcl", "cifar10-lt-100-bcl-rcl.toml", "small.pack", TINY, ("--max-steps", "3")),
        Training("small-rcl", "cifar10-lt-100-rcl.toml", "small.pack", TINY, ("--max-steps", "1")),
    ),
    checks=("losses::",),
    first_session=5.0,
)
