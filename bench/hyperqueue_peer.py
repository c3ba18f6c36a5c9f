"""So many `true` tasks on two workers of HyperQueue; prints the seconds from submission to the end of all.

HyperQueue listens on all addresses: `sweeping` starts this in a network of its own.
"""

from __future__ import annotations

import sys
import time

from hyperqueue import Job, LocalCluster
from hyperqueue.cluster import WorkerConfig


def main(count: int) -> None:
    with LocalCluster() as cluster:
        cluster.start_worker(WorkerConfig(cores=2))
        client = cluster.client()
        began = time.monotonic()
        job = Job()
        for _ in range(count):
            # Their output is not kept: kept, it is two files a task, and takes longer.
            job.program(["true"], stdout=None, stderr=None)
        client.wait_for_jobs([client.submit(job)])
        print(f"\nseconds {time.monotonic() - began}")


if __name__ == "__main__":
    main(int(sys.argv[1]))
