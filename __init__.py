"""Pacesetter: markets in which a leader sets the rules and followers adapt to them.

>>> import pacesetter
>>> market = pacesetter.make("cobweb", treatment="stable")
>>> state = market.reset(seed=0, copies=4, theta={"mean_information_cost": 0.2})
>>> market.observe(state)["producer"].shape
(4, 6, 4)
"""

from .envs.errors import PacesetterError
from .envs.parallel import parallel_env
from .envs.registry import make

__version__ = "0.1.0"
__all__ = ["PacesetterError", "__version__", "make", "parallel_env"]
