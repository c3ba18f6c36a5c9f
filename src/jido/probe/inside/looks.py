"""What a job asks of the node it runs on."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from jido.model.bundle import Finding, Part, bundle
from jido.model.command import Ask, Command, Reply
from jido.probe.inside import measure, tokens
from jido.probe.looks import COMMON, PATHS, host_looks, volume_looks

# By which schedulers and sites tell a job where its own files may go.
FOLDERS = (
    *("TMPDIR", "SLURM_TMPDIR", "SLURM_JOB_TMPDIR", "JOB_TMPDIR", "JOBTMP", "JOBFS", "PBS_JOBFS", "LOCAL_SCRATCH"),
    *("LOCALSCRATCH", "LSCRATCH", "SCRATCH", "SCRATCHDIR", "LOCALDIR", "XDG_RUNTIME_DIR"),
)

_FOLDERS = f"""\
for v in {" ".join(FOLDERS)}; do
  eval "p=\\${{$v-}}"
  case $p in /*) [ -d "$p" ] && printf '\\036folder\\0%s\\0%s\\0' "$v" "$p" ;; esac
done
"""

# Old drivers do not know compute_cap: then all is asked without it. The third way needs no GPU of one's own: under
# cgroups a job that asked for none sees no device, and /proc still names them.
_GPUS = """\
a=name,memory.total,driver_version
f='--format=csv,noheader,nounits'
n=44
if command -v nvidia-smi >/dev/null; then
  x=$(nvidia-smi --query-gpu=$a,compute_cap $f) || x=$(nvidia-smi --query-gpu=$a $f)
  n=$?
  [ "$n" = 0 ] && printf '%s\\n' "$x"
  nvidia-smi 2>/dev/null | sed -n 's/.*CUDA Version: *\\([0-9.]*\\).*/cuda|\\1/p'
fi
for f in /proc/driver/nvidia/gpus/*/information; do
  [ -r "$f" ] && sed -n 's/^Model:[[:space:]]*/proc|/p' "$f"
done
f=/proc/driver/nvidia/version
[ -r "$f" ] && sed -n 's/^NVRM.* Module  *\\(for [^ ]*  *\\)*\\([0-9][0-9.]*\\).*/driver|\\2/p' "$f"
exit "$n"
"""

_ROUTES = """\
while read -r i d g f r; do
  [ "$d" = 00000000 ] && [ "$i" != Iface ] && echo "route|$i"
done </proc/net/route
while read -r d l s p n m r u f i; do
  [ "$d$l" = 0000000000000000000000000000000000 ] && [ "$i" != lo ] && echo "route6|$i"
done 2>/dev/null </proc/net/ipv6_route
for v in https_proxy HTTPS_PROXY http_proxy HTTP_PROXY all_proxy ALL_PROXY; do
  eval "x=\\${$v-}"; [ -n "$x" ] && echo "proxy|$v"
done
exit 0
"""

# Whatever is there that can open a connection; each attempt ends after 4 seconds.
_REACH = """\
h={host} p={port}
if command -v python3 >/dev/null; then
  python3 -c 'import socket,sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 4).close()' "$h" "$p"
elif command -v bash >/dev/null && command -v timeout >/dev/null; then
  timeout 4 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$h" "$p"
elif command -v nc >/dev/null; then nc -z -w 4 "$h" "$p"
else exit 127
fi
"""


def parts(folders: Mapping[str, str], paths: Sequence[str], reach: Sequence[tuple[str, int]]) -> list[Part]:
    """The looks at a node that are made side by side, before those for tokens.

    Args:
        folders: The login node's volumes by path, each with the folder that is mine on it.
        paths: Further paths that the login node has.
        reach: Hosts and ports outside to try to reach.
    """
    others = [path for path in dict.fromkeys((*folders, *paths)) if path not in PATHS]
    host = [part for part in host_looks() if part.name != "gpus"]
    extra = [
        Part(f"path/{number}", f"vol {shlex.quote(path)}", 5, typed=f"df -B1 {shlex.quote(path)}")
        for number, path in enumerate(others)
    ]
    return [
        Part("driver", _GPUS, 20, typed="nvidia-smi"),
        *(
            Part(
                f"reach/{number}",
                _REACH.format(host=shlex.quote(name), port=port),
                10,
                typed=f"nc -z -w 4 {shlex.quote(name)} {port}",
            )
            for number, (name, port) in enumerate(reach)
        ),
        *reversed(host),
        Part("routes", _ROUTES, 5, needs="[ -r /proc/net/route ]", typed="ip route show default"),
        Part(
            "numa",
            'set -- /sys/devices/system/node/node[0-9]*; [ -d "$1" ] && echo $#',
            5,
            typed="ls -d /sys/devices/system/node/node*",
        ),
        Part("folders", _FOLDERS, 5, typed="env | grep -i tmp"),
        *volume_looks(),
        *extra,
    ]


class Program:
    """The looks of one session: three scripts, one after the other, and how their findings are read.

    Args:
        mark: The framing mark; each script's has a letter behind it.
        folders: See `parts`.
        paths: See `parts`.
        reach: See `parts`.
        measuring: The volumes to measure, with the folder that is mine on each; None measures nothing.
    """

    def __init__(
        self,
        mark: str,
        folders: Mapping[str, str],
        paths: Sequence[str] = (),
        reach: Sequence[tuple[str, int]] = (),
        *,
        measuring: Mapping[str, str] | None = None,
    ) -> None:
        self.steps: dict[str, list[Part]] = {
            "looks.sh": parts(folders, paths, reach),
            "tokens.sh": tokens.parts(folders),
        }
        if measuring is not None:
            self.steps["measure.sh"] = measure.parts(measuring)
        self._mark = mark

    @property
    def parts(self) -> list[Part]:
        """Every look."""
        return [part for step in self.steps.values() for part in step]

    def _asks(self) -> dict[str, Ask[dict[str, Finding]]]:
        # `vol` is the login node's own look at a volume; here it also leaves a token.
        common = {"looks.sh": COMMON.replace("vol() {", "vol_plain() {", 1) + tokens.LEAVE}
        return {
            name: bundle(step, common=common.get(name, ""), mark=f"{self._mark}{name[0]}")
            for name, step in self.steps.items()
        }

    def scripts(self) -> dict[str, bytes]:
        """Each script by its file name, in the order in which the job executes them."""
        return {name: ask.command.stdin for name, ask in self._asks().items()}

    def findings(self, output: bytes) -> dict[str, Finding]:
        """What a job printed, by look name; whatever it is."""
        found: dict[str, Finding] = {}
        for ask in self._asks().values():
            found |= ask.parse(Reply(Command(("sh",)), "", 0, output, b"", 0.0))
        return found
