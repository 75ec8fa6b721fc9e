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


def least_of_programs(*programs, tries=3):
    """For each, the least number of those that it prints in a few turns; they take turns."""
    printed = [[] for _ in programs]
    for _ in range(tries):
        for program, numbers in zip(programs, printed, strict=True):
            done = subprocess.run(
                [sys.executable, "-c", program], capture_output=True, text=True, check=True
            )
            numbers.append(float(done.stdout))
    return [min(numbers) for numbers in printed]
