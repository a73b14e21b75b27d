"""The command line: turns what goes wrong into one line on standard error and an exit code.

The commands themselves are in `commands.py`, which needs click; this file can always be imported.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]

OK, FAILED, USAGE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `marl-ffi`. Exit code: 0, 1 for a failed check, 2 for a wrong input or a missing package."""
    try:
        import click
    except ModuleNotFoundError:
        return _complain("the command line needs click: pip install marl_ffi[cli]")
    from . import commands

    try:
        result = commands.cli.main(
            args=list(arguments) if arguments is not None else None,
            prog_name="marl-ffi",
            standalone_mode=False,
        )
    except click.UsageError as error:
        where = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
        return _complain(error.format_message() + where)
    except click.ClickException as error:
        return _complain(error.format_message())
    except click.Abort:
        return _complain("interrupted")
    except BrokenPipeError:
        # the reader has gone (`| head`): nothing is left to say, not even while Python closes the stream
        sys.stderr.close()
        return OK
    except commands.Disagreement as error:
        _complain(str(error))
        return FAILED
    except OSError as error:
        return _complain(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except commands.EXPECTED_ERRORS as error:
        return _complain(str(error))
    return result if isinstance(result, int) else OK


def _complain(message: str) -> int:
    print(f"marl-ffi: {' '.join(message.split())}", file=sys.stderr)
    return USAGE
