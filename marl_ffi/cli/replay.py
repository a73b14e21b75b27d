"""`marl-ffi replay`: record a game of Bucket Brigade, or read one; then show it, check it, turn it into a page."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from ..benchmark.bench import Disagreement
from ..bucket_brigade import Replay, ReplayError, scenario
from . import console

__all__ = ["replay_command"]

SUFFIXES = (".json", ".html", ".htm", ".txt")


@click.command("replay")
@click.argument("file", required=False, type=click.Path(dir_okay=False))
@click.option("--record", is_flag=True, help="Play a new game instead of reading FILE.")
@click.option("--scenario", "name", default="default", show_default=True, help="With --record: what is played.")
@click.option("--set", "changes", multiple=True, metavar="FIELD=VALUE", help="With --record: change a field of it.")
@click.option(
    "--agents", default="firefighter,free_rider,hero,liar", show_default=True, help="With --record: the players."
)
@click.option("--seed", type=click.IntRange(min=0), help="With --record: of the game. Else: to verify a FILE without one.")
@click.option(
    "--decisions", type=click.Choice(["independent", "original"]), default="independent", show_default=True,
    help="With --record: where players draw from.",
)  # fmt: skip
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Write .json, .html (a page) or .txt.")
@click.option("--night", type=click.IntRange(min=0), help="Show one night at length; 0 is the first evening.")
@click.option("--verify", is_flag=True, help="Play the game again and compare. Exits with 1 if it comes out otherwise.")
@click.option("--json", "as_json", is_flag=True, help="Print a summary as JSON.")
def replay_command(
    file: str | None, record: bool, name: str, changes: tuple[str, ...], agents: str, seed: int | None,
    decisions: str, output: str | None, night: int | None, verify: bool, as_json: bool,
) -> None:  # fmt: skip
    """Show a game of Bucket Brigade night by night, from a FILE or a new one.

    \b
    marl-ffi replay game.json                     as text
    marl-ffi replay game.json -o game.html        as a page for the browser
    marl-ffi replay --record --scenario rest_trap --agents hero,liar,liar --seed 3 -o game.json
    """
    if record == (file is not None):
        raise click.UsageError("expected either a FILE or --record")
    if output is not None and Path(output).suffix.lower() not in SUFFIXES:
        raise click.UsageError(f"--output: expected a name that ends in {', '.join(SUFFIXES)}, got {output!r}")
    if file is None:
        chosen = scenario(name, **dict(_change(each) for each in changes))
        replay = Replay.play(chosen, [each.strip() for each in agents.split(",")], seed, decisions=decisions)
    else:
        replay = Replay.load(file)
    verified = _verify(replay, seed) if verify else None
    if output is not None:
        _write(replay, output)
    if as_json:
        click.echo(json.dumps(_summary(replay, verified, output), indent=2))
        return
    if output is None or night is not None:
        click.echo(replay.text(night, color=sys.stdout.isatty()))
    else:
        click.echo(f"{output}: {console.count(replay.num_nights, 'night')}, seed {replay.seed}")
    if verified is not None:
        click.echo(f"verified: {verified}")


def _change(text: str) -> tuple[str, Any]:
    """A field and its value, which is JSON or else a plain string."""
    field, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"--set: expected FIELD=VALUE, got {text!r}")
    try:
        return field.strip(), json.loads(value)
    except ValueError:
        return field.strip(), value.strip()


def _verify(replay: Replay, seed: int | None) -> str:
    """What was compared, in words."""
    try:
        found = replay.verify(seed if replay.seed is None else None)
    except ReplayError as error:
        raise Disagreement(str(error)) from None
    what = "houses and rewards, from the seed" if found.from_seed else "rewards; houses need the seed"
    return f"{found.nights} nights, {what}"


def _write(replay: Replay, output: str) -> None:
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    if Path(output).suffix.lower() == ".txt":
        Path(output).write_text(replay.text() + "\n", encoding="utf-8")
    else:
        replay.save(output)


def _summary(replay: Replay, verified: str | None, output: str | None) -> dict[str, Any]:
    """The game in a few numbers; scores are points per agent and game."""
    last = replay.houses[-1]
    return {
        "scenario": replay.scenario_name,
        "rules": replay.rules,
        "seed": replay.seed,
        "agents": None if replay.agents is None else list(replay.agents),
        "nights": replay.num_nights,
        "scores": replay.scores.tolist(),
        "final_score": float(replay.scores.sum()),
        "lies": replay.lies.sum(axis=0).tolist(),
        "nights_worked": (replay.actions[:, :, 1] == 1).sum(axis=0).tolist(),
        "houses": {state: int((last == k).sum()) for k, state in enumerate(("safe", "burning", "ruined"))},
        "verified": verified,
        "output": output,
    }
