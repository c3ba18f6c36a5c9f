"""Whether Slurm would take the smallest job in each partition, asked in the probe's own exec and read back.

The shell chooses whom to ask for itself: the looks before it have brought partitions and associations. Where no
partition asks for a QoS, slurmctld's word on my associations is enough and nobody waits for sacctmgr's. It asks about
two partitions at a time and no more, because each dry run runs the site's submit filter in slurmctld, which may take
0.1 s, and stops at `MOST` runs or after 20 s.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

import msgspec

from jido.engines.slurm.refusals import refusal
from jido.engines.slurm.trouble import gist, says
from jido.model.bundle import Finding

MOST = 20
_SECONDS = 20

# Whom to ask, one line each: partition|account|QoS|nodes|whether it has GPUs. Those that their declared rules open
# come first, then those whose rules a shell cannot judge, then those that seem closed: lists are wrong at some sites.
_CHOICE = r"""
function has(list, name) { return index("," list ",", "," name ",") }
function lets(allow, deny, name) { return allow == "ALL" || allow == "" ? !has(deny, name) : has(allow, name) }
FNR == 1 { file++ }
file == 1 && $1 == "ClusterName" { cluster = tolower($3) }
file == 1 && $1 == "AccountingStorageType" { none = $3 == "(null)" || $3 ~ /none$/ }
file == 2 && /^PartitionName=/ { line[++n] = $0; if (/ AllowQos=/ && !/ AllowQos=ALL / || / DenyQos=/) choosy = 1 }
file == 3 && /^ClusterName=.* UserName=[^ ]/ {
  split("", v); k = split($0, w, " ")
  for (j = 1; j <= k; j++) if (p = index(w[j], "=")) v[substr(w[j], 1, p - 1)] = substr(w[j], p + 1)
  if (cluster != "" && tolower(v["ClusterName"]) != cluster) next
  account[++m] = v["Account"]; only[m] = v["Partition"]; if (v["DefAssoc"] == "Yes") mine = v["Account"]
}
file == 3 && !atonce {
  if (split($0, f, "|") < 6 || (cluster != "" && tolower(f[1]) != cluster)) next
  gsub(/\+/, "", f[4]); m++
  account[m] = f[2]; only[m] = f[3]; qos[m] = f[4]; normal[m] = f[5]; mine = f[6]
  if (f[5] == "" && f[4] !~ /,/) normal[m] = f[4]
}
END {
  if (atonce && !none && (!m || choosy)) { print "later"; exit }
  for (i = 1; i <= n; i++) {
    split("", v); k = split(line[i], w, " ")
    for (j = 1; j <= k; j++) if (p = index(w[j], "=")) v[substr(w[j], 1, p - 1)] = substr(w[j], p + 1)
    if (v["State"] != "UP" || v["RootOnly"] == "YES" || v["PartitionName"] !~ /^[A-Za-z0-9_.@+-]+$/) continue
    best = 0; rank = m ? 2 : 0; choice = "|"
    for (j = 1; j <= m; j++) {
      if (only[j] != "" && only[j] != v["PartitionName"]) continue
      if (!lets(v["AllowAccounts"], v["DenyAccounts"], account[j])) continue
      q = ""; fits = qos[j] == "" || normal[j] != "" && lets(v["AllowQos"], v["DenyQos"], normal[j])
      if (!fits && (c = split(qos[j], r, ",")))
        for (x = 1; x <= c && !fits; x++) if (lets(v["AllowQos"], v["DenyQos"], r[x])) { fits = 1; q = r[x] }
      score = 1 + (fits ? 8 : 0) + (q == "" ? 4 : 0) + (only[j] != "" ? 2 : 0) + (account[j] == mine ? 1 : 0)
      if (score > best) { best = score; choice = account[j] "|" q; rank = fits ? 0 : 2 }
    }
    if (!rank && v["AllowGroups"] != "ALL" && v["AllowGroups"] != "" || v["ReqResv"] == "YES") rank = 1
    row[++t] = v["PartitionName"] "|" choice "|" (v["MinNodes"] + 0 < 1 ? 1 : v["MinNodes"] + 0) "|" \
      (v["TRES"] ~ /gres\/gpu/ ? 1 : "")
    order[t] = rank
  }
  for (rank = 0; rank < 3; rank++) for (i = 1; i <= t; i++) if (order[i] == rank) print row[i]
}
"""

# A wrong word of the user's environment would ask about another job than the smallest, or send it elsewhere.
_SCRIPT = f"""\
unset SLURM_CLUSTERS
j_v=$(export -p); IFS='
'; set -f
for j_v in $j_v; do
  case $j_v in "export SBATCH_"*|"declare -x SBATCH_"*) j_v=${{j_v%%=*}}; unset "${{j_v##* }}";; esac
