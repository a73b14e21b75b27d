"""The commands of `marl-ffi`: thin doors to `demo.py`, `benchmark/` and the package's own descriptions."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

import click

import marl_ffi

from .. import demo
from ..benchmark import bench
from ..benchmark.bench import Disagreement
from ..errors import MarlError
from . import console
from .brigade import COMMANDS as BRIGADE_COMMANDS
from .replay import replay_command

__all__ = ["EXPECTED_ERRORS", "Disagreement", "cli"]

# What a user can cause. Anything else is a bug of ours and shows its traceback.
EXPECTED_ERRORS = (MarlError, OSError, ModuleNotFoundError)
# Columns of the tables of `list ID`, as far as an entry has them.
FIELDS = ("name", "type", "dtype", "shape", "default", "unit", "writable", "description")


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True)
@click.version_option(marl_ffi.__version__, message="marl_ffi %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Multi-agent environments on a Rust engine."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for each in (*BRIGADE_COMMANDS, replay_command):
    cli.add_command(each)


@cli.command("demo")
@click.option("--fleet", metavar="CSV", help="Generating units; with --load.")
@click.option("--load", metavar="CSV", help="Hourly load; with --fleet.")
@click.option(
    "--groups", default="thermal,hydro", show_default=True, help="Groups of units to keep; 'all' for all."
)
@click.option(
    "--day", default=0, show_default=True, type=click.IntRange(min=0), help="Which day of the load file."
)
@click.option(
    "--output", default="demo", show_default=True, type=click.Path(file_okay=False), help="For pictures."
)
@click.option(
    "--bench/--no-bench", "benchmarks", default=True, show_default=True, help="Race against numba too."
)
def demo_command(
    fleet: str | None, load: str | None, groups: str, day: int, output: str, benchmarks: bool
) -> int:
    """Clear a real day hour by hour, check it, draw it, time it.

    Without --fleet and --load, the files in the directory MARL_FFI_DATA are used, or else a made-up example.
    """
    chosen = None if groups == "all" else [name.strip() for name in groups.split(",") if name.strip()]
    data = demo.find_data(fleet, load)
    passed = demo.run(data, groups=chosen, day=day, output=output, benchmarks=benchmarks)
    return 0 if passed else 1


@cli.command("bench")
@click.argument("sections", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every row, not only the headlines.")
@click.option("--rounds", default=11, show_default=True, type=click.IntRange(min=bench.MIN_ROUNDS))
@click.option(
    "--json", "json_file", type=click.Path(dir_okay=False, allow_dash=True), help="Also write the results."
)
def bench_command(sections: tuple[str, ...], everything: bool, rounds: int, json_file: str | None) -> int:
    """Race against numba, NumPy and Gymnasium on this machine. SECTIONS: market, observers, env, batch, classic,
    brigade.

    Exits with 1 if a requirement is missed.
    """
    build = marl_ffi.build_info()
    results = bench.run(bench.select(bench.all_cases(), sections, everything), rounds)
    if json_file == "-":
        click.echo(bench.to_json(results, build))
    else:
        bench.report(results, build)
        if json_file is not None:
            Path(json_file).write_text(bench.to_json(results, build) + "\n", encoding="utf-8")
    return 1 if any(result.verdict == "FAIL" for result in results) else 0


@cli.command("info")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def info_command(as_json: bool) -> None:
    """What runs here: the engine, its threads, the versions around it."""
    packages = ("numpy", "numba", "gymnasium", "pettingzoo", "cffi")
    info = {
        **marl_ffi.build_info(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": {name: bench.version(name) for name in packages},
    }
    if as_json:
        click.echo(json.dumps(info, indent=2))
        return
    rows = [(key, str(value)) for key, value in info.items() if key != "packages"]
    rows += [(name, found or "not installed") for name, found in info["packages"].items()]
    width = max(len(key) for key, _ in rows)
    for key, value in rows:
        click.echo(f"{key:<{width}}  {value}")


@cli.command("list")
@click.argument("env_id", metavar="[ID]", required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_command(env_id: str | None, as_json: bool) -> None:
    """The environments; or, of one of them, its spaces, infos and parameters."""
    if env_id is None:
        specs = {name: marl_ffi.spec(name) for name in marl_ffi.list_envs()}
        if as_json:
            click.echo(json.dumps({name: spec["description"] for name, spec in specs.items()}, indent=2))
            return
        for name, spec in specs.items():
            click.echo(f"{name:<24}  {spec['description']}")
        return
    spec = marl_ffi.spec(env_id)
    if as_json:
        click.echo(json.dumps(spec, indent=2))
    else:
        _describe(spec)


def _describe(spec: dict[str, Any]) -> None:
    click.echo(f"{spec['id']}: {spec['description']}\n")
    spaces = [
        (agent["name"], _space(agent["observation"]), _space(agent["action"])) for agent in spec["agents"]
    ]
    console.table("Agents", ("agent", "observation", "action"), spaces, numbers_from=3)
    for title, key in (
        ("Infos of a step", "infos"),
        ("State columns", "columns"),
        ("Parameters", "parameters"),
    ):
        fields = [name for name in FIELDS if any(name in entry for entry in spec[key])]
        rows = [tuple(_cell(entry.get(field)) for field in fields) for entry in spec[key]]
        if rows:
            console.table(title, fields, rows, numbers_from=len(fields))


def _space(space: dict[str, Any]) -> str:
    if space["type"] == "box":
        names = f" {', '.join(space['names'])}" if space.get("names") else ""
        return f"box{tuple(space['shape'])} {space['dtype']}{names}"
    return f"{space['type']} {space.get('n', space.get('nvec'))}"


def _cell(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
