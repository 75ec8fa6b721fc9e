"""What one would write by hand for a graphics card: the yardstick of `bench.device`.

One file, plain torch, one market, no library around it: the closed household economy under an HSV
tax with a rebate (see `envs.household_economy.closed`), one policy and PPO by automatic
differentiation, each step and each minibatch a CUDA graph where there is CUDA. No leader, no
figures, no checkpoints, no second market; levies that a household could not pay are cut off.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

DISCOUNT, DECAY, CLIP = 0.95, 0.5, 0.2
SEEN, ACTIONS, YEARS = 8, 2, 100
LOW, HIGH = (0.0, 0.01), (0.99, 1.0)


class HandWritten:
    """B economies of N households, T years per iteration.

    Args:
        copies, households, steps: B, N, T.
        epochs, minibatch: passes over a batch, and rows of a gradient step.
        device: of everything.
    """

    def __init__(
        self,
        copies: int,
        households: int,
        steps: int,
        epochs: int,
        minibatch: int,
        device: torch.device,
    ):
        place: dict[str, Any] = {"device": device}
        rows = copies * households
        self.copies, self.households, self.steps = copies, households, steps
        self.epochs, self.minibatch, self.device = epochs, min(minibatch, steps * rows), device
        self.actor, self.critic = _network(ACTIONS, device), _network(1, device)
        self.deviation = nn.Parameter(torch.full((ACTIONS,), math.log(0.3), **place))
        self.parameters = [*self.actor.parameters(), *self.critic.parameters(), self.deviation]
        cuda = device.type == "cuda"
        rate: Tensor | float = torch.tensor(1e-3, **place) if cuda else 1e-3
        self.adam = torch.optim.Adam(self.parameters, lr=rate, fused=True, capturable=cuda)
        self.low, self.high = torch.tensor(LOW, **place), torch.tensor(HIGH, **place)
        self.theta = torch.rand((copies, 4), **place) * torch.tensor(
            [0.5, 0.5, 0.05, 0.05], **place
        )
        self.wealth = torch.ones((copies, households), **place)
        self.log_e = torch.zeros((copies, households), **place)
        self.income = torch.ones((copies, households), **place)
        self.wage = torch.ones((copies, 1), **place)
        self.seen = torch.zeros((steps + 1, rows, SEEN), **place)
        self.acted = torch.zeros((steps, rows, ACTIONS), **place)
        self.chance, self.reward = torch.zeros((2, steps, rows), **place)
        self.noise = torch.zeros((steps, rows, ACTIONS), **place)
        self.luck = torch.zeros((steps, copies, households), **place)
        self.advantage, self.target = torch.zeros((2, steps * rows), **place)
        self.chosen = torch.zeros(self.minibatch, dtype=torch.int64, **place)
        self.year = 0
        self._horizon = _captured(self._years, device)
        self._learning = _captured(self._minibatch, device)

    def iterate(self) -> None:
        """Sample and learn once."""
        if self.year % YEARS == 0:
            self.wealth.copy_(torch.rand_like(self.wealth) * 40.0)
            self.log_e.normal_().mul_(1.06)
        self.noise.normal_()
        self.luck.normal_()
        self._horizon()
        self.year += self.steps
        self._estimate()
        rows = self.steps * self.copies * self.households
        for _ in range(self.epochs):
            order = torch.randperm(rows, device=self.device)
            for start in range(0, rows - self.minibatch + 1, self.minibatch):
                self.chosen.copy_(order[start : start + self.minibatch])
                self._learning()

    @torch.no_grad()
    def _years(self) -> None:
        for time in range(self.steps):
            self._observe(time)
            mean, deviation = self.actor(self.seen[time]), self.deviation.exp()
            action = mean + deviation * self.noise[time]
            self.acted[time] = action
            self.chance[time] = (-0.5 * self.noise[time].square() - self.deviation).sum(-1)
            share = 0.5 * (torch.tanh(action) + 1.0)
            decided = (self.low + share * (self.high - self.low)).view(
                self.copies, self.households, ACTIONS
            )
            self._live(time, decided[:, :, 0], decided[:, :, 1])
        self._observe(self.steps)

    def _observe(self, time: int) -> None:
        seen = self.seen[time].view(self.copies, self.households, SEEN)
        seen[:, :, 0] = 0.25 * torch.log1p(self.wealth / 0.01) - 1.0
        seen[:, :, 1] = 0.25 * torch.log1p(self.income / 0.01) - 1.0
        seen[:, :, 2] = 0.5 * self.log_e
        seen[:, :, 3] = self.wage
        seen[:, :, 4:] = self.theta[:, None, :]

    def _live(self, time: int, saved: Tensor, hours: Tensor) -> None:
        level, bend, wealth_level, wealth_bend = self.theta[:, :, None].unbind(1)
        work = self.log_e.exp() * hours
        capital = self.wealth.sum(1, keepdim=True)
        wage = (2.0 / 3.0) * (capital.clamp(min=1e-4) / work.sum(1, keepdim=True)) ** (1.0 / 3.0)
        income = 0.04 * self.wealth + wage * work
        kept = _hsv(income, level, bend) + _hsv(self.wealth, wealth_level, wealth_bend)
        whole = income.sum(1, keepdim=True) + capital
        rebate = (whole - kept.sum(1, keepdim=True)) / self.households
        resources = (kept + rebate).clamp(min=1e-4)
        consumed = (1.0 - saved) * resources
        self.reward[time] = (consumed.clamp(min=1e-6).log() - hours**3 / 3.0).view(-1)
        self.wealth.copy_(saved * resources)
        self.income.copy_(income)
        self.wage.copy_(wage)
        self.log_e.mul_(0.982).add_(self.luck[time], alpha=0.2)

    @torch.no_grad()
    def _estimate(self) -> None:
        """Advantages, standardised, and targets of values."""
        rows = self.seen.view(-1, SEEN)
        values = torch.cat([self.critic(part)[:, 0] for part in rows.split(2**20)])
        values = values.view(self.steps + 1, -1)
        errors = self.reward + DISCOUNT * values[1:] - values[:-1]
        running = torch.zeros_like(errors[0])
        for time in range(self.steps - 1, -1, -1):
            running = errors[time] + DISCOUNT * DECAY * running
            errors[time] = running
        self.target.copy_((errors + values[:-1]).view(-1))
        self.advantage.copy_(((errors - errors.mean()) / errors.std()).view(-1))

    def _minibatch(self) -> None:
        seen = self.seen[:-1].view(-1, SEEN).index_select(0, self.chosen)
        acted = self.acted.view(-1, ACTIONS).index_select(0, self.chosen)
        old, advantage, target = (
            column.view(-1).index_select(0, self.chosen)
            for column in (self.chance, self.advantage, self.target)
        )
        distance = (acted - self.actor(seen)) * (-self.deviation).exp()
        ratio = ((-0.5 * distance.square() - self.deviation).sum(-1) - old).exp()
        clipped = ratio.clamp(1.0 - CLIP, 1.0 + CLIP)
        surrogate = torch.min(ratio * advantage, clipped * advantage)
        loss = (self.critic(seen)[:, 0] - target).square().mean() - surrogate.mean()
        gradients = torch.autograd.grad(loss, self.parameters)
        norm = torch.stack([g.square().sum() for g in gradients]).sum().sqrt()
        scale = (0.5 / (norm + 1e-6)).clamp(max=1.0)
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            torch.mul(gradient, scale, out=parameter.grad)
        self.adam.step()


def _network(outputs: int, device: torch.device) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(SEEN, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, outputs)
    ).to(device)


def _hsv(amount: Tensor, level: Tensor, bend: Tensor) -> Tensor:
    return (1.0 - level) / (1.0 - bend) * amount * amount.clamp(min=1e-12) ** (-bend)


def _captured(function: Callable[[], None], device: torch.device) -> Callable[[], None]:
    """Twice as it is, on a stream beside the main one, then as a graph."""
    if device.type != "cuda":
        return function
    runs, graphs = [0], list[torch.cuda.CUDAGraph]()

    def run() -> None:
        if graphs:
            graphs[0].replay()
            return
        if runs[0] < 2:
            runs[0] += 1
            beside = torch.cuda.Stream()
            beside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(beside):
                function()
            torch.cuda.current_stream().wait_stream(beside)
            return
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            function()
        graphs.append(graph)
        graph.replay()

    return run
