"""Completion of the command line in bash, zsh and fish, written from the command's own parser."""

from __future__ import annotations

import argparse

from .experiments.shipped import shipped_experiments

EXPERIMENTS_FOR = ("train", "identify")
"""Commands whose first argument may be a shipped experiment."""
BASH = """\
# eval "$(pacesetter completion bash)"
_pacesetter() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" words
    if [ "$COMP_CWORD" -eq 1 ]; then
        words="{commands}"
    else
        case "${{COMP_WORDS[1]}}" in
{cases}
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o default -F _pacesetter pacesetter
"""
ZSH = '# eval "$(pacesetter completion zsh)"\nautoload -U +X bashcompinit && bashcompinit\n'


def completion(parser: argparse.ArgumentParser, shell: str) -> str:
    """The script that a shell evaluates.

    Args:
        parser: of the whole command.
        shell: ``bash``, ``zsh`` or ``fish``.
    """
    words = words_of(parser)
    if shell == "fish":
        lines = [
            "# pacesetter completion fish | source",
            f'complete -c pacesetter -n __fish_use_subcommand -a "{" ".join(words)}"',
        ]
        for command, known in words.items():
            condition = f'"__fish_seen_subcommand_from {command}"'
            lines.append(f'complete -c pacesetter -n {condition} -a "{" ".join(known)}"')
        return "\n".join(lines) + "\n"
    cases = "\n".join(
        f'            {command}) words="{" ".join(known)}" ;;' for command, known in words.items()
    )
    script = BASH.format(commands=" ".join(words), cases=cases)
    return ZSH + script.partition("\n")[2] if shell == "zsh" else script


def words_of(parser: argparse.ArgumentParser) -> dict[str, list[str]]:
    """Command -> what may follow it: its options, and experiments where it takes one."""
    (commands,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    words = {}
    for name, command in commands.choices.items():
        words[name] = [text for a in command._actions for text in a.option_strings]
        words[name] += [str(c) for a in command._actions if a.choices for c in a.choices]
        if name in EXPERIMENTS_FOR:
            words[name] += shipped_experiments()
    return words
