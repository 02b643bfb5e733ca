"""A server of its own for tests that kill it: makes its jobs once, then works until all are over.

Arguments: data folder, and a log to which each finished job's id is appended.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from tests.services.conftest import a_request, served
from webui.services.records import Job
from webui.services.runs import End, Runs

JOBS = 5
PICTURES = 6


def main(data_dir: Path, log: Path) -> None:
    end = Runs.end

    def noted_end(runs: Runs, job_id: str, how: End) -> None:
        end(runs, job_id, how)
        with log.open("a", encoding="ascii") as file:
            file.write(f"{job_id} {how.state}\n")
            file.flush()
            os.fsync(file.fileno())

    Runs.end = noted_end  # type: ignore[method-assign]
    with served(data_dir) as server:
        jobs: list[Job] = [
            server.jobs.submit(
                "ab"[number % 2],
                a_request("slow", seed=1000 * number, steps=2, batch_size=2, batch_count=3),
                idempotency_key=str(number),
            )
            for number in range(JOBS)
        ]
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while any(server.state(job).active for job in jobs):
            time.sleep(0.02)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
