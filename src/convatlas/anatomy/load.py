"""What else the machine did while something was measured: speeds of a busy machine are not those of the program."""

import multiprocessing
import os
from dataclasses import dataclass
from pathlib import Path

STAT = Path("/proc/stat")
IDLE, WAITING, GUEST = 3, 4, 8  # places in its first line; what guests take is counted in the others already


@dataclass(frozen=True, slots=True)
class CoreTime:
    """How long all cores together have been there, have computed, and have computed for this process and its workers.

    Units    seconds
    """

    total: float
    busy: float
    own: float

    @classmethod
    def now(cls) -> "CoreTime | None":
        """The times since the machine started; None where the system does not tell (it is not Linux)."""
        try:
            ticks = [int(number) for number in STAT.read_text(encoding="utf-8").split("\n")[0].split()[1:]]
            workers = sum(ticks_of(process.pid) for process in multiprocessing.active_children() if process.pid)
        except (OSError, ValueError, IndexError):
            return None
        total, second = sum(ticks[:GUEST]), os.sysconf("SC_CLK_TCK")
        own = sum(os.times()[:4])
        return cls(total / second, (total - ticks[IDLE] - ticks[WAITING]) / second, own + workers / second)

    def other_load(self) -> float | None:
        """The share of all cores that other programs have taken since."""
        now = CoreTime.now()
        if now is None or now.total <= self.total:
            return None
        others = (now.busy - self.busy) - (now.own - self.own)
        return round(min(1.0, max(0.0, others / (now.total - self.total))), 3)


def ticks_of(pid: int) -> int:
    """What a process has computed, in ticks of the system's clock; 0 for one that has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])
