"""Runs of a benchmark that are stored as they finish, so that an interrupted one goes on."""

from __future__ import annotations

import argparse
import json
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import machine
from machine import RESULTS, describe, load, store
from provenance import digest_of_code, digests_of_data, is_current, outdated, provenance

from gnnrec_helpers.course.records import Run

Job = dict[str, Any]
Result = dict[str, Any]
CACHE = Path(__file__).parent / "cache"


class Recorded:
    """Finished jobs. One that is asked for again is run again only if its code or data changed.

    Parameters
    ----------
    name : str
        Of the results' files.
    work : function
        From a job, of numbers and names, to its result. Runs in a process of its own, and has to
        set its number of threads itself. Tables of users, if any, are ``result["users"]``.
    report : function
        From the record to its tables.
    data : function
        From a job to the names of the data sets that the work uses.
    reuse_outdated : bool
        Whether to take stored runs as they are, made by whatever code.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[Job], Result],
        report: Callable[[dict[str, Any]], str],
        data: Callable[[Job], Sequence[str]],
        *,
        reuse_outdated: bool = False,
    ) -> None:
        self.name, self.work, self.report, self.data = name, work, report, data
        self.reuse_outdated = reuse_outdated
        self.origin = provenance([work], [])
        self._load()
        if warning := self.outdated():
            print(f"{name}: {warning}")

    def run(self, jobs: Sequence[Job], at_once: int = 1) -> list[Result]:
        """The results of the jobs, in their order, after running those that are not there yet."""
        missing = {key(job): job for job in jobs if not self._is_reusable(key(job))}
        if missing:
            fresh = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(at_once, fresh, max_tasks_per_child=1) as pool:
                running = {pool.submit(self.work, job): job for job in missing.values()}
                try:
                    for future in as_completed(running):
                        self._add(running[future], future.result(), at_once)
                except BaseException:  # do not wait for jobs that have not begun
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise
        return [self.stored[key(job)]["result"] for job in jobs]

    def best(
        self, jobs: Sequence[Job], quality: Callable[[Result], float], at_once: int = 1
    ) -> Job:
        """The job with the result of the highest quality; the first of equals."""
        judged = zip(self.run(jobs, at_once), jobs, strict=True)
        return max(judged, key=lambda pair: quality(pair[0]))[1]

    def drop_outdated(self) -> None:
        """Forget the runs of other versions: everything that is still asked for has been run."""
        if not self.reuse_outdated:
            with self._locked():
                self._load()
                self.stored = {k: r for k, r in self.stored.items() if self._is_current(r)}
                self.store()

    def store(self) -> None:
        """Write the record and its tables."""
        record = {"machine": self.machine, "runs": [*self.stored.values()]}
        warning = self.outdated()
        store(self.name, record, self.report(record) + (f"\n{warning}\n" if warning else ""))

    def outdated(self) -> str:
        """How many stored runs were made by other code or on other data; empty if none was."""
        runs = self.stored.values()
        current = [self._is_current(run) for run in runs]
        return outdated([run["provenance"] for run in runs], current)

    def _add(self, job: Job, result: Result, at_once: int) -> None:
        if digest_of_code(self.work) != self.origin["code"]:
            raise RuntimeError(
                "The code was changed while the benchmark ran, so it is unknown which version the "
                "last run measured: start again."
            )
        origin = {**self.origin, "data": digests_of_data(self.data(job))}
        run: Run = {"job": job, "result": result, "provenance": origin}
        if "users" in result:
            run["users"] = result.pop("users")
        with self._locked():
            self._load()  # another process may have stored runs meanwhile
            self.stored[key(job)] = run
            description = describe(1, [self.work], self.data(job))
            self.machine = {**description, "runs at once": at_once}
            self.store()

    def _load(self) -> None:
        there = (RESULTS / f"{self.name}.json").exists()
        record = load(self.name) if there else {"machine": {}, "runs": []}
        self.machine: dict[str, Any] = record["machine"]  # of the newest run
        self.stored: dict[str, Run] = {key(run["job"]): run for run in record["runs"]}

    def _is_current(self, run: Run) -> bool:
        return is_current(run["provenance"], self.origin["code"], self.data(run["job"]))

    def _is_reusable(self, name: str) -> bool:
        run = self.stored.get(name)
        return run is not None and (self.reuse_outdated or self._is_current(run))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time reads and writes the record."""
        import fcntl

        CACHE.mkdir(exist_ok=True)
        with (CACHE / f"{self.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def key(job: Job) -> str:
    return json.dumps(job, sort_keys=True)


def main(
    about: str | None,
    record: Callable[..., Recorded],
    measure: Callable[..., None],
    parts: Sequence[str] = (),
) -> None:
    """Run a benchmark from the command line.

    Parameters
    ----------
    about : str
        Its docstring.
    record : function
        From ``reuse_outdated=`` to the record.
    measure : function
        Runs the jobs of a record, and of the parts that are named after it.
    parts : names
        That can be picked, where there are some.
    """
    arguments = parser(about)
    if parts:
        arguments.add_argument("parts", nargs="*", help=f"of {', '.join(parts)}; all by default")
    given = arguments.parse_args()
    picked = getattr(given, "parts", None) or parts
    unknown = [part for part in picked if part not in parts]
    if unknown:
        arguments.error(f"there is no part {unknown[0]!r}, but {', '.join(parts)}")
    stored = record(reuse_outdated=given.reuse_outdated)
    if given.report:
        stored.store()
        return
    measure(stored, *picked)
    if set(picked) == set(parts):
        stored.drop_outdated()


def parser(about: str | None) -> argparse.ArgumentParser:
    """The arguments of a benchmark whose runs are stored one by one."""
    arguments = machine.parser(about)
    arguments.add_argument(
        "--reuse-outdated",
        action="store_true",
        help="take stored runs as they are, though the code or the data have changed since",
    )
    return arguments
