"""A policy as an ONNX graph, for whoever serves models without Python.

Input ``observation``, ``(n, D)`` float32, as the market gives it; its last entries are what the
agent sees of θ. Outputs: ``logits`` ``(n, K)`` and ``action`` ``(n,)``, the most likely; or
``mean`` ``(n, A)`` and ``log_deviation`` ``(A,)``, on the scale in which the Box is [−1, 1], and
``action`` ``(n, A)`` in the market's units. Of a leader, ``mean`` alone: its θ is that on the
scale of the characteristics' bounds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete

from ...envs.core.errors import PacesetterError
from ..runs.machine import software_versions
from ..runs.run_folder import prepare_folder
from ..runs.whole_files import whole_file
from .served import ServedPolicy, load_policies
from .specification import LEADER

OPSET, IR_VERSION = 17, 9  # what runtimes since 2023 read
NODES = {"tanh": ("Tanh",), "relu": ("Relu",), "silu": ("Sigmoid", "Mul")}


def require_onnx() -> None:
    """Raises PacesetterError if the extra is not installed."""
    try:
        import onnx  # noqa: F401
    except ImportError:
        raise PacesetterError(
            "onnx is not installed: pip install 'pacesetter[onnx]'; a policy also acts without it, "
            "pacesetter.load_policy(run).act(observation)."
        ) from None


def write_onnx(policy: ServedPolicy, path: Path) -> None:
    """Write a policy, whole or not at all.

    Raises:
        PacesetterError: the extra ``onnx`` is not installed.
        OSError: the file cannot be written.
    """
    require_onnx()
    import onnx

    model = _Graph(policy).model()
    with whole_file(path) as temporary:
        onnx.save_model(model, str(temporary))


def export_run(run: str | Path, out: Path | None = None, any_version: bool = False) -> list[Path]:
    """Write every policy of a finished run as ``NAME.onnx``.

    Args:
        run: the run folder.
        out: folder to write to; default: ``RUN/onnx``.
        any_version: also of a run of another version of Pacesetter.

    Returns:
        the files.

    Raises:
        PacesetterError: the extra is not installed, the run is not finished or has no policies, or
            the folder cannot be written.
    """
    require_onnx()
    policies = load_policies(run, any_version)
    if not policies:
        raise PacesetterError(f"{run}: nobody learns in this market, so there is no policy.")
    out = Path(run).expanduser() / "onnx" if out is None else out
    prepare_folder(out)
    for name, policy in policies.items():
        write_onnx(policy, out / f"{name}.onnx")
    return [out / f"{name}.onnx" for name in policies]


class _Graph:
    """Builds the graph of one policy, node by node."""

    def __init__(self, policy: ServedPolicy):
        import onnx

        self._helper, self._numbers = onnx.helper, onnx.numpy_helper
        self._float, self._int = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
        self._policy = policy
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def model(self) -> Any:
        """The checked model."""
        import onnx

        policy, helper = self._policy, self._helper
        last = self._actor()
        outputs = self._discrete(last) if policy.log_deviation is None else self._normal(last)
        width = policy.observation_space.shape[0]
        graph = helper.make_graph(
            self._nodes,
            f"{policy.market.name}/{policy.name}",
            [helper.make_tensor_value_info("observation", self._float, ["n", width])],
            outputs,
            self._constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
        model.ir_version, model.producer_name = IR_VERSION, "pacesetter"
        model.producer_version = software_versions()["pacesetter"]
        told = {
            "market": policy.market.name,
            "policy": policy.name,
            "theta_in_last_entries": ", ".join(policy.theta_names),
        }
        helper.set_model_props(model, told)
        onnx.checker.check_model(model)
        return model

    def _actor(self) -> str:
        """The network; returns the name of what comes out of it."""
        values, layers = "observation", self._policy.layers
        for number, (weights, biases) in enumerate(layers):
            own = [self._constant(f"w{number}", weights), self._constant(f"b{number}", biases)]
            values = self._node("Gemm", [values, *own])
            if number < len(layers) - 1:
                first, *rest = NODES[self._policy.activation]
                activated = self._node(first, [values])
                values = self._node(rest[0], [values, activated]) if rest else activated
        return values

    def _discrete(self, logits: str) -> list[Any]:
        space = self._policy.action_space
        assert isinstance(space, Discrete)
        self._named("Identity", [logits], "logits")
        self._named("ArgMax", [logits], "action", axis=-1, keepdims=0)
        return [self._output("logits", ["n", int(space.n)]), self._output("action", ["n"], True)]

    def _normal(self, mean: str) -> list[Any]:
        policy = self._policy
        assert policy.log_deviation is not None
        number = len(policy.log_deviation)
        self._named("Identity", [mean], "mean")
        self._named(
            "Identity", [self._constant("deviation", policy.log_deviation)], "log_deviation"
        )
        outputs = [self._output("mean", ["n", number]), self._output("log_deviation", [number])]
        if policy.name == LEADER:
            return outputs
        space = policy.action_space
        assert isinstance(space, Box)
        if policy.bounds == "smooth":
            within = self._node("Tanh", [mean])
        else:
            ends = [self._constant(name, np.float32(v)) for name, v in (("lo", -1), ("hi", 1))]
            within = self._node("Clip", [mean, *ends])
        half = ((space.high - space.low) / 2).astype(np.float32)
        scaled = self._node("Mul", [within, self._constant("half", half)])
        middle = ((space.high + space.low) / 2).astype(np.float32)
        self._named("Add", [scaled, self._constant("middle", middle)], "action")
        return [*outputs, self._output("action", ["n", number])]

    def _constant(self, name: str, values: Any) -> str:
        self._constants.append(self._numbers.from_array(np.asarray(values, np.float32), name))
        return name

    def _node(self, kind: str, inputs: list[str]) -> str:
        return self._named(kind, inputs, f"v{len(self._nodes)}")

    def _named(self, kind: str, inputs: list[str], output: str, **options: Any) -> str:
        self._nodes.append(self._helper.make_node(kind, inputs, [output], **options))
        return output

    def _output(self, name: str, shape: list[Any], integers: bool = False) -> Any:
        kind = self._int if integers else self._float
        return self._helper.make_tensor_value_info(name, kind, shape)
