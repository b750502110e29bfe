"""Where a sweep is kept: an Optuna study in SQLite beside its results, or in a server that several machines share."""

from __future__ import annotations

import contextlib
import warnings
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, Literal, cast

import filelock
import optuna
import sqlalchemy.exc
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.engine import make_url

from edgefrac.errors import EdgeFracError, MissingDriverError, OutputError, UsageError
from edgefrac.pipeline.sweep_recipe import Objective, Parameter, SweepRecipe, Value

DIRECTIONS: dict[Objective, Literal["maximize", "minimize"]] = {
    "auroc": "maximize",
    "latency_ms": "minimize",
    "bytes": "minimize",
}
RETRY_OF = "retry_of"
_HEARTBEAT_SECONDS = 60
_IDENTITY = "identity"


@contextlib.contextmanager
def open_study(recipe: SweepRecipe, url: str) -> Iterator[optuna.Study]:
    """The study of ``recipe`` in the database at ``url``, made where there is none.

    Trials that were running when their process died are marked failed and tried again. SQLite is for one process, whose
    start finds them; in a server they are found by heartbeats that stopped. Raises UsageError where the database cannot
    be opened or is in use; OutputError, MissingDriverError.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with _only_user(url) as alone, _database_errors(url):
        study = optuna.create_study(
            study_name=recipe.name,
            storage=_storage(url, alone),
            sampler=SeededByTrial(recipe.seed, startup=max(4, recipe.trials // 3)),
            directions=[DIRECTIONS[objective] for objective in recipe.objectives],
            load_if_exists=True,
        )
        if alone:
            _retry_what_was_running(study)
        yield study


def require_same(study: optuna.Study, identity: Mapping[str, Any]) -> None:
    """Trials of one study must be comparable: raises UsageError where it was begun with another ``identity``."""
    stored = study.user_attrs.get(_IDENTITY)
    if stored is None:
        study.set_user_attr(_IDENTITY, dict(identity))
    elif stored != identity:
        changed = ", ".join(sorted(key for key in {*stored, *identity} if stored.get(key) != identity.get(key)))
        raise UsageError(
            f"the sweep '{study.study_name}' was begun with another recipe or other data (changed: {changed})",
            hint="give another --out, or another name in the recipe",
        )


def retry(study: optuna.Study, trial: FrozenTrial | optuna.Trial) -> None:
    """Let the values of ``trial`` be tried again; those that it had not drawn yet will be those that it would have."""
    study.enqueue_trial(trial.params, user_attrs={RETRY_OF: _drawn_by(trial)})


def _drawn_by(trial: FrozenTrial | optuna.Trial) -> int:
    """The number of the trial that drew the values first."""
    return int(trial.user_attrs.get(RETRY_OF, trial.number))


def _retry_what_was_running(study: optuna.Study) -> None:
    trials = study.get_trials(deepcopy=False)
    waiting = {_drawn_by(trial) for trial in trials if trial.state == TrialState.WAITING}  # a kill may have come here
    for trial in trials:
        if trial.state == TrialState.RUNNING:
            if _drawn_by(trial) not in waiting:
                retry(study, trial)
            study.tell(trial.number, state=TrialState.FAIL)


def suggest(trial: optuna.Trial, search: Mapping[str, Parameter]) -> dict[str, Value]:
    """The values of a trial."""
    return {key: _suggest(trial, key, parameter) for key, parameter in search.items()}


def _suggest(trial: optuna.Trial, key: str, parameter: Parameter) -> Value:
    low, high = parameter.low, parameter.high
    if isinstance(low, int) and isinstance(high, int):
        return trial.suggest_int(key, low, high, log=parameter.log, step=parameter.step or 1)
    if low is None or high is None:
        return cast(Value, trial.suggest_categorical(key, parameter.choices))
    return trial.suggest_float(key, low, high, log=parameter.log)


class SeededByTrial(BaseSampler):
    """Optuna's TPE, with randomness from the seed and how many trials drew before alone.

    So a sweep that goes on, or another machine, does not draw again what was drawn before, and one that was interrupted
    draws what it would have drawn.
    """

    def __init__(self, seed: int, startup: int) -> None:
        self.seed = seed
        self.startup = startup

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """As TPE."""
        return self._tpe(study, trial, "").infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """As TPE."""
        return self._tpe(study, trial, "").sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """As TPE."""
        return self._tpe(study, trial, param_name).sample_independent(study, trial, param_name, param_distribution)

    def _tpe(self, study: optuna.Study, trial: FrozenTrial, name: str) -> TPESampler:
        first = _drawn_by(trial)
        before = sum(
            other.number < first and RETRY_OF not in other.user_attrs for other in study.get_trials(deepcopy=False)
        )
        return TPESampler(seed=zlib.crc32(f"{self.seed}/{before}/{name}".encode()), n_startup_trials=self.startup)


@contextlib.contextmanager
def _only_user(url: str) -> Iterator[bool]:
    """Hold the lock of an SQLite file, which ends with the process; yields whether it is one."""
    try:
        parsed = make_url(url)
    except sqlalchemy.exc.ArgumentError:
        raise UsageError(
            f"--storage {url}: not the URL of a database",
            hint="such as sqlite:///sweep.db, or postgresql+psycopg://user@host/database",
        ) from None
    if parsed.get_backend_name() != "sqlite":
        yield False
        return
    if parsed.database in (None, "", ":memory:"):
        raise UsageError(f"--storage {url}: names no file", hint="such as sqlite:///sweep.db")
    lock = filelock.FileLock(f"{parsed.database}.lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise UsageError(
            f"{parsed.database}: another sweep is running with it",
            hint="several at once share a PostgreSQL server: --storage postgresql+psycopg://…",
        ) from None
    except OSError as error:
        raise OutputError(
            f"{parsed.database}: cannot be written ({error.strerror})", hint="is its folder writable?"
        ) from error
    try:
        yield True
    finally:
        lock.release()


@contextlib.contextmanager
def _database_errors(url: str) -> Iterator[None]:
    """Errors of the database and of its driver in plain words; a password in the URL is not shown."""
    shown = make_url(url).render_as_string(hide_password=True)
    try:
        yield
    except EdgeFracError:
        raise
    except sqlalchemy.exc.NoSuchModuleError as error:
        raise UsageError(
            f"{shown}: no such kind of database ({error})", hint="sqlite:///… or postgresql+psycopg://…"
        ) from error
    except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        cause = str(getattr(error, "orig", None) or error.__cause__ or error).strip().splitlines()[0]
        raise UsageError(
            f"{shown}: the database cannot be used ({cause})",
            hint="is the URL right? where several began at once, run this again",
        ) from error


def _storage(url: str, alone: bool) -> optuna.storages.BaseStorage:
    beating: dict[str, Any] = {
        "heartbeat_interval": _HEARTBEAT_SECONDS,
        "grace_period": 3 * _HEARTBEAT_SECONDS,
        "heartbeat_stale_trial_callback": retry,
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.storages.RDBStorage(url, **({} if alone else beating))
    except ImportError as error:
        shown = make_url(url).render_as_string(hide_password=True)
        driver = getattr(error.__cause__, "name", None) or make_url(url).get_driver_name()
        raise MissingDriverError(shown, driver) from error
