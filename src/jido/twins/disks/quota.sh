#!/bin/sh
# quota(1) of a twin. A kernel keeps no quotas for file systems in user space, so this asks the twin's own, which
# enforce them, and prints what quota-tools 4.06 prints of the volumes that have limits.
users='' groups='' raw='' human='' all='' only='' nl='
'
while getopts ugvwpsAQqlif:F:V- option; do
  case $option in
    u) users=1 ;; g) groups=1 ;; v) all=1 ;; p) raw=1 ;; s) human=1 ;;
    f) only="$only$OPTARG$nl" ;;
    V) echo 'Quota utilities version 4.06, as a twin has them.'; exit 0 ;;
    \?) exit 1 ;;
  esac
done
shift $((OPTIND - 1))
while [ $# -gt 0 ]; do only="$only$1$nl"; shift; done
[ -n "$users$groups" ] || users=1

# A quota(1) takes a millisecond: what would start a process is done only where it is needed.
code=0 met=
scale() { # KIB
  if [ -z "$human" ]; then scaled=$1
  elif [ "$1" -lt 10240 ]; then scaled=${1}K
  elif [ "$1" -lt 10485760 ]; then scaled=$((($1 + 1023) / 1024))M
  else scaled=$((($1 + 1048575) / 1048576))G
  fi
}
grace() { # UNTIL
  left=
  if [ -n "$raw" ]; then left=$1
  elif [ "$1" -ne 0 ]; then
    left=$(($1 - $(date +%s)))
    if [ "$left" -le 0 ]; then left=none
    elif [ "$left" -ge 86400 ]; then left=$((left / 86400))days
    else left=$(printf '%02d:%02d' $((left / 3600)) $((left % 3600 / 60)))
    fi
  fi
}
over() { # USED SOFT HARD
  [ "$2" -gt 0 ] && [ "$1" -gt "$2" ] || { [ "$3" -gt 0 ] && [ "$1" -ge "$3" ]; }
}
row() { # DEVICE BLOCKS SOFT HARD UNTIL FILES SOFT HARD UNTIL
  b=' ' f=' '
  over "$2" "$3" "$4" && { b='*'; code=1; }
  over "$6" "$7" "$8" && { f='*'; code=1; }
  scale "$2"; used=$scaled; scale "$3"; soft=$scaled; scale "$4"; grace "$5"; until=$left; grace "$9"
  printf '%15s %7s%s%7s %7s %7s %7s%s%7s %7s %7s\n' "$1" "$used" "$b" "$soft" "$scaled" \
    "$until" "$6" "$f" "$7" "$8" "$left"
}
show() { # WHOSE
  head='' rows='' seen=''
  while read -r device point type rest; do
    case $type in fuse.*) ;; *) continue ;; esac
    case $point$device in *\\*)
      point=$(printf '%b.' "$point") point=${point%.}
      device=$(printf '%b.' "$device") device=${device%.} ;;
    esac
    case $nl$only in "$nl") ;; *"$nl$point$nl"* | *"$nl$device$nl"*) ;; *) continue ;; esac
    said=$(readlink "${point%/}/.twin-quota" 2>/dev/null) || continue
    met=1 seen=1
    # shellcheck disable=SC2086
    set -f; set -- "$1" $said; set +f
    [ "$2" = "$1" ] || continue
    if [ -z "$rows" ]; then
      if [ "$1" = user ]; then heading user "$(id -u)" "$(id -un)"
      else name=$said; for i in 1 2 3 4 5 6 7 8 9; do name=${name#* }; done; heading group "$(id -g)" "$name"; fi
      rows=1; echo "$head"
      echo '     Filesystem  blocks   quota   limit   grace   files   quota   limit   grace'
    fi
    row "$device" "$3" "$4" "$5" "$6" "$7" "$8" "$9" "${10}"
  done </proc/self/mounts
  [ -n "$rows" ] || [ -n "$only" -a -z "$seen" ] || [ "$1" = group -a -z "$all" ] || {
    if [ "$1" = user ]; then heading user "$(id -u)" "$(id -un)"; else heading group "$(id -g)" "$(id -gn)"; fi
    echo "${head}none"
  }
}
heading() { # WHOSE ID NAME
  head="Disk quotas for $1 $3 (${1%"${1#?}"}id $2): "
}
[ -z "$users" ] || show user
[ -z "$groups" ] || show group
if [ -n "$only" ] && [ -z "$met" ]; then
  echo "quota: Mountpoint (or device) ${only%"$nl"} not found or has no quota enabled." >&2
  echo 'quota: Not all specified mountpoints are using quota.' >&2
  code=1
fi
exit "$code"
