"""Who holds a claim in a store: a process, named so that another one on the same machine can tell that it is dead."""

import contextlib
import os
import platform
import uuid


def owner_name() -> str:
    """A name for this run: machine, process id, the process's start, and a random part."""
    return "|".join([_machine(), str(os.getpid()), _started(os.getpid()) or "", uuid.uuid4().hex])


def is_dead(owner: str) -> bool:
    """Whether the process behind a name is known to be gone; `False` when it may live, or lives on another machine."""
    parts = owner.split("|")
    if len(parts) != 4 or parts[0] != _machine() or not parts[1].isdecimal():
        return False
    pid, started = int(parts[1]), parts[2]
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    # The id may belong to a new process by now: then it started at another time. A zombie has no start.
    return bool(started) and _started(pid) != started


def _machine() -> str:
    """The host and its process-id space: an id means nothing in another container or after a reboot."""
    parts = [platform.node().replace("|", "")]
    with contextlib.suppress(OSError):
        parts.append(os.readlink("/proc/self/ns/pid"))
    with contextlib.suppress(OSError), open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        parts.append(file.read().strip())
    return "/".join(parts)


def _started(pid: int) -> str | None:
    """The start of a living process in clock ticks since boot, where the system tells it."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            # The name in parentheses may hold spaces; after it the state is the first field and the start the 20th.
            fields = file.read().rpartition(")")[2].split()
            return None if fields[0] in "ZX" else fields[19]
    except (OSError, IndexError):
        return None
