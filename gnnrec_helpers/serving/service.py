"""A model file behind HTTP: lists, similar items, explanations, health.

``python -m gnnrec_helpers.serving model.safetensors`` starts it. Whoever has it open sees all
requests and answers at ``/docs``.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, Self

import anyio.to_thread
import numpy as np
import pandas as pd
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, PlainValidator, model_validator
from pydantic_core import PydanticCustomError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..models import Frozen, Model, load
from .explanation import explain
from .retrieval import recommend, similar_items

MAX_BYTES = 2**20  # of a request
MAX_ASKED = 100  # users, histories or items whose lists are asked for at once
MAX_LABELS = 10_000  # in a history, in `only` and in `never`
MAX_K = 1_000
LOG = logging.getLogger("uvicorn.error")  # where the server's own lines go


# ---------------------------------------------------------------------- the file
@dataclass(frozen=True)
class Served:
    """A model, and the file that it came from."""

    model: Model | Frozen
    lists: Model | Frozen  # what answers with lists: its tables, where they can be had
    digest: str
    loaded: datetime


class ModelFile:
    """The model in a file, until a newer file takes its place.

    `current` is replaced in one step. A request takes it once, and so ends with the model that it
    began with.

    Parameters
    ----------
    path : path
        Of what ``model.save`` or ``model.frozen().save`` wrote.

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`gnnrec_helpers.load` does.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._seen = self._tried = _signature(self.path)
        self.current = read(self.path)
        self.refused: str | None = None  # why the file as it is now is not what is served

    def look(self) -> None:
        """Take the file, if it is another one than before and no longer changes.

        One that cannot be read is refused, and the old model stays.
        """
        before, self._seen = self._seen, _signature(self.path)
        if self._seen != before or self._seen == self._tried:
            return
        try:
            newer = read(self.path)
        except Exception as error:  # whatever a strange file leads to, the old model stays
            self.refused = f"{error or type(error).__name__}"
            LOG.warning("Refused, and the old model stays: %s", self.refused)
        else:
            if _signature(self.path) != self._seen:
                return  # somebody wrote to it meanwhile: it is looked at again
            self.current, self.refused = newer, None
            LOG.info("Loaded %s, %s", newer.model, newer.digest[:8])
        self._tried = self._seen


def read(path: Path) -> Served:
    """The model in a file.

    It is read from a copy. Tables stay on the disk until they are needed, and whoever writes over
    the file later must not change what is served.
    """
    # where the copy cannot be removed while it is used (Windows), it is left to the system
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        if not path.exists():
            raise FileNotFoundError(f"There is no file {os.fspath(path)!r}.")
        copy = Path(shutil.copyfile(path, Path(folder) / path.name))
        with copy.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        try:
            model = load(copy)
        except ValueError as error:  # it names the copy
            message = str(error).replace(repr(os.fspath(copy)), repr(os.fspath(path)))
            raise ValueError(message) from error
    for labels in (model.users, model.items):
        _check_labels(labels)
    if isinstance(model, Model):
        model.eval()
    try:
        lists: Model | Frozen = model.frozen()
    except ValueError:  # its table of all scores would be too large
        lists = model
    return Served(model, lists, digest, datetime.now(UTC))


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _check_labels(labels: pd.Index) -> None:
    if pd.api.types.is_integer_dtype(labels.dtype):
        return
    values = labels.tolist()
    try:
        json.dumps(values, ensure_ascii=False).encode()
        fits = all(type(label) in (int, str) for label in values)
    except UnicodeEncodeError:
        fits = False
    if not fits:
        raise ValueError("The service knows users and items by text or whole numbers only.")


# ---------------------------------------------------------------------- requests and answers
def _label(value: object) -> int | str:
    if isinstance(value, (int, str)) and not isinstance(value, bool):
        return value  # 1 is not "1"
    raise PydanticCustomError("label", "a label is text or a whole number")


Label = Annotated[int | str, PlainValidator(_label, json_schema_input_type=int | str)]
Labels = Annotated[list[Label], Field(max_length=MAX_LABELS)]
Asked = Annotated[list[Label], Field(min_length=1, max_length=MAX_ASKED)]
Length = Annotated[int, Field(ge=1, le=MAX_K, strict=True)]


class Strict(BaseModel):
    """Unknown names are refused: they would be misspelt ones."""

    model_config = ConfigDict(extra="forbid")


class ListsRequest(Strict):
    """Who wants lists: users the model knows, or anybody by what she has.

    `unknown` says what becomes of a user the model does not know.
    """

    users: Asked | None = None
    histories: Annotated[dict[str, Labels], Field(min_length=1, max_length=MAX_ASKED)] | None = None
    k: Length = 10
    only: Labels | None = None
    never: Labels | None = None
    unknown: Literal["error", "popular", "skip"] = "error"

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.users is None) == (self.histories is None):
            raise PydanticCustomError("asked", "either users or histories are needed")
        return self


class Item(BaseModel):
    item: Label
    score: float | None  # none where the list is of popular items


class UserList(BaseModel):
    """Best first."""

    user: Label
    items: list[Item]


class Lists(BaseModel):
    """A list for each user, in their order; none for a user for whom no item is left."""

    digest: str  # of the file that answered
    lists: list[UserList]


class SimilarRequest(Strict):
    items: Asked
    k: Length = 10


class Similar(BaseModel):
    item: Label
    similarity: float


class SimilarList(BaseModel):
    """Nearest first."""

    item: Label
    similar: list[Similar]


class SimilarLists(BaseModel):
    digest: str
    lists: list[SimilarList]


class ExplainRequest(Strict):
    user: Label
    item: Label


class Term(BaseModel):
    """A user's item, or a friend, and what it adds to the score."""

    kind: str
    via: Label
    contribution: float


