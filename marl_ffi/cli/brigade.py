"""Commands that analyse Bucket Brigade: `nash`, `evolve`, `tournament`. Thin doors to the library."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from .. import brigade_plots
from ..bucket_brigade import (
    ARCHETYPES,
    PARAMETERS,
    EffectiveSpace,
    FitnessEvaluator,
    PayoffEvaluator,
    archetype,
    run_tournament,
)
from ..bucket_brigade.fitness import TEAMS
from ..errors import InvalidInputError
from ..evolution import METHODS, evolve
from ..game_theory import (
    BestResponse,
    DoubleOracle,
    Equilibria,
    HeterogeneousDoubleOracle,
    Maxmin,
    SymmetricGame,
    best_response,
    maxmin,
    symmetric_nash,
)
from . import console

__all__ = ["COMMANDS"]

Command = Callable[..., Any]
PICTURES = (".png", ".svg", ".pdf")


def _writable(_: click.Context, __: click.Parameter, path: str | None) -> str | None:
    """The path, whose directory is made if it is not there: where that fails, it does before the work begins."""
    if path is not None and path != "-":
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise click.BadParameter(f"{path!r}: its directory cannot be made: {error.strerror}") from None
    return path


def _picture(context: click.Context, parameter: click.Parameter, path: str | None) -> str | None:
    """The path, if its ending is that of a picture too."""
    if path is not None and Path(path).suffix.lower() not in PICTURES:
        raise click.BadParameter(f"expected a name that ends in {', '.join(PICTURES)}, got {path!r}")
    return _writable(context, parameter, path)


def _output(name: str, variable: str, text: str) -> Callable[[Command], Command]:
    """An option for a file that is written."""
    return click.option(name, variable, type=click.Path(dir_okay=False), callback=_writable, help=text)


def _shared(command: Command) -> Command:
    """Options that every analysis has."""
    for option in (
        click.option(
            "--plot", "plot_file", type=click.Path(dir_okay=False), callback=_picture, help="Draw it: .png, .svg, .pdf."
        ),
        click.option(
            "--json", "json_file", type=click.Path(dir_okay=False, allow_dash=True), is_flag=False, flag_value="-",
            callback=_writable, help="Everything as JSON, to a file; without one, on standard output instead of the table.",
        ),
        click.option("--threads", type=click.IntRange(min=1), help="Most threads; results do not depend on it."),
        click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0, max=2**63 - 1)),
    ):  # fmt: skip
        command = option(command)
    return command


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _finish(data: dict[str, Any], json_file: str | None, report: Callable[[], None]) -> None:
    text = json.dumps(data, indent=2)
    if json_file == "-":
        click.echo(text)
        return
    report()
    if json_file is not None:
        Path(json_file).write_text(text + "\n", encoding="utf-8")


# ------------------------------------------------------------------------------------------------------------
# nash


@click.command("nash")
@click.argument("scenario", default="rest_trap")
@click.option("--strategies", default=",".join(ARCHETYPES), show_default=True, help="Archetypes, with commas.")
@click.option("--agents", type=click.IntRange(min=2), help="Number of agents; that of the scenario.")
@click.option("--simulations", default=1000, show_default=True, type=click.IntRange(min=2), help="Per payoff.")
@click.option("--search", is_flag=True, help="Double oracle: add better strategies until none is found.")
@click.option("--seats", is_flag=True, help="Let seats differ: pure equilibria by best responses in turn.")
@_output("--csv", "csv_file", "Write the payoff table.")
@_output("--nfg", "nfg_file", "Write the game for Gambit.")
@_shared
def nash_command(
    scenario: str, strategies: str, agents: int | None, simulations: int, search: bool, seats: bool,
    csv_file: str | None, nfg_file: str | None, seed: int, threads: int | None, json_file: str | None,
    plot_file: str | None,
) -> None:  # fmt: skip
    """Equilibria of a Bucket Brigade SCENARIO, with regrets and standard errors.

    All agents mix independently, and seats are dealt at random (unless --seats).
    """
    evaluator = PayoffEvaluator(scenario, simulations, seed, num_agents=agents, num_threads=threads)
    names = _names(strategies)
    if len(set(names)) < len(names):
        raise click.UsageError(f"--strategies: expected different ones, got {strategies}")
    pool = np.array([archetype(name) for name in names]).reshape(-1, len(PARAMETERS))
    about = {
        "scenario": scenario, "num_agents": evaluator.num_players, "num_simulations": simulations, "seed": seed,
        "units": evaluator.units,
    }  # fmt: skip
    if seats:
        if search or plot_file or csv_file or nfg_file:
            raise click.UsageError("--seats finds profiles, no table: --search, --plot, --csv and --nfg are not for it")
        _seats(evaluator, pool, names, about, json_file)
        return
    if search:
        result = DoubleOracle(evaluator, evaluator.space, num_simulations=simulations, seed=seed).solve(pool, names)
        game, response, found = result.game, result.response, _found(result.game)
        about["double_oracle"] = result.to_dict()
    else:
        game = evaluator.payoff_table(dict(zip(names, pool)), show_progress=True)
        found = _found(game)
        response = best_response(evaluator, evaluator.space, pool, found[0].probabilities, seed=seed)
    security = maxmin(game.against_alike(), names=game.names, units=game.units)
    data = {
        **about,
        "complete": found.complete,
        "equilibria": [each.to_dict() for each in found],
        "maxmin": dict(zip(game.names, security.probabilities.tolist())),
        "best_response": {
            "to": found[0].distribution, "work": response.point[0], "own": response.point[1],
            "payoff": response.payoff, "gain": response.gain, "gain_standard_error": response.gain_standard_error,
        },
    }  # fmt: skip
    _finish(data, json_file, lambda: _report_nash(about, game, found, response, security))
    if csv_file:
        game.to_csv(csv_file)
    if nfg_file:
        game.to_nfg(nfg_file, f"Bucket Brigade, {scenario}")
    if plot_file:
        brigade_plots.equilibria(game, found, title=f"Symmetric equilibria of {scenario}", path=plot_file)


def _found(game: SymmetricGame) -> Equilibria:
    found = symmetric_nash(game)
    if not found:
        raise InvalidInputError(f"no equilibrium of {game!r} was found; ask for fewer strategies")
    return found


def _report_nash(
    about: dict[str, Any], game: SymmetricGame, found: Equilibria, response: BestResponse, security: Maxmin
) -> None:
    what = "all there are" if found.complete else "there may be others"
    equilibria = console.count(len(found), "symmetric equilibrium", "symmetric equilibria")
    among = console.count(len(game.names), "strategy", "strategies")
    console.line(f"{about['scenario']}: {equilibria} among {among} ({what})")
    rows = []
    for number, each in enumerate(found, 1):
        for place, i in enumerate(each.support):
            errors = each.probabilities_standard_errors
            share = f"{each.probabilities[i]:.3f}" + (f" ± {errors[i]:.3f}" if errors is not None else "")
            noise = "" if each.payoff_standard_error is None else f" ± {each.payoff_standard_error:,.1f}"
            whole = (f"{each.payoff:,.1f}{noise}", f"{each.regret:.0e}") if place == 0 else ("", "")
            rows.append((str(number) if place == 0 else "", game.names[i], share, *whole))
    console.table("", ("", "strategy", "probability", "payoff", "regret"), rows, numbers_from=2)
    sure = "" if response.decisive() else ", which is not decisive"
    lines = [
        f"payoffs: {about['units']}; {about['num_agents']} agents, {about['num_simulations']} simulations, "
        f"seed {about['seed']}",
        f"best response to equilibrium 1, among all strategies: work {response.point[0]:.2f}, own house first "
        f"{response.point[1]:.2f}: gains {response.gain:,.1f} ± {response.gain_standard_error:,.1f}{sure}",
        "no equilibrium, but safe against an adversary: " + _mixture(security.probabilities, security.names),
    ]
    if "double_oracle" in about:
        oracle = about["double_oracle"]
        how = "converged" if oracle["converged"] else "did not converge"
        lines.append(f"the double oracle {how} in {console.count(oracle['iterations'], 'round')}")
    for line in lines:
        console.line(line)


def _mixture(probabilities: Any, names: Sequence[str]) -> str:
    return ", ".join(f"{name} {p:.3f}" for name, p in zip(names, probabilities) if p > 0)


def _seats(
    evaluator: PayoffEvaluator, pool: Any, names: list[str], about: dict[str, Any], json_file: str | None
) -> None:
    oracle = HeterogeneousDoubleOracle(
        evaluator, evaluator.space, num_simulations=2 * about["num_simulations"],
        search_simulations=max(2, about["num_simulations"] // 4), num_restarts=3, seed=about["seed"],
    )  # fmt: skip
    result = oracle.solve(pool, names)
    data = {**about, "profiles": [each.to_dict() for each in result.profiles], "starts": list(result.starts)}

    def report() -> None:
        rows = [
            (
                " / ".join(each.names), "equilibrium" if each.converged else "no", str(starts),
                f"{each.mean_payoff:,.1f} ± {each.mean_standard_error:,.1f}",
            )
            for each, starts in zip(result.profiles, result.starts)
        ]  # fmt: skip
        console.table(f"{about['scenario']}: where best responses lead", ("seats", "", "starts", "mean payoff"), rows, 2)
        console.line(f"payoffs: mean over agents, {about['units']}")

    _finish(data, json_file, report)


# ------------------------------------------------------------------------------------------------------------
# evolve


@click.command("evolve")
@click.argument("scenario", default="default")
@click.option("--method", default="ga", show_default=True, type=click.Choice(METHODS), help="Genetic, or CMA-ES.")
@click.option("--team", default="homogeneous", show_default=True, type=click.Choice(TEAMS))
@click.option("--population", default=50, show_default=True, type=click.IntRange(min=2))
@click.option("--generations", default=20, show_default=True, type=click.IntRange(min=0))
@click.option("--games", default=100, show_default=True, type=click.IntRange(min=2), help="Per individual.")
@click.option("--patience", type=click.IntRange(min=1), help="Stop after so many generations without a gain.")
@_output("--checkpoint", "checkpoint", "Written each generation; gone on from if there.")
@_output("--csv", "csv_file", "Write the history.")
@_shared
def evolve_command(
    scenario: str, method: str, team: str, population: int, generations: int, games: int, patience: int | None,
    checkpoint: str | None, csv_file: str | None, seed: int, threads: int | None, json_file: str | None,
    plot_file: str | None,
) -> None:  # fmt: skip
    """Evolve a strategy for a Bucket Brigade SCENARIO."""
    fitness = FitnessEvaluator(
        scenario, games_per_individual=games, seed=seed, team=team, num_threads=threads
    )
    result = evolve(
        fitness, method=method, population_size=population, num_generations=generations, patience=patience,
        elite_size=min(5, population - 1), tournament_size=min(3, population), seed=seed, checkpoint=checkpoint,
    )  # fmt: skip
    others = fitness(list(ARCHETYPES), seed, 20 * games)
    references = dict(zip(ARCHETYPES, others.means.tolist()))
    work, own = EffectiveSpace.point(result.best)
    data = {"scenario": scenario, "team": team, **result.to_dict(), "work": work, "own": own, "archetypes": references}

    def report() -> None:
        rows = [("evolved", f"{result.fitness:,.1f}", f"{result.standard_error:,.1f}")]
        rows += [(n, f"{m:,.1f}", f"{e:,.1f}") for n, m, e in zip(ARCHETYPES, others.means, others.standard_errors)]
        rows.sort(key=lambda row: -float(row[1].replace(",", "")))
        console.table(f"{scenario}, {team} team: fitness in new games", ("strategy", "fitness", "±"), rows)
        console.line(f"evolved: works with probability {work:.3f}, at its own burning house first with {own:.3f}")
        bred = console.count(result.num_generations - 1, "generation")
        console.line(f"fitness: {result.units}; {bred}, seed {result.seed}")

    _finish(data, json_file, report)
    if csv_file:
        result.to_csv(csv_file)
    if plot_file:
        brigade_plots.evolution(result, references, title=f"Evolution in {scenario}", path=plot_file)


# ------------------------------------------------------------------------------------------------------------
# tournament


@click.command("tournament")
@click.argument("scenarios", nargs=-1)
@click.option("--strategies", default=",".join(ARCHETYPES), show_default=True, help="Archetypes, with commas.")
@click.option("--games", default=2000, show_default=True, type=click.IntRange(min=1))
@click.option("--team-size", default=4, show_default=True, type=click.IntRange(min=1, max=255))
@_output("--csv", "csv_file", "Write the games, a row each.")
@_shared
def tournament_command(
    scenarios: tuple[str, ...], strategies: str, games: int, team_size: int, csv_file: str | None, seed: int,
    threads: int | None, json_file: str | None, plot_file: str | None,
) -> None:  # fmt: skip
    """Random teams in random SCENARIOS (the nine research scenarios), and who makes a team earn more."""
    played = run_tournament(
        _names(strategies), scenarios or None, num_games=games, team_size=team_size, seed=seed, num_threads=threads
    )
    ranks = played.ranking()
    payoffs: dict[str, list[float]] = {}
    for game in played:
        payoffs.setdefault(game.scenario, []).append(game.team_payoff)
    means = {town: float(np.mean(values)) for town, values in sorted(payoffs.items())}
    data = {
        "seed": seed,
        "games": len(played),
        "units": played.units,
        "meaning": ranks.meaning,
        "ranking": [vars(agent) for agent in ranks.agents],
        "mean_payoffs": means,
    }

    def report() -> None:
        rows = [
            (a.name, f"{a.effect:+,.1f}", f"{a.low:+,.1f} .. {a.high:+,.1f}", f"{a.games:,}") for a in ranks.agents
        ]
        console.table(f"Ranking from {len(played):,} games", ("agent", "effect", "95 %", "games"), rows)
        console.line(f"effect: {ranks.meaning}; {played.units}, seed {seed}")

    _finish(data, json_file, report)
    if csv_file:
        played.to_csv(csv_file)
    if plot_file:
        brigade_plots.ranking(ranks, title=f"Who makes a team earn more: {len(played):,} games", path=plot_file)


COMMANDS = (nash_command, evolve_command, tournament_command)
"""What `marl-ffi` adds to its own commands."""
