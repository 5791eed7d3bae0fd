"""The schema of a recipe: one YAML file per training run, unknown keys refused."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deepaudio.discover import suggest
from deepaudio.errors import InputError
from deepaudio.options import MAX_SEED, PRESET
from deepaudio.yaml_files import override, overriding, read_yaml

StageName = Literal["v2a", "tts", "mof", "v2s", "vocoder", "voice"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Optim(_Strict):
    """Optimiser and its schedule: linear warm-up, then cosine, linear or no decay to `final_lr`."""

    name: Literal["adam", "adamw"] = "adamw"
    lr: float = Field(1e-4, gt=0)
    final_lr: float = Field(1e-6, ge=0)
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: int = Field(1000, ge=0)
    clip_norm: float = Field(1.0, gt=0)
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = Field(0.0, ge=0)


class Lora(_Strict):
    """Low-rank tuning of the linear layers in the network's blocks, instead of all weights."""

    rank: int = Field(16, gt=0)
    alpha: float = Field(16.0, gt=0)


class Validation(_Strict):
    """The loss on a held-out set: `data` are the keys of the recipe's data that are another there, e.g. shards."""

    data: dict[str, Any]
    every: int = Field(1000, gt=0)  # updates
    batches: int = Field(10, gt=0)


class Samples(_Strict):
    """Lines said like a reference (and in time with a clip), or without lines the sounds of a clip; wav and picture."""

    every: int = Field(5000, gt=0)  # updates
    lines: list[str] = []
    reference: str | None = None
    clip: str | None = None
    prompt: str = ""


class Watch(_Strict):
    """What is seen and kept of a run besides metrics.jsonl; nothing here changes what is learned."""

    validation: Validation | None = None
    samples: Samples | None = None
    keep_best: bool = True  # the model with the lowest validation loss, in `best/`
    keep_last: int = Field(0, ge=0)  # saved models in `kept/`, beside the newest in `model/`
    tensorboard: bool | None = None  # None: where it is installed
    wandb: bool = False


class Recipe(_Strict):
    """One training run. `model`, `data` and `objective` are read by the stage, which checks their keys."""

    stage: StageName
    seed: int = Field(0, ge=0, le=MAX_SEED)
    output: str
    model: dict[str, Any]
    data: dict[str, Any] = {}
    objective: dict[str, Any] = {}
    optim: Optim = Optim()
    steps: int = Field(gt=0)
    minutes: float | None = Field(
        None, gt=0
    )  # wall-clock limit of one call; the run can be resumed
    accumulate: int = Field(1, ge=1)
    ema: float | None = Field(None, gt=0, lt=1)
    checkpoint_activations: bool = False  # recomputed in the backward pass: less memory, more time
    parallel: Literal["ddp", "fsdp"] = (
        "ddp"  # of several processes: replicas of the network, or shards
    )
    compile: bool = False  # of the network; give every batch the same shape
    preset: str = PRESET  # whose other parts the network is used with after training
    init_from: str | None = None  # model folder, run or preset (mini, mm-s16k ...)
    lora: Lora | None = None
    save_every: int = Field(1000, gt=0)
    log_every: int = Field(50, gt=0)
    watch: Watch = Watch()
    device: str = "auto"
    dtype: Literal["float32", "bfloat16"] = "float32"  # autocast; the weights stay float32


def parse(content: dict[str, Any], where: str) -> Recipe:
    """A checked recipe from a mapping; the first fault becomes an InputError naming the key."""
    try:
        recipe = Recipe.model_validate(content)
    except ValidationError as error:
        # a misspelt key says more than that the right one is missing
        fault = min(error.errors(), key=lambda fault: fault["type"] != "extra_forbidden")
        key = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            owner = _owner(key)
            hint = suggest(key.rsplit(".", 1)[-1], list(owner.model_fields))
            raise InputError(
                "recipe.unknown_key", f"{where}: unknown key '{key}'", hint=hint, key=key
            ) from error
        message = fault["msg"][0].lower() + fault["msg"][1:]
        raise InputError("recipe.invalid", f"{where}: {key}: {message}", key=key) from error
    if recipe.lora and not recipe.init_from:
        message = f"{where}: lora tunes weights that are there: init_from is missing"
        raise InputError("recipe.lora", message, "init_from=FOLDER or a preset", key="init_from")
    if recipe.model.get("guidance") and not recipe.init_from:
        message = f"{where}: guidance is learned from a network that was trained without: init_from is missing"
        raise InputError("recipe.guidance", message, "init_from=FOLDER", key="init_from")
    if recipe.stage == "v2s" and not recipe.init_from:
        _only_tried(recipe, where)
    return recipe


def _owner(key: str) -> type[BaseModel]:
    """The schema of the section that a dotted key belongs to."""
    owner: type[BaseModel] = Recipe
    for part in key.split(".")[:-1]:
        kinds = (
            owner.model_fields[part].annotation,
            *get_args(owner.model_fields[part].annotation),
        )
        owner = next(k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel))
    return owner


def _only_tried(recipe: Recipe, where: str) -> None:
    """Stage 4 goes on from stage 2 (section 4.1); InputError for one that would begin at nothing, unless its data is made here."""
    from deepaudio.data.smoke import NAME  # slow to import

    if recipe.data.get("shards") != [NAME]:
        raise InputError(
            "recipe.init_from",
            f"{where}: init_from is missing: stage v2s tunes a trained M_tts",
            hint="init_from=FOLDER, the model folder of a tts run, or a preset such as mini",
            key="init_from",
        )


def load(path: Path, pairs: Sequence[str] = ()) -> Recipe:
    """Read, override and check a recipe file; UsageError for a value in `pairs` that does not fit."""
    content = override(_numbers(read_yaml(path)), pairs)
    with overriding(pairs):
        return parse(content, str(path))


def _numbers(value: Any) -> Any:
    """YAML reads `1e-4` as text; give it back as a number."""
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    if isinstance(value, str) and value[:1] in "+-.0123456789":
        try:
            return float(value)
        except ValueError:
            return value
    return value


def shipped_folder() -> Path:
    """The folder of shipped recipes."""
    package = Path(__file__).resolve().parents[1]
    is_checkout = (package.parent / "pyproject.toml").is_file()
    place = (package.parent if is_checkout else package) / "recipes"
    if not place.is_dir():
        raise InputError("recipes.missing", f"no recipes at {place}", "install deepaudio again")
    return place


def shipped_recipes() -> list[str]:
    """`stage/name` of every shipped recipe, sorted."""
    root = shipped_folder()
    return sorted(p.relative_to(root).with_suffix("").as_posix() for p in root.rglob("*.yaml"))


def find_recipe(name: str) -> Path:
    """The file of a recipe given by path or by its shipped name; unknown names are an InputError with the nearest."""
    given = Path(name)
    if given.suffix in {".yaml", ".yml"}:
        if not given.is_file():
            raise InputError("recipe.missing", f"no recipe file {name}", "deepaudio recipes ls")
        return given
    known = shipped_recipes()
    if name not in known:
        raise InputError("recipe.unknown", f"no recipe '{name}'", suggest(name, known))
    return shipped_folder() / f"{name}.yaml"
