"""A certificate as a table: on the screen, and as Markdown beside the run."""

from __future__ import annotations

import math

from ..studies.resampling import Estimate
from .certified import Certificate
from .gaps import Gap
from .points import ANSWER

HEADER = ("gap", "gain [95 %]", "of what is at stake, %", "verdict")
Row = tuple[str, str, str, str]


def rows(found: Certificate) -> list[Row]:
    """Every gap: what it is, how large, in percent, and the verdict of its part."""
    lines: list[Row] = []
    for name, gap in found.followers.items():
        verdict: str = found.verdicts[f"followers/{name}"]
        lines.append(_row(f"{name}: one deviates, trained (at least)", gap.alone, verdict))
        if gap.bound is not None:
            kind = "exact" if gap.exact else "at most"
            lines.append(_row(f"{name}: one deviates, by the market ({kind})", gap.bound, ""))
        lines.append(_row(f"{name}: the whole group learns anew", gap.together, "not judged"))
    if (leader := found.leader) is not None:
        lines.append(
            _row(
                f"leader: best rival ({leader.rival.name})",
                leader.best,
                found.verdicts["leader"],
            )
        )
        for name, baseline in leader.baselines.items():
            if name != leader.rival.name:
                verdict = "better than the answer" if baseline.gain.low > 0.0 else ""
                lines.append(_row(f"leader: {name}", baseline, verdict))
        lines.append(
            (f"leader: place of the answer among {len(leader.points)} θ", str(leader.place), "", "")
        )
    return lines


def markdown(found: Certificate) -> str:
    """The certificate as Markdown."""
    answer = ", ".join(f"{name} = {value:.6g}" for name, value in found.subject.answer.items())
    lines = [
        f"# Certificate of {found.subject.experiment.name}: {found.verdict}",
        "",
        f"Answer: {answer}. Tolerance: {found.tolerance:g} % of what is at stake. {found.plan}.",
        "",
        f"| {' | '.join(HEADER)} |",
        "|---|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in rows(found)),
    ]
    lines += [f"\n*{kind}*: {text}" for kind, text in found.flags.items()]
    if (leader := found.leader) is not None:
        names = found.subject.experiment.market.characteristics.names
        lines += ["", f"| θ | {' | '.join(names)} | as trained | adapted |"]
        lines.append("|---" * (len(names) + 3) + "|")
        for point in leader.points:
            theta = point.theta if point.market is None else [float("nan")] * len(names)
            values = [*theta, leader.before[point.name], leader.after[point.name]]
            name = f"**{point.name}**" if point.name == ANSWER else point.name
            lines.append(f"| {name} | {' | '.join(_number(value) for value in values)} |")
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    """Empty for what there is none of: the θ of a rule."""
    return "" if math.isnan(value) else f"{value:.4g}"


def _row(label: str, gap: Gap, verdict: str) -> Row:
    return label, _shown(gap.gain), _shown(gap.percent), verdict


def _shown(found: Estimate) -> str:
    return f"{found.value:.3g} [{found.low:.3g}, {found.high:.3g}]"
