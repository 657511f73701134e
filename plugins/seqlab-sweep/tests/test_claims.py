"""Claims on trials, without running any."""

import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from typing import Any

import optuna
import pytest
from optuna.distributions import BaseDistribution
from optuna.samplers import RandomSampler
from optuna.trial import TrialState
from seqlab_sweep.attributes import FAILURE, FAILURES, OWNER, RETRY_OF, Owner
from seqlab_sweep.claims import Claim, Claims, owned
from seqlab_sweep.processes import ProcessName, end, named
from seqlab_sweep.searching import build_sampler
from seqlab_sweep.stores import Store
from seqlab_sweep.study import SharedStudy

from seqlab.errors import ConfigError

Space = dict[str, BaseDistribution]
HERE = named(os.getpid())
GONE = replace(HERE, started="before")  # an ended process that had our PID
FAR = ProcessName("another machine", 1, "1")
TPE = {"name": "tpe", "_target_": "optuna.samplers.TPESampler", "n_startup_trials": 2}


def claims_of(shared: SharedStudy, space: Space, *, runner: ProcessName = HERE, **changes: Any) -> Claims:
    settings: dict[str, Any] = {"n_trials": 5, "retries": 0, "lost_after_seconds": 60.0, **changes}
    return Claims(shared, runner=runner, space=space, sampler=lambda number: RandomSampler(seed=number), **settings)


def claim_of(claims: Claims) -> Claim:
    """Return the next claim, which must exist."""
    claim = claims.next()
    assert claim is not None
    return claim


def again(shared: SharedStudy) -> SharedStudy:
    """Return the study as another process would open it."""
    return SharedStudy.found(shared.store, shared.name)


