"""Bounds on time that a slow or busy machine does not break by chance."""

import subprocess
import sys
import time


def least_processor_seconds(work, enough, tries=5):
    """Of this processor's time for a call: the least of a few tries, no more once it is enough."""
    least = float("inf")
    for _ in range(tries):
        began = time.process_time()
        work()
        least = min(least, time.process_time() - began)
        if least < enough:
            break
    return least


def least_printed(program, enough, tries=3):
    """The least number that a program prints in a few tries, no more once it is enough."""
    least = float("inf")
    for _ in range(tries):
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )
        least = min(least, float(done.stdout))
        if least < enough:
            break
    return least
