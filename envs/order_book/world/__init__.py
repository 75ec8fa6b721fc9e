"""One learned agent in the place of all background traders (INTAGS: Wei et al. 2023)."""

from .agent import WorldAgent
from .alphabet import allowed_bins, mirror_actions
from .features import mirror_features
from .recording import OrderStream, record_orders
from .replay import Replayed, replay_orders
from .simulation import WorldLog, WorldMarkets

__all__ = [
    "OrderStream",
    "Replayed",
    "WorldAgent",
    "WorldLog",
    "WorldMarkets",
    "allowed_bins",
    "mirror_actions",
    "mirror_features",
    "record_orders",
    "replay_orders",
]