done
unset IFS; set +f
j_now() {{ {{ read -r j_t j_r </proc/uptime; }} 2>/dev/null && j_t=${{j_t%.*}} || j_t=$(date +%s); }}
j_rows=$(awk -v atonce="$j_atonce" '{_CHOICE.strip()}' "$1" "$2" "$3") || exit
[ "$j_rows" != later ] || {{ echo later; exit; }}
printf '\\036id\\037'; id
j_try() {{
  # --test-only is what keeps this from being a job.
  j_x=$(sbatch --test-only "$@" --wrap true 2>&1 </dev/null); j_r=$?
  printf '\036run\037%s\037%s\037%s\037%s\037%s\037%s' "$p" "$a" "$q" "$j_how" "$j_r" "$j_x"
  return "$((j_r != 0))"
}}
# Asks about one partition with at most $1 runs; its code is how many it took.
j_one() {{
  j_most=$1; set -- -p "$p" -N "$n" -n "$n" -t 1
  [ -z "$a" ] || set -- "$@" -A "$a"
  [ -z "$q" ] || set -- "$@" --qos="$q"
  j_how='1 CPU, 1 minute, 100 MB'
  j_try "$@" --mem=100M && return 1
  case $j_x in
    *account*|*qos*|*QOS*|*group*|*"partition specified"*|*"Unable to contact"*|*"timed out"*) return 1;;
  esac
  [ "$j_most" -gt 1 ] || return 1
  # It may take only jobs with a GPU, or want no word about memory.
  j_how='1 CPU, 1 minute'; [ -z "$g" ] || {{ set -- "$@" --gres=gpu:1; j_how="1 GPU, $j_how"; }}
  j_try "$@"; return 2
}}
j_count() {{ [ -z "$j_p" ] || {{ wait "$j_p"; j_c=$((j_c + $?)); j_p=; }}; }}
j_c=0; j_p=; j_now; j_until=$((j_t + {_SECONDS}))
while IFS='|' read -r p a q n g; do
  [ -n "$p" ] || continue
  [ "$((j_c + 4))" -le {MOST} ] || j_count
  j_now; [ "$j_c" -lt {MOST} ] && [ "$j_t" -lt "$j_until" ] || break
  if [ "$((j_c + 4))" -le {MOST} ] && [ -z "$j_p" ]; then
    j_one 2 & j_p=$!
  else
    j_one "$(({MOST} - j_c))"; j_c=$((j_c + $?)); j_count
  fi
done <<j_end_of_rows
$j_rows
j_end_of_rows
j_count
printf '\036end\037%s' "$j_c"
"""

# The first where it can, else the second, which has the first one's answer behind its files.
AT_ONCE = "j_atonce=1\n" + _SCRIPT
WITH_QOS = '{ read -r j_w <"$4" && [ "$j_w" = later ]; } || exit 0\nj_atonce=\n' + _SCRIPT

_UNAVAILABLE = re.compile(r"not available \((?:inactive or drain|down, drained or reserved)|Partition in DOWN state")


class DryRun(msgspec.Struct, frozen=True):
    """What Slurm said of the smallest job in one partition.

    Attributes:
        says: ``yes``, ``no`` (for certain), ``down``, or ``silent`` where it could not be asked.
        words: Slurm's own words.
        account: The account it was asked with; empty for the default one.
        qos: The QoS it was asked with; empty for the default one.
        job: What was asked for.
    """

    says: Literal["yes", "no", "down", "silent"]
    words: str
    account: str
    qos: str
    job: str


class DryRuns(msgspec.Struct, frozen=True):
    """What the look brought.

    Attributes:
        by_partition: The last answer for each partition that was asked for.
        groups: My Unix groups; None where `id` did not tell.
        asked: How many dry runs there were.
        whole: Whether the look came to its end.
    """

    by_partition: Mapping[str, DryRun]
    groups: tuple[str, ...] | None
    asked: int
    whole: bool


def read(at_once: Finding, with_qos: Finding) -> DryRuns:
    """Read what the one of the two scripts printed that asked, as far as it came."""
    finding = with_qos if at_once.text.startswith("later") else at_once
    runs: dict[str, DryRun] = {}
    groups: tuple[str, ...] | None = None
    asked, whole = 0, False
    for piece in finding.text.split("\x1e")[1:]:
        kind, *cells = piece.split("\x1f", 6)
        if kind == "id" and cells:
            listed = re.search(r"groups=(.*)", cells[0])
            groups = tuple(re.findall(r"\d+\(([^)]+)\)", listed[1])) if listed else None
        elif kind == "run" and len(cells) == 6 and re.fullmatch(r"\d{1,3}", cells[4]):
            asked += 1
            partition, account, qos, job, code, said = cells
            one = _one(int(code), said, account, qos, job)
            before = runs.get(partition)
            # The second try may fail for a reason of its own: the first one's words are about the smaller job.
            if before is None or one.says == "yes":
                runs[partition] = one
        elif kind == "end":
            whole = True
    return DryRuns(runs, groups, asked, whole)


def _one(code: int, said: str, account: str, qos: str, job: str) -> DryRun:
    if code == 0:
        # 22.05 to 26.05 print on stderr, with code 0, and only when the job would be taken.
        taken = re.search(r"Job \d+ to start at", said)
        return DryRun("yes" if taken else "silent", gist(said), account, qos, job)
    words = re.sub(r"^(?:sbatch: (?:error: )?|allocation failure: )", "", said.strip(), flags=re.MULTILINE)
    # Slurm adds it to what the site's own filter said.
    words = words.removesuffix("\nUnspecified error")
    if _UNAVAILABLE.search(said):
        return DryRun("down", words, account, qos, job)
    # sbatch's dry run says "allocation failure" where a submission says "Batch job submission failed".
    certain = refusal(said) is not None and not says(said, ("Unable to contact", "timed out"))
    return DryRun("no" if certain else "silent", words or f"sbatch ended with code {code}", account, qos, job)
