"""Every name in a catalogue leads to a class of that name, and is described by its docstring."""

from __future__ import annotations

import subprocess
import sys

import pytest

import pacesetter
from pacesetter.envs.registry import MARKETS
from pacesetter.leaders.registry import LEADERS, OBJECTIVES, REFERENCES

CATALOGUES = {"markets": MARKETS, "leaders": LEADERS, "objectives": OBJECTIVES, "refs": REFERENCES}


@pytest.mark.parametrize("catalogue", CATALOGUES.values(), ids=CATALOGUES)
def test_names_and_descriptions_are_those_of_the_classes(catalogue):
    described = catalogue.descriptions()
    assert list(described) == list(catalogue)
    for name, found in catalogue.items():
        assert found.name == name
        assert described[name] == found.__doc__.strip().partition("\n")[0] != ""


def test_the_public_names_are_there_and_cost_nothing_before_they_are_used():
    program = (
        "import sys, pacesetter; assert 'numpy' not in sys.modules;"
        "from pacesetter import *; assert make('duopoly').name == 'duopoly'"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    assert set(pacesetter.__all__) <= {*dir(pacesetter), *pacesetter._PLACES}
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        pacesetter.nothing  # noqa: B018
