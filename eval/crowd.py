"""Many people at the page at once: how long each waits, what fails, and whether anybody sees another's conversation."""

import asyncio
import json
import re
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from html import unescape
from random import Random
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
from gradio_client.utils import apply_diff  # type: ignore[import-untyped]  # it ships without types

import rag

_THINKING = (1.0, 8.0)  # seconds before a question
_LONGEST = 120.0  # seconds that a person waits
_QUESTION = re.compile(r'<h2 class="question">(?:<bdi>)?(.*?)(?:</bdi>)?</h2>', re.DOTALL)


@dataclass(slots=True)
class Crowd:
    """What happened: seconds to the first words and to the whole answer, for the bare page; and what went wrong."""

    first: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    page: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    crossed: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Medians and 95th percentiles, and the counts that have to be 0."""
        return [
            f"{len(self.whole)} answers; {len(self.errors)} errors; {len(self.crossed)} crossed conversations",
            *(f"{name}: p50 {p50:.2f} s, p95 {p95:.2f} s" for name, p50, p95 in self._times()),
            *sorted(set(self.errors))[:5],
            *self.crossed[:5],
        ]

    def _times(self) -> list[tuple[str, float, float]]:
        named = (("first words", self.first), ("whole answer", self.whole), ("the page itself", self.page))
        return [(name, *np.percentile(times, (50, 95)).tolist()) for name, times in named if times]


def visit(address: str, questions: Sequence[str], *, people: int, seconds: float, seed: int = 0) -> Crowd:
    """Let so many people ask at random for so long. Raises RagError where there is no page of ours at the address."""
    return asyncio.run(_visit(address.rstrip("/"), questions, people, seconds, seed))


async def _visit(address: str, questions: Sequence[str], people: int, seconds: float, seed: int) -> Crowd:
    crowd = Crowd()
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=address, timeout=_LONGEST, limits=limits) as client:
        asking = await _asking(client)
        until = time.monotonic() + seconds
        visitors = [
            _visitor(client, asking, questions, until, Random(seed + number), crowd) for number in range(people)
        ]
        await asyncio.gather(*visitors, _reload(client, until, crowd))
    return crowd


async def _asking(client: httpx.AsyncClient) -> dict[str, Any]:
    """How the page asks: its event, and what goes with the question."""
    try:
        config = (await client.get("/config")).raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        raise rag.RagError(f"No page at {client.base_url} ({error}). Start one: rag serve") from error
    parts = {part["id"]: part["props"] for part in config["components"]}
    event = next(event for event in config["dependencies"] if event["api_name"] == "ask")
    values = [parts[part].get("value") for part in event["inputs"]]
    return {"prefix": config["api_prefix"], "fn_index": event["id"], "values": values}


async def _visitor(
    client: httpx.AsyncClient,
    asking: dict[str, Any],
    questions: Sequence[str],
    until: float,
    chance: Random,
    crowd: Crowd,
) -> None:
    """One person: thinks, asks, waits for the answer, thinks again."""
    session, asked = uuid4().hex, list[str]()
    while (thinking := chance.uniform(*_THINKING)) < until - time.monotonic():
        await asyncio.sleep(thinking)
        asked.append(chance.choice(questions))
        try:
            await _ask(client, asking, session, asked, crowd)
        except (httpx.HTTPError, ValueError, KeyError) as error:
            crowd.errors.append(f"{type(error).__name__}: {error}")


async def _ask(
    client: httpx.AsyncClient, asking: dict[str, Any], session: str, asked: Sequence[str], crowd: Crowd
) -> None:
    body = {"fn_index": asking["fn_index"], "session_hash": session, "data": [asked[-1], *asking["values"][1:]]}
    began = time.monotonic()
    (await client.post(f"{asking['prefix']}/queue/join", json=body)).raise_for_status()
    views = [view async for view in _views(client, asking["prefix"], session, began, crowd)]
    crowd.whole.append(time.monotonic() - began)
    seen = [unescape(question) for question in _QUESTION.findall(views[-1])]
    if seen != list(asked):
        crowd.crossed.append(f"asked {asked}, sees {seen}")


async def _views(
    client: httpx.AsyncClient, prefix: str, session: str, began: float, crowd: Crowd
) -> AsyncGenerator[str, None]:
    """The conversation each time that it changes, until the answer is whole."""
    shown: Any = None
    has_words = False
    async with aclosing(_messages(client, prefix, session)) as messages:
        async for message in messages:
            if message["msg"] == "process_completed":
                if not message["success"]:
                    raise ValueError(str(message["output"].get("error")))
                return
            if message["msg"] != "process_generating":
                continue
            change = message["output"]["data"][0]
            shown = change if shown is None else apply_diff(shown, change)  # whole at first, then what differs
            if not has_words and "Reading the documents" not in shown:
                has_words = True
                crowd.first.append(time.monotonic() - began)
            yield shown


async def _messages(client: httpx.AsyncClient, prefix: str, session: str) -> AsyncGenerator[dict[str, Any], None]:
    async with client.stream("GET", f"{prefix}/queue/data", params={"session_hash": session}) as stream:
        async for line in stream.aiter_lines():
            if line.startswith("data:"):
                yield json.loads(line[len("data:") :])


async def _reload(client: httpx.AsyncClient, until: float, crowd: Crowd) -> None:
    """Somebody who opens the page every second: what everybody waits for who comes while the others ask."""
    while time.monotonic() < until:
        began = time.monotonic()
        try:
            (await client.get("/")).raise_for_status()
            crowd.page.append(time.monotonic() - began)
        except httpx.HTTPError as error:
            crowd.errors.append(f"page: {type(error).__name__}: {error}")
        await asyncio.sleep(1)
