"""Networks on a device: mirrors of those in main memory, in which everything is aligned.

Weights are few and rollouts many: the networks that the loop, its checkpoints and reports know stay
where they are, and their mirrors are told of them once per iteration. A mirror's parameters lie in
one buffer as the others' do, but each begins at an address that suits products of matrices, and
rows of observations are filled up with zeros to whole vectors of four.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from ...policies.network import ActorCritic
from ..gradients import forward

VECTOR = 4  # numbers that a device reads at once
ALIGNED = 64  # numbers between the beginnings of two parameters
BLOCK = 2**19  # rows that are looked up at once
_mirrors: WeakKeyDictionary[nn.Module, Mirror] = WeakKeyDictionary()


def padded(entries: int) -> int:
    """The width of a row of observations on a device."""
    return VECTOR * math.ceil(entries / VECTOR)


def mirror_of(module: ActorCritic, device: torch.device) -> Mirror:
    """The mirror of a module, with the weights that this has now."""
    found = _mirrors.get(module)
    if found is None or found.values_flat.device.type != device.type:
        found = _mirrors[module] = Mirror(module, device)
    found.take(module)
    return found


class Mirror(ActorCritic):
    """A module on a device; see above.

    Attributes:
        values_flat, gradient: of all parameters, ``(Q,)``.
        places: where in them each of the module's own ``(P,)`` parameters is.
    """

    def __init__(self, module: ActorCritic, device: torch.device):
        nn.Module.__init__(self)
        self.value_scale = module.value_scale
        self.deviation_schedule = None
        self.log_deviation = None
        if module.log_deviation is not None:
            self.log_deviation = nn.Parameter(
                torch.zeros_like(module.log_deviation.detach()),
                requires_grad=module.log_deviation.requires_grad,
            )
        self.actor = _widened(module.actor)
        self.critic = None if module.critic is None else _widened(module.critic)
        self.values_flat, self.gradient, self.places = self._laid_out(module, device)

    def _laid_out(self, module: ActorCritic, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        mine = list(self.parameters())
        starts, end = [], 0
        for parameter in mine:
            starts.append(end)
            end += ALIGNED * math.ceil(parameter.numel() / ALIGNED)
        values, gradient = torch.zeros(end, device=device), torch.zeros(end, device=device)
        places = []
        for parameter, other, start in zip(mine, module.parameters(), starts, strict=True):
            own = torch.arange(start, start + parameter.numel()).view(parameter.shape)
            places.append(own[tuple(slice(n) for n in other.shape)].reshape(-1))
            part = slice(start, start + parameter.numel())
            parameter.data = values[part].view(parameter.shape)
            parameter.grad = gradient[part].view(parameter.shape)
        return values, gradient, torch.cat(places).to(device)

    @torch.no_grad()
    def take(self, module: ActorCritic) -> None:
        """Take over a module's weights."""
        flat = torch.cat([parameter.detach().reshape(-1) for parameter in module.parameters()])
        self.values_flat.index_copy_(0, self.places, flat.to(self.values_flat.device))

    @torch.no_grad()
    def inputs_of_actions(self, rows: Tensor) -> Tensor:
        """What `ActorCritic.distribution_inputs` returns, of padded rows ``(n, D')``."""
        return self.with_deviations(forward(self.actor, rows)[-1])

    @torch.no_grad()
    def looked_up(self, rows: Tensor) -> Tensor:
        """Values of padded rows ``(n, D')``, ``(n,)``, in blocks."""
        assert self.critic is not None
        found = torch.empty(len(rows), device=rows.device)
        for start in range(0, len(rows), BLOCK):
            part = slice(start, start + BLOCK)
            torch.mul(forward(self.critic, rows[part])[-1][:, 0], self.value_scale, out=found[part])
        return found


def _widened(network: nn.Sequential) -> nn.Sequential:
    """The same layers with an input of whole vectors; weights are not copied."""

    def layers() -> Iterator[nn.Module]:
        for number, layer in enumerate(network):
            if isinstance(layer, nn.Linear):
                inputs = padded(layer.in_features) if number == 0 else layer.in_features
                yield nn.Linear(inputs, layer.out_features)
            else:
                yield type(layer)()

    with torch.random.fork_rng(devices=[]):
        return nn.Sequential(*layers())
