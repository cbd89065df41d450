"""Search for the configuration with the best objective, by keras-tuner.

A trial is a training by `fit.train` in a folder of its own, so that a search killed at any moment
goes on from the trial's last whole epoch; under Hyperband a promoted trial goes on from a copy of
the folder it grew from, with the learning rate's schedule of the whole length.
"""

import dataclasses
import json
import math
import os
import pathlib
import shutil

import keras
import yaml

from tf_jfb._files import replacing, write_text
from tf_jfb._validate import check
from tf_jfb.training import build, problem
from tf_jfb.training.config import Config
from tf_jfb.training.search_space import (
    check_space,
    chosen,
    combinations,
    declare,
    default_space,
)
from tf_jfb.training.trial import assess
from tf_jfb.training.tuning_report import PROJECT, write_report

try:
    import keras_tuner
except ImportError as error:
    raise ImportError(
        f"Tuning needs keras-tuner ({error}): pip install keras-tuner tensorboard, or tf_jfb with "
        "its extra `tune`."
    ) from error

METHODS = ("hyperband", "bayesian", "random")
TIMES = ("step", "restoration")
SPARE = 2  # combinations of a space to those that Hyperband draws: it gives up after 20 collisions


@dataclasses.dataclass(frozen=True)
class Objective:
    r"""What a search maximises, in dB.

    $$\mathrm{PSNR} - w_t \log_2(s) - w_c\,(1 - c)$$
    with the validation PSNR of the restored images, the seconds s and the share c of validation
    images whose solve converged. A trial that fails counts as 0 dB with no image converged.

    Args:
        time_weight: $w_t$, dB that halving the time is worth, >= 0.
        convergence_weight: $w_c$, dB lost when no image converges, >= 0.
        time: "step", s is the median time of a training step; "restoration", that of restoring
            one validation image.

    Raises:
        ValueError: an option is outside its range.
    """

    time_weight: float = 0.25
    convergence_weight: float = 3.0
    time: str = "step"

    def __post_init__(self):
        for name in ("time_weight", "convergence_weight"):
            value = getattr(self, name)
            check(0 <= value < math.inf, f"`{name}` must be finite and >= 0.", **{name: value})
        check(self.time in TIMES, f"`time` must be one of {', '.join(TIMES)}.", time=self.time)

    def __call__(self, result: dict) -> float:
        """The value of a trial's `result`, as `assess` returns it."""
        if result["failure"] is not None:
            return -self.convergence_weight
        seconds = result[f"{self.time}_seconds"]
        lost = self.convergence_weight * (1.0 - result["converged"])
        return result["psnr"] - self.time_weight * math.log2(seconds) - lost


def tune(
    config: Config, output, space=None, method="hyperband", trials=None, objective=None
) -> dict | None:
    """Searches for the best values of the options in `space`; calling it again resumes.

    Where KERASTUNER_ORACLE_IP is set, this process is the chief or a worker of a parallel search,
    as KERASTUNER_TUNER_ID says. All but workers end by writing the report.

    Args:
        config: the options outside the space; `config.epochs` is the longest training.
        output: folder of the search.
        space: as for `check_space`; default that of `default_space`.
        method: one of METHODS.
        trials: at most this many; default 30, for Hyperband one whole pass.
        objective: an `Objective`.

    Returns:
        The best trial's record; None to a worker.

    Raises:
        ValueError: an option is outside its range, `output` belongs to another search, or every
            trial failed.
    """
    check(method in METHODS, f"`method` must be one of {', '.join(METHODS)}.", method=method)
    check(trials is None or trials >= 1, "`trials` must be >= 1.", trials=trials)
    space = check_space(default_space(config) if space is None else space, config)
    objective = Objective() if objective is None else objective
    if method == "hyperband":
        _check_enough(space, trials, config)
    for split in ("train", "test"):  # images that cannot be read end the search, not every trial
        problem.source(config, split)[0]
    if config.pretrained or config.initial:  # so do weights
        build.build_model(config)
    shared = {"space": space, "config": dataclasses.asdict(config)}
    search = {"method": method, **dataclasses.asdict(objective), **shared}
    claim(output, search, write=not _is_worker())
    _prepare(pathlib.Path(output) / PROJECT)
    tuner = Tuner(_oracle(method, space, trials, config), output, search, objective)
    if not _is_worker() and (pathlib.Path(tuner.project_dir) / "oracle.json").is_file():
        tuner.oracle.reload()
    _announce(tuner.tuner_id)
    tuner.search(verbose=1)
    if _is_worker():
        return None
    tuner.oracle.save()  # a chief's last record has its last trial as going on
    return write_report(output)


class Tuner(keras_tuner.Tuner):
    """Runs trials as trainings with `Config`s, and keeps their records in the trials' folders."""

    def __init__(self, oracle, output, search, objective):
        self.output, self.settings, self.objective = output, search, objective
        super().__init__(oracle, directory=str(output), project_name=PROJECT)

    def run_trial(self, trial, *args, **kwargs):
        try:
            # A worker may have started before the chief had claimed the folder.
            claim(self.output, self.settings, write=False)
            return self._run(trial)
        except Exception as error:
            message = f"Trial {trial.trial_id} stopped the search: {type(error).__name__}: {error}"
            raise keras_tuner.errors.FatalRuntimeError(message) from error

    def _run(self, trial) -> dict:
        folder = pathlib.Path(self.get_trial_dir(trial.trial_id))
        record, values = folder / "result.json", trial.hyperparameters.values
        if not record.is_file():
            if "tuner/trial_id" in values:
                _inherit(pathlib.Path(self.get_trial_dir(values["tuner/trial_id"])), folder)
            options = chosen(self.settings["space"], values)
            config = {**self.settings["config"], **options}
            epochs = values.get("tuner/epochs", config["epochs"])
            keras.backend.clear_session()
            result = assess(config, folder / "run", epochs)
            result = {"objective": self.objective(result), **result, "options": options}
            write_text(record, json.dumps(result, indent=1))
        result = json.loads(record.read_text())
        print(f"\nTrial {trial.trial_id}: {_summary(result)}\n", flush=True)
        return {k: v for k, v in result.items() if isinstance(v, (int, float))}


