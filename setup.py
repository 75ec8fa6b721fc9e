"""The repository is the package, and so is every folder below it that has an ``__init__``."""

from setuptools import find_packages, setup

FOUND = find_packages(include=["configs", "envs*", "leaders*", "training*"])

setup(
    package_dir={"pacesetter": "."},
    packages=["pacesetter", *(f"pacesetter.{name}" for name in FOUND)],
)
