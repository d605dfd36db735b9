"""The one line of Python that turns N bytes on stdin into a running agent."""

from __future__ import annotations

# Read with os.read, so that fd 0 is left exactly at the first frame. One line, no single quote, no history
# character: it passes through sh, bash, zsh, fish and csh alike inside single quotes. The arguments are a name to
# recognise the process by, the compile mode, and the length of the source in bytes.
BOOT = (
    'exec("import os,sys\\n'
    "if sys.version_info[:2]<(3,8): sys.exit(98)\\n"
    "source=bytes()\\n"
    "while len(source)<int(sys.argv[3]):\\n"
    " part=os.read(0,min(65536,int(sys.argv[3])-len(source)))\\n"
    " if not part: sys.exit(97)\\n"
    " source+=part\\n"
    'exec(compile(source,sys.argv[1],sys.argv[2]))")'
)
PROCESS_NAME = "syncdeck-agent"


def agent_argv(python: str, source: bytes) -> list[str]:
    """Return the argv that runs ``source`` once it arrives on stdin; isolated from the user's own Python set-up."""
    return [python, "-I", "-S", "-B", "-u", "-c", BOOT, PROCESS_NAME, "exec", str(len(source))]
