"""One learned agent in the place of all background traders (INTAGS: Wei et al. 2023)."""

from .agent import WorldAgent
from .alphabet import allowed_bins, mirror_actions
from .features import mirror_features
from .lobster import replay_messages
from .recording import OrderStream, check_recording, record_orders
from .replay import Replayed, replay_orders
from .simulation import WorldLog, WorldMarkets

__all__ = [
    "OrderStream",
    "Replayed",
    "WorldAgent",
    "WorldLog",
    "WorldMarkets",
    "allowed_bins",
    "check_recording",
    "mirror_actions",
    "mirror_features",
    "record_orders",
    "replay_messages",
    "replay_orders",
]