def claim(output, search: dict, write: bool = True) -> None:
    """Checks that `output` has no search or this one, and with `write` records it there."""
    file = pathlib.Path(output) / "search.yaml"
    if file.is_file():
        saved = yaml.safe_load(file.read_text())
        saved["config"] = dataclasses.asdict(Config(**saved["config"]))
        old, new = _flat(saved), _flat(search)
        changed = sorted(k for k in old.keys() | new.keys() if old.get(k, ()) != new.get(k, ()))
        check(
            not changed,
            "`output` belongs to another search; choose a new folder or restore the options.",
            output=str(output),
            changed=changed,
        )
    elif write:
        file.parent.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(search, sort_keys=False)
        write_text(file, text)


def _check_enough(space, trials, config) -> None:
    """Refuses a space too small to halve: the search would end among its shortest trainings."""
    oracle = _oracle("hyperband", space, None, config)
    sizes = [
        [oracle._get_size(bracket, round_) for round_ in range(bracket + 1)]
        for bracket in range(oracle._get_num_brackets())
    ]
    drawn, whole = (sum(map(take, sizes)) for take in (lambda rounds: rounds[0], sum))
    if trials is not None:  # of a pass or more, as many
        drawn = math.ceil(drawn * trials / whole)
    held = combinations(space)
    check(
        held >= SPARE * drawn,
        f"`method` hyperband draws {drawn} different combinations for trainings of up to "
        f"{config.epochs} epochs, and takes a space of {SPARE} times as many: choose random, which "
        "trains each of a few to the end.",
        combinations=held,
    )


class _Whole:
    """An oracle whose files are replaced whole, so that a search killed while saving goes on."""

    def save(self):
        text = json.dumps(self.get_state())
        write_text(self._get_oracle_fname(), text)

    def _save_trial(self, trial):
        with replacing(pathlib.Path(self._get_trial_dir(trial.trial_id)) / "trial.json") as file:
            trial.save(file)


def _oracle(method, space, trials, config):
    hyperparameters = keras_tuner.HyperParameters()
    declare(space, hyperparameters)
    options = {
        "objective": keras_tuner.Objective("objective", "max"),
        "hyperparameters": hyperparameters,
        "seed": config.seed + 1,  # keras-tuner takes 0 for none
    }
    if method == "hyperband":
        base = keras_tuner.oracles.HyperbandOracle
        options |= {"max_epochs": config.epochs, "hyperband_iterations": 1 if trials is None else 0}
    else:
        trials = 30 if trials is None else trials
        options["max_trials"] = trials
        base = keras_tuner.oracles.RandomSearchOracle
    if method == "bayesian":
        base = keras_tuner.oracles.BayesianOptimizationOracle
        # keras-tuner's default, three per option, would leave nothing to the Gaussian process.
        options["num_initial_points"] = max(3, trials // 4)
    oracle = type(base.__name__, (_Whole, base), {})(**options)
    oracle.max_trials = trials
    return oracle


def _is_worker() -> bool:
    parallel = "KERASTUNER_ORACLE_IP" in os.environ
    return parallel and "chief" not in os.environ.get("KERASTUNER_TUNER_ID", "")


def _announce(tuner_id) -> None:
    if "KERASTUNER_ORACLE_IP" in os.environ:
        does = "asks for trials at" if _is_worker() else "hands out trials at"
        ip, port = os.environ["KERASTUNER_ORACLE_IP"], os.environ["KERASTUNER_ORACLE_PORT"]
        print(f"{tuner_id} {does} {ip}:{port}", flush=True)


def _prepare(project) -> None:
    """Removes what a search killed while starting a trial has left."""
    # An empty file of the tuner's own, which keras-tuner does not replace whole.
    (project / f"{os.environ.get('KERASTUNER_TUNER_ID', 'tuner0')}.json").unlink(missing_ok=True)
    if _is_worker():
        return
    oracle = project / "oracle.json"
    started = json.loads(oracle.read_text())["start_order"] if oracle.is_file() else []
    for folder in project.glob("trial_*"):
        if folder.name.removeprefix("trial_") not in started:
            shutil.rmtree(folder)


def _inherit(parent, folder) -> None:
    """Copies the run of `parent`, whole or not at all."""
    run, partial = folder / "run", folder / ".run.partial"
    if run.exists() or not (parent / "run").exists():
        return
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(parent / "run", partial)
    partial.rename(run)


def _flat(search) -> dict:
    """{"space.eta": ..., "time": ...}: what a message can name."""
    flat = {}
    for name, value in search.items():
        inner = value if isinstance(value, dict) else None
        flat |= {f"{name}.{k}": v for k, v in inner.items()} if inner else {name: value}
    return flat


def _summary(result) -> str:
    if result["failure"] is not None:
        return f"failed: {result['failure']}"
    return (
        f"objective {result['objective']:.2f} = {result['psnr']:.2f} dB, "
        f"{result['step_seconds']:.3g} s per step, {result['restoration_seconds']:.3g} s per "
        f"restored image, {result['converged']:.0%} converged"
    )
