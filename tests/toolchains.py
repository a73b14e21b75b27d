"""Which languages this machine can build the examples in: `python tests/toolchains.py` prints them.

MARL_FFI_LANGUAGES names those that the tests must run, separated by blanks; without it, they run what is found here.
"""

from __future__ import annotations

import glob
import os
import re
import shutil
from pathlib import Path

# The commands that each language needs. Java is looked for by its version instead.
COMMANDS = {
    "c": ["make", "pkg-config"],
    "cpp": ["cmake", "make"],
    "rust": ["cargo"],
    "go": ["go", "pkg-config"],
    "javascript": ["node", "npm"],
}
OLDEST_JAVA = 22
JAVA_HOMES = [
    "/usr/lib/jvm/*",
    "/usr/local/lib/jvm/*",
    "/opt/java/*",
    "/Library/Java/JavaVirtualMachines/*/Contents/Home",
    str(Path.home() / ".sdkman/candidates/java/*"),
]


def java_home() -> Path | None:
    """The newest JDK that has the foreign function API: of JAVA_HOME, of the PATH, or of the usual places."""
    named = [os.environ.get("JAVA_HOME"), *(glob.glob(pattern) for pattern in JAVA_HOMES)]
    homes = [Path(home) for entry in named if entry for home in ([entry] if isinstance(entry, str) else entry)]
    command = shutil.which("javac")
    if command:
        homes.append(Path(command).resolve().parent.parent)
    found = [(version, home) for home in homes if (version := java_version(home)) >= OLDEST_JAVA]
    return max(found, key=lambda pair: pair[0])[1] if found else None


def java_version(home: Path) -> int:
    """The major version of the JDK in a directory, or 0."""
    release = home / "release"
    if not release.is_file() or not (home / "bin" / "javac").exists():
        return 0
    told = re.search(r'^JAVA_VERSION="(?:1\.)?(\d+)', release.read_text(encoding="utf-8"), re.MULTILINE)
    return int(told.group(1)) if told else 0


def missing(language: str) -> str | None:
    """What a language lacks here, or None."""
    if language == "java":
        return None if java_home() else f"a JDK >= {OLDEST_JAVA} (JAVA_HOME, PATH or the usual places)"
    lacking = [command for command in COMMANDS[language] if shutil.which(command) is None]
    return " and ".join(lacking) or None


LANGUAGES = [*COMMANDS, "java"]


def chosen() -> list[str]:
    """The languages to test."""
    named = os.environ.get("MARL_FFI_LANGUAGES")
    return named.split() if named else [language for language in LANGUAGES if missing(language) is None]


if __name__ == "__main__":
    print(*chosen())
