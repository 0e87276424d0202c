"""The API: the catalogue, orders as jobs, and what became of them."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shop.answers import COMMON
from shop.jobs import Job, JobQueue
from shop.labels import Labelled, labels
from shop.lifetime import boot
from shop.settings import settings, shown_environment
from shop.store import Store

LONGEST_JOB = 20  # seconds; less than the worker's stop_grace_period


async def health(request: Request) -> Response:
    """Say ok when database and queue answer."""
    outstanding = await request.app.state.queue.outstanding()
    return JSONResponse({"ok": await request.app.state.store.answers(), "outstanding": outstanding})


async def products(request: Request) -> Response:
    """Return what is on sale: name and price in cents."""
    return JSONResponse(settings()["prices"])


async def put_job(request: Request) -> Response:
    """Enqueue an order: {"id": optional, "seconds": of work, "items": {product: how many}}."""
    job = _job(await request.json())
    await request.app.state.queue.put(job)
    return JSONResponse({"job": job.id}, status_code=202)


def _job(order: dict[str, object]) -> Job:
    items = order.get("items", {})
    seconds = order.get("seconds", 0)
    if not isinstance(items, dict) or not set(items) <= set(settings()["prices"]):
        raise HTTPException(422, "items: a product that the shop doesn't have")
    if not isinstance(seconds, int | float) or not 0 <= seconds <= LONGEST_JOB:
        raise HTTPException(422, f"seconds: from 0 to {LONGEST_JOB}")
    return Job(id=str(order.get("id") or uuid.uuid4()), seconds=seconds, items=items)


async def job_runs(request: Request) -> Response:
    """Return the runs of jobs, ?since= seconds since the epoch."""
    return JSONResponse(await request.app.state.store.job_runs(_since(request)))


async def ticks(request: Request) -> Response:
    """Return what the scheduler did, ?since= seconds since the epoch."""
    return JSONResponse(await request.app.state.store.ticks(_since(request)))


def _since(request: Request) -> float:
    return float(request.query_params.get("since", "0"))


async def env(request: Request) -> Response:
    """Return the application's settings from the environment."""
    return JSONResponse(shown_environment())


async def settings_file(request: Request) -> Response:
    """Return the settings file as this process read it."""
    return JSONResponse(settings())


async def chain(request: Request) -> Response:
    """Return who takes part in an answer of the API: itself."""
    return JSONResponse([labels("api")])


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Boot, connect; disconnect at the end."""
    await boot()
    app.state.store = await Store.open()
    app.state.queue = JobQueue()
    yield
    await app.state.queue.close()
    await app.state.store.close()


app = Labelled(
    Starlette(
        routes=[
            *COMMON,
            Route("/health", health),
            Route("/products", products),
            Route("/jobs", put_job, methods=["POST"]),
            Route("/jobs", job_runs),
            Route("/ticks", ticks),
            Route("/env", env),
            Route("/settings", settings_file),
            Route("/chain", chain),
        ],
        lifespan=lifespan,
    )
)
