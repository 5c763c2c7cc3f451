"""Runs of a benchmark that are stored as they finish, so that an interrupted one goes on."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

from machine import RESULTS, describe, processor, store

Job = dict[str, Any]
Found = dict[str, Any]


class Recorded:
    """Finished jobs; one that is asked for again is not run again.

    Parameters
    ----------
    name : str
        Of the results' files.
    work : function
        From a job, of numbers and names, to what was found. Runs in a process of its own, and has
        to set its number of threads itself.
    report : function
        From the record to its tables.
    """

    def __init__(
        self, name: str, work: Callable[[Job], Found], report: Callable[[dict[str, Any]], str]
    ) -> None:
        self.name, self.work, self.report = name, work, report
        path = RESULTS / f"{name}.json"
        known = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.exists() else []
        self.found: dict[str, tuple[Job, Found]] = {
            key(run["job"]): (run["job"], run["found"]) for run in known
        }

    def wanted(self, jobs: Sequence[Job], at_once: int = 1) -> list[Found]:
        """What the jobs found, in their order, after running those that are missing."""
        missing = {key(job): job for job in jobs if key(job) not in self.found}
        if missing:
            fresh = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(at_once, fresh, max_tasks_per_child=1) as pool:
                running = {pool.submit(self.work, job): job for job in missing.values()}
                for future in as_completed(running):
                    job = running[future]
                    found = {**future.result(), "processor": processor()}
                    self.found[key(job)] = (job, found)
                    self.store(at_once)
        return [self.found[key(job)][1] for job in jobs]

    def best(self, jobs: Sequence[Job], quality: Callable[[Found], float], at_once: int = 1) -> Job:
        """The job that found most quality; the first of equals."""
        judged = zip(self.wanted(jobs, at_once), jobs, strict=True)
        return max(judged, key=lambda pair: quality(pair[0]))[1]

    def store(self, at_once: int) -> None:
        # the machine of the newest run; others may have been made elsewhere, see their processor
        runs = [{"job": job, "found": found} for job, found in self.found.values()]
        record = {"machine": {**describe(threads=1), "runs at once": at_once}, "runs": runs}
        store(self.name, record, self.report(record))


def key(job: Job) -> str:
    return json.dumps(job, sort_keys=True)