class WayToItem(BaseModel):
    path: list[Label]
    contribution: float


class Explained(BaseModel):
    """The terms add up to the score, and so do `paths` with `other_paths`."""

    digest: str
    score: float
    terms: list[Term]
    paths: list[WayToItem]
    other_paths: float


class Health(BaseModel):
    """What is served, since when; and why the file as it is now is not, if so."""

    status: Literal["ok"] = "ok"
    version: str
    model: str
    users: int
    items: int
    digest: str  # SHA-256 of the file
    loaded: datetime
    refused: str | None


# ---------------------------------------------------------------------- the service
class Limited:
    """Refuses the body of a request as soon as it is too large, before it is in memory."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        size = 0

        async def limited() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > MAX_BYTES:
                raise HTTPException(413, f"The body is larger than {MAX_BYTES:,} bytes.")
            return message

        await self.app(scope, limited, send)


def service(path: str | os.PathLike[str], *, poll: float = 0.5) -> FastAPI:
    """The application that serves the model in a file, for uvicorn or another ASGI server.

    A newer file at the path is served as soon as it has not changed for `poll` seconds. Requests
    that have begun end with the old model. A file that is torn, or that this version does not read,
    is refused, with a line in the log and in ``/health``.

    Parameters
    ----------
    path : path
        Of what ``model.save`` or ``model.frozen().save`` wrote.
    poll : float, default 0.5
        Seconds between two looks at the file.

    Raises
    ------
    FileNotFoundError, ValueError
        If the file cannot be served now.

    Examples
    --------
    >>> from gnnrec_helpers import datasets, models
    >>> path = Path(tempfile.mkdtemp()) / "films.safetensors"
    >>> models.LightGCN(datasets.load("toy").interactions).save(path)
    >>> app = service(path)
    >>> sorted(name for name in app.openapi()["paths"])
    ['/explain', '/health', '/recommend', '/similar-items']
    """
    file = ModelFile(path)
    version = str(getattr(sys.modules["gnnrec_helpers"], "__version__", "unknown"))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # more requests at once than processors would only take memory
        anyio.to_thread.current_default_thread_limiter().total_tokens = os.cpu_count() or 1
        watching = asyncio.create_task(_watch(file, poll))
        yield
        watching.cancel()

    app = FastAPI(title="gnnrec_helpers", version=version, lifespan=lifespan)
    app.add_middleware(Limited)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        if first["type"] == "json_invalid":
            return JSONResponse({"detail": "The body is not JSON."}, 400)
        place = ".".join(str(part) for part in first["loc"])
        return JSONResponse({"detail": _plain(f"{place}: {first['msg']}.")}, 422)

    @app.get("/health")
    async def health() -> Health:
        served = file.current
        return Health(
            version=version,
            model=str(served.model),
            users=len(served.model.users),
            items=len(served.model.items),
            digest=served.digest,
            loaded=served.loaded,
            refused=file.refused,
        )

    @app.post("/recommend")
    def lists(asked: ListsRequest) -> Lists:
        served = file.current
        options = asked.model_dump(exclude={"users", "k"}, exclude_defaults=True)
        with _refusing():
            table = recommend(served.lists, asked.users, asked.k, **options)
        rows = _grouped(table, "user", "item", "score")
        return Lists(
            digest=served.digest,
            lists=[
                UserList(
                    user=user,
                    items=[
                        Item(item=item, score=None if np.isnan(score) else score)
                        for item, score in some
                    ],
                )
                for user, some in rows
            ],
        )

    @app.post("/similar-items")
    def similar(asked: SimilarRequest) -> SimilarLists:
        served = file.current
        with _refusing():
            table = similar_items(served.model, asked.items, asked.k)
        rows = _grouped(table, "item", "similar", "similarity")
        return SimilarLists(
            digest=served.digest,
            lists=[
                SimilarList(item=item, similar=[Similar(item=i, similarity=s) for i, s in some])
                for item, some in rows
            ],
        )

    @app.post("/explain")
    def reasons(asked: ExplainRequest) -> Explained:
        served = file.current
        with _refusing():
            found = explain(served.model, asked.user, asked.item)  # type: ignore[arg-type]
        return Explained(
            digest=served.digest,
            score=found.score,
            terms=[
                Term(kind=kind, via=via, contribution=value)
                for kind, via, value in found.terms.to_numpy().tolist()
            ],
            paths=[
                WayToItem(path=[*path], contribution=value)
                for path, value in found.paths.to_numpy().tolist()
            ],
            other_paths=found.other_paths,
        )

    return app


async def _watch(file: ModelFile, poll: float) -> None:
    while True:
        await asyncio.sleep(poll)
        await asyncio.to_thread(file.look)


@contextmanager
def _refusing() -> Iterator[None]:
    """What the package refuses becomes an answer that says so."""
    try:
        yield
    except KeyError as error:  # a label that the model does not know
        raise HTTPException(404, _plain(str(error.args[0]))) from error
    except (TypeError, ValueError, NotImplementedError, OverflowError) as error:
        raise HTTPException(400, _plain(str(error))) from error


def _plain(text: str) -> str:
    """A sentence that can be written as UTF-8, though what it quotes might not."""
    return text.encode("utf-8", "backslashreplace").decode()


def _grouped(
    table: pd.DataFrame, *names: str
) -> list[tuple[int | str, list[tuple[int | str, float]]]]:
    """Rows of a table of lists, list by list; each begins where the rank is 1."""
    lists: list[tuple[int | str, list[tuple[int | str, float]]]] = []
    columns = (table[name].tolist() for name in ("rank", *names))
    for rank, owner, item, score in zip(*columns, strict=True):
        if rank == 1:
            lists.append((owner, []))
        lists[-1][1].append((item, score))
    return lists
