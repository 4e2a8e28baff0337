"""Work spread over processes of this machine, or over a Dask cluster."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from ..confinement.process import die_with
from ..errors import UsageError
from ..own_python import safe_path
from .store import Store

if TYPE_CHECKING:
    import distributed

Job = TypeVar("Job")
Done = TypeVar("Done")

#: How long to wait for a scheduler to answer, and for its first worker.
SCHEDULER_SECONDS = 5
WORKER_SECONDS = 30

#: How often a job is tried again after its worker failed.
RETRIES = 3

RUN_AGAIN = "run it again: what is finished stands"


def each(
    function: Callable[[Job], Done], jobs: Sequence[Job], *, processes: int = 1, scheduler: str | None = None
) -> Iterator[Done]:
    """Calls a function for each job, several at a time.

    Args:
        function: what to call; a function of a module, which other processes can import.
        jobs: its arguments; they and the results are pickled.
        processes: how many processes of this machine; 1 stays in this one.
        scheduler: address of a Dask scheduler whose workers are used instead.

    Yields:
        The results, as they come.

    Raises:
        HwxError: what the function raises; or a worker died, or the scheduler does not answer.
    """
    if scheduler is not None:
        yield from _on_cluster(function, jobs, scheduler)
    elif processes > 1 and len(jobs) > 1:
        yield from _in_processes(function, jobs, min(processes, len(jobs)))
    else:
        yield from map(function, jobs)


def make_parts(
    function: Callable[[Job], Done],
    store: Store,
    jobs: Sequence[Job],
    *,
    processes: int = 1,
    scheduler: str | None = None,
) -> Iterator[Done]:
    """Makes parts of a table, and takes away what a run that was stopped has left unfinished.

    Args:
        function: makes the part of a job; see `each`.
        store: the table.
        jobs: the parts.
        processes: how many processes of this machine.
        scheduler: address of a Dask scheduler whose workers are used instead; they must see the same files.

    Yields:
        What the function gives for each part, as they are finished.

    Raises:
        HwxError: a part cannot be written, or the workers failed.
    """
    yield from each(function, jobs, processes=processes, scheduler=scheduler)
    store.remove_unfinished()


def _in_processes(function: Callable[[Job], Done], jobs: Sequence[Job], processes: int) -> Iterator[Done]:
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from concurrent.futures.process import BrokenProcessPool

    # A forked process inherits locks of threads that do not run in it.
    context = multiprocessing.get_context("spawn")
    with safe_path():  # making the pool starts a process too, which watches over what its processes share
        pool = ProcessPoolExecutor(processes, context, initializer=_follow, initargs=(os.getpid(),))
    with pool:
        with safe_path():
            futures = [pool.submit(function, job) for job in jobs]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool as error:
            raise UsageError("a worker process died; was there not enough memory?", hint=RUN_AGAIN) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _follow(parent: int) -> None:
    """A worker ends with its parent, and leaves interrupts to it: Ctrl-C reaches every process of a terminal."""
    die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _on_cluster(function: Callable[[Job], Done], jobs: Sequence[Job], address: str) -> Iterator[Done]:
    client = _connected(address)
    import distributed

    with client:
        futures = client.map(function, jobs, pure=False, retries=RETRIES)
        try:
            for future in distributed.as_completed(futures, loop=client.loop):
                yield future.result()
        except distributed.KilledWorker as error:
            raise UsageError(f"workers of the cluster died again and again: {error}", hint=RUN_AGAIN) from error
        except ImportError as error:
            raise UsageError(
                f"a worker of the cluster has no {error.name}", hint="install the same hwx2py there"
            ) from error
        finally:
            client.cancel(futures)


def _connected(address: str) -> "distributed.Client":
    """A client of the scheduler, which has at least one worker."""
    try:
        import distributed
    except ImportError as error:
        raise UsageError(
            "--scheduler needs dask.distributed, which is not installed", hint="`pip install 'hwx2py[cluster]'`"
        ) from error
    try:
        client = distributed.Client(address, timeout=SCHEDULER_SECONDS, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise UsageError(f"no Dask scheduler answers at {address}", hint="`dask scheduler` starts one") from error
    try:
        client.wait_for_workers(1, timeout=WORKER_SECONDS)
    except TimeoutError as error:
        client.close()
        raise UsageError(
            f"the scheduler at {address} has no worker", hint=f"`dask worker {address}` starts one"
        ) from error
    return client