def test_concurrent_sweeps_claim_exactly_the_number_wanted(
    shared: SharedStudy, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweeps = [claims_of(again(shared), space, runner=replace(HERE, pid=pid)) for pid in (1, 2, 3)]
    found: list[int] = []

    def claim_all(claims: Claims) -> None:
        while (claim := claims.next()) is not None:
            found.append(claim.number)
            claims.shared.study.tell(claim.number, 0.5)

    for claims in sweeps:
        monkeypatch.setattr(claims, "is_lost", lambda trial: False)  # as if all three were alive
    threads = [threading.Thread(target=claim_all, args=(claims,)) for claims in sweeps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [0, 1, 2, 3, 4]
    assert len(shared.trials()) == 5


def test_a_trial_whose_sweep_has_died_is_resumed_under_its_number(shared: SharedStudy, space: Space) -> None:
    first = claim_of(claims_of(shared, space, runner=GONE))
    second = claim_of(claims_of(again(shared), space))
    assert (second.number, second.attempt, second.is_resumed) == (first.number, 2, True)
    assert second.params == first.params
    assert owned(shared, number=0, token=first.token) is None
    assert owned(shared, number=0, token=second.token) is not None


def test_a_running_trial_is_not_claimed_again(shared: SharedStudy, space: Space) -> None:
    assert claim_of(claims_of(shared, space)).number == 0
    assert claim_of(claims_of(again(shared), space)).number == 1


def test_the_process_of_a_lost_trial_is_killed_before_it_is_resumed(shared: SharedStudy, space: Space) -> None:
    claim = claim_of(claims_of(shared, space, runner=GONE))
    orphan = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    shared.note(shared.trials()[0], **{OWNER: Owner(claim.token, GONE, named(orphan.pid)).as_json()})
    reaper = threading.Thread(target=orphan.wait)
    reaper.start()
    assert claims_of(again(shared), space).next() is not None
    reaper.join(timeout=10)
    assert orphan.returncode == -9


def test_a_trial_lost_before_its_parameters_were_drawn_gets_them(shared: SharedStudy, space: Space) -> None:
    shared.study.ask()  # as if killed before drawing parameters and recording the owner
    claim = claim_of(claims_of(shared, space))
    assert claim.number == 0
    assert set(claim.params) == set(space)


def test_only_a_machine_without_heartbeat_loses_its_trials(shared: SharedStudy, space: Space) -> None:
    far = claims_of(shared, space, runner=FAR)
    far.beat()
    assert far.next() is not None
    watching = claims_of(again(shared), space, lost_after_seconds=0.4, n_trials=1)
    assert watching.next() is None
    assert watching.seconds_to_wait() > 0
    far.beat()
    time.sleep(0.5)
    assert watching.next() is None  # there was a heartbeat since
    assert watching.seconds_to_wait() == 0  # known to be alive, so there is nothing to wait for
    time.sleep(0.5)
    claim = claim_of(watching)
    assert (claim.number, claim.attempt) == (0, 2)


def test_failures_are_recorded_and_retried(shared: SharedStudy, space: Space) -> None:
    claims = claims_of(shared, space, retries=1)
    claim = claim_of(claims)
    second = claims.failed(claim, "first")
    assert second is not None
    assert (second.number, second.attempt, second.is_resumed, second.params) == (0, 2, False, claim.params)
    assert claims.failed(claim, "late") is None  # this attempt has ended already
    assert claims.failed(second, "second") is None
    (trial,) = shared.trials()
    assert trial.state == TrialState.FAIL
    assert trial.user_attrs[FAILURES] == ["first"]
    assert trial.user_attrs[FAILURE] == "second"


def test_attempts_since_the_last_failure_resume_each_other(shared: SharedStudy, space: Space) -> None:
    claims = [claim_of(claims_of(one, space, runner=GONE, retries=1)) for one in (shared, again(shared))]
    retried = claims_of(shared, space, runner=GONE, retries=1).failed(claims[1], "broken")
    assert retried is not None
    claims += [retried, *(claim_of(claims_of(again(shared), space, runner=GONE, retries=1)) for _ in range(2))]
    assert [(claim.number, claim.attempt, claim.first, claim.is_resumed) for claim in claims] == [
        (0, 1, 1, False),
        (0, 2, 1, True),
        (0, 3, 3, False),
        (0, 4, 3, True),
        (0, 5, 3, True),
    ]


def test_a_grid_ends_with_a_failure_as_with_a_success(shared: SharedStudy) -> None:
    axis: Space = {"encoder": optuna.distributions.CategoricalDistribution(["lstm", "gru"])}
    grid = {"name": "grid", "_target_": "optuna.samplers.GridSampler"}
    claims = claims_of(shared, axis, n_trials=2)
    claims.sampler = lambda number: build_sampler(grid, seed=0, number=number, grid={"encoder": ["lstm", "gru"]})
    for claim in [claim_of(claims), claim_of(claims)]:
        assert claims.failed(claim, "broken") is None
    assert {trial.params["encoder"] for trial in shared.trials()} == {"lstm", "gru"}
    assert all(trial.state == TrialState.FAIL for trial in shared.trials())


def test_queued_retries_do_not_count_towards_n_trials(shared: SharedStudy, space: Space) -> None:
    claims = claims_of(shared, space, n_trials=1)
    claim = claim_of(claims)
    claims.failed(claim, "broken")
    assert claims.next() is None
    shared.study.enqueue_trial(dict(claim.params), user_attrs={RETRY_OF: 0})
    queued = claim_of(claims)
    assert (queued.number, queued.params) == (1, claim.params)
    assert claims.next() is None


def test_owners_round_trip_through_the_study(shared: SharedStudy, space: Space) -> None:
    claim = claim_of(claims_of(shared, space))
    assert Owner.of(again(shared).trials()[0].user_attrs) == Owner(claim.token, HERE, None)


def test_an_interrupted_study_draws_the_same_trials(tmp_path: Any, space: Space) -> None:
    def drawn(name: str, *, n_at_a_time: int) -> list[dict[str, Any]]:
        url = f"sqlite:///{tmp_path}/{name}.db"
        optuna.create_study(study_name=name, storage=url)
        while len(SharedStudy.found(Store(url), name).trials()) < 6:
            shared = SharedStudy.found(Store(url), name)  # as a new process would
            for _ in range(n_at_a_time):
                number = len(shared.trials())
                shared.study.sampler = build_sampler(TPE, seed=3, number=number, grid={})
                trial = shared.study.ask(dict(space))
                shared.study.tell(trial, trial.params["optimizer.lr"])
        return [trial.params for trial in SharedStudy.found(Store(url), name).trials()]

    assert drawn("unbroken", n_at_a_time=6) == drawn("broken", n_at_a_time=2)


def test_processes_are_distinguished_from_later_ones_with_the_same_pid() -> None:
    assert HERE.is_alive()
    assert not GONE.is_alive()
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    process = named(child.pid)
    assert process.is_alive()
    end(process)
    assert not process.is_alive()  # although still a zombie
    child.wait()
    assert not process.is_alive()


@pytest.mark.parametrize(
    "url", ["mysql://me:secret@host/db", "mysql+pymysql://me:secret@host/db", "mariadb://me:secret@host/db"]
)
def test_servers_other_than_postgresql_are_refused(url: str) -> None:
    expected = r"expected null \(SQLite\), sqlite:///FILE, journal:FILE or postgresql://user@host/database"
    with pytest.raises(ConfigError, match=rf"storage is [\w+]+://me:\*\*\*@host/db; {expected}"):
        Store(url).open()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://me:secret@host/db", "postgresql://me:***@host/db"),
        ("postgresql://me@host:5432/db", "postgresql://me@host:5432/db"),
        ("sqlite:///a.db", "sqlite:///a.db"),
    ],
)
def test_stores_mask_passwords(url: str, said: str) -> None:
    assert str(Store(url)) == said
