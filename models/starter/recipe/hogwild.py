"""Several single-threaded processes that train the same weights without waiting for each other.

Recht et al. 2011, "Hogwild!". On a CPU that other programs use too, two such processes get far
more done than one process with two threads, whose threads wait for each other at every layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import multiprocessing

from recipe.loop import Dice, Task, Trainer
from recipe.profiles import Plan

STOP_SECONDS = 60.0


class Helpers:
    """The processes beside the first one; a context that ends them."""

    def __init__(self, task: Task, plan: Plan, count: int, compiled: Sequence[str] = ()) -> None:
        """Moves the task's weights into shared memory if `count` is above 0.

        `compiled`: the submodules that each process compiles for itself.
        """
        self._processes: list[Any] = []
        if count == 0:
            return
        multiprocessing.set_sharing_strategy("file_system")  # hundreds of tensors, few handles
        task.modules.share_memory()
        context = multiprocessing.get_context("spawn")
        self._stop = context.Event()
        self._progress = context.Value("d", 0.0)
        for rank in range(1, count + 1):
            arguments = (task, plan, rank, tuple(compiled), self._stop, self._progress)
            process = context.Process(target=_help, args=arguments, daemon=True)
            process.start()
            self._processes.append(process)

    def tell(self, progress: float) -> None:
        """Passes on how far the stage is, which the learning rate follows.

        Raises:
            RuntimeError: if one of the processes has died.
        """
        for process in self._processes:
            if not process.is_alive():
                raise RuntimeError(f"a training process ended with code {process.exitcode}")
        if self._processes:
            self._progress.value = progress

    def __enter__(self) -> Helpers:
        return self

    def __exit__(self, *_: object) -> None:
        if self._processes:
            self._stop.set()
        for process in self._processes:
            process.join(STOP_SECONDS)
            if process.is_alive():
                process.terminate()


def _help(task, plan, rank, compiled, stop, progress) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    torch.set_num_threads(1)
    trainer = Trainer(task, plan, torch.device("cpu"), averaged=False)
    for name in compiled:
        task.modules.get_submodule(name).compile()
    # Not the seed of an earlier call: after a restart it would draw the same batches again.
    trainer.dice = Dice(int(torch.seed() % 2**31) + rank, torch.device("cpu"))
    while not stop.is_set():
        trainer.step(progress.value)
