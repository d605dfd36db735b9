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


# The same for channels that are no clean pipe. A terminal is told to hand everything through as it is; before the
# source comes the engine waits for the line that this says (sys.argv[3]), on both ways out, for one may be lost. The
# source is base64 between a word (sys.argv[4]) and a full stop; what was read behind it is left in ``rest``.
TEXT_BOOT = (
    'exec("import os,sys\\n'
    "if sys.version_info[:2]<(3,8): sys.exit(98)\\n"
    "import base64,zlib\\n"
    "if os.isatty(0):\\n"
    " import tty\\n"
    " tty.setraw(0)\\n"
    "for fd in (1,2): os.write(fd,bytes([10,30])+sys.argv[3].encode()+bytes([10]))\\n"
    "data,stop=bytes(),bytes([46])\\n"
    "while stop not in data.partition(sys.argv[4].encode())[2]:\\n"
    " part=os.read(0,65536)\\n"
    " if not part: sys.exit(97)\\n"
    " data+=part\\n"
    "head,_,rest=data.partition(sys.argv[4].encode())[2].partition(stop)\\n"
    "source=zlib.decompress(base64.b64decode(head))\\n"
    'exec(compile(source,sys.argv[1],sys.argv[2]))")'
)
TEXT_READY = 'SYNCDECK {"boot":1}'
"""What the text boot says, between a record separator (0x1e) and a newline: a tagged line of ``agent.frames``."""
TEXT_SOURCE = "SYNCDECK-SOURCE:"


def text_agent_argv(python: str) -> list[str]:
    """Return the argv that runs a source sent as text, once it was asked for."""
    return [python, "-I", "-S", "-B", "-u", "-c", TEXT_BOOT, PROCESS_NAME, "exec", TEXT_READY, TEXT_SOURCE]
