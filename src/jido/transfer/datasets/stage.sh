# Brings this job's datasets and its environment to this node's own disk, once for all jobs here. Sourced by the job
# script, and by each process where a job has several: `stage_datasets` then sets JIDO_DATA, `stage_environment` says
# where the environment is. What it knows stands at its end.
#
# On each disk, in a folder of mine (0700) `jido-data-USER`:
#   KEY/files, KEY/done   a copy; it gets its name when it is whole. `done` has its KiB and number of files, and its time
#                         is that of its last use
#   use/KEY.PID.START     a link that names a process which uses the copy: no copy is removed while it lives
#   lock                  a link that names who unpacks or removes here; one whose owner is dead is taken over
# Links, because they are made in one step with what they say, and take no space on a full disk.

stage_say() { echo "jido: $*" >&2; }

stage_stop() {
  stage_say "$*"
  stage_unlock
  if command -v again >/dev/null 2>&1; then again 118; fi
  if command -v finish >/dev/null 2>&1; then finish 118; fi
  exit 118
}

# --- who lives ---------------------------------------------------------------------------------------------------------
stage_started() {
  if [ -r /proc/self/stat ]; then
    { read -r s_stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    # shellcheck disable=SC2086  # fields; the name before them may hold anything
    set -- ${s_stat##*) }
    [ "$1" != Z ] && s_start=${20}
  else
    s_start=0
    kill -0 "$1" 2>/dev/null
  fi
}

# Of what a link says (boot, process namespace, process, its start, host): lives, dead, or strange where one cannot see.
stage_look() {
  s_seen=dead
  [ "$5" = "$s_host" ] || { s_seen=strange; return; }
  [ "$1" = "$s_boot" ] || return
  [ "$2" = "$s_space" ] || { s_seen=strange; return; }
  if stage_started "$3" && [ "$s_start" = "$4" ]; then s_seen=lives; fi
}

# --- one at a time on a disk -------------------------------------------------------------------------------------------
stage_lock() {
  s_told='' s_odd=0
  until ln -s "$s_me $s_key" "$1/lock" 2>/dev/null; do
    s_by=$(readlink "$1/lock")
    if [ -z "$s_by" ]; then
      # Gone this moment, or no link can be made here at all.
      s_odd=$((s_odd + 1))
      [ "$s_odd" -lt 20 ] || return 1
      sleep 0.1 2>/dev/null || sleep 1
      continue
    fi
    s_odd=0
    # shellcheck disable=SC2086
    stage_look $s_by
    # Who unpacks touches its lock, for those who cannot see whether it lives.
    if [ "$s_seen" = strange ] && [ -n "$(find "$1/lock" -prune -mmin +2 2>/dev/null)" ]; then s_seen=dead; fi
    if [ "$s_seen" = dead ]; then
      stage_say "whoever unpacked in $1 is dead: taken over"
      if mv "$1/lock" "$1/lock.dead.$$" 2>/dev/null; then
        # Another may have been quicker, and this be its new lock.
        [ "$(readlink "$1/lock.dead.$$")" = "$s_by" ] || ln -s "$(readlink "$1/lock.dead.$$")" "$1/lock" 2>/dev/null
        rm -f "$1/lock.dead.$$"
      fi
      continue
    fi
    if [ -z "$s_told" ]; then s_told=1; stage_say "$s_name: waiting for another job that unpacks in $1"; fi
    [ "${told:-}" != TERM ] || stage_stop "ended while it waited"
    sleep 0.2 2>/dev/null || sleep 1
  done
  s_locked=$1/lock
}

# While it is held for long.
stage_beat() {
  ( while sleep 10 && stage_started $$; do touch -ch "$s_locked"; done ) >/dev/null 2>&1 &
  s_beat=$!
}

stage_unlock() {
  [ -n "$s_locked" ] || return 0
  if [ -n "$s_beat" ]; then
    # Nothing milder: dash (0.5.12) loses a signal to a subshell that has not yet dropped its parent's traps, and then
    # this would wait for ever, under its lock.
    kill -KILL "$s_beat" 2>/dev/null
    wait "$s_beat" 2>/dev/null
    s_beat=
  fi
  [ "$(readlink "$s_locked")" != "$s_me $s_key" ] || rm -f "$s_locked"
  s_locked=
}

# --- disks -------------------------------------------------------------------------------------------------------------
# Sets s_base to my folder there; one that somebody else made under its name is not used.
stage_base() {
  s_base=
  case $1 in
    */"$s_user") [ -d "$1" ] || [ ! -w "${1%/*}" ] || mkdir -m 700 "$1" 2>/dev/null ;;
  esac
  if [ ! -d "$1" ] || [ ! -w "$1" ]; then return 1; fi
  s_disks=1
  mkdir -m 700 "$1/jido-data-$s_user" 2>/dev/null
  if [ -L "$1/jido-data-$s_user" ] || [ ! -d "$1/jido-data-$s_user" ]; then stage_why "$1 takes no folder"; return 1; fi
  # shellcheck disable=SC2012  # its owner is wanted, not its name
  s_owner=$(LC_ALL=C ls -lnd "$1/jido-data-$s_user" | awk '{print $3}')
  if [ "$s_owner" != "$s_uid" ]; then stage_why "$1/jido-data-$s_user is somebody else's"; return 1; fi
  mkdir "$1/jido-data-$s_user/use" 2>/dev/null
  s_base=$1/jido-data-$s_user
}

stage_why() { case $s_why in *"$1"*) ;; *) s_why="$s_why${s_why:+; }$1" ;; esac; }

# Sets s_free to the KiB that are free; and is false where there are fewer files left than needed.
stage_free() {
  s_free=$(LC_ALL=C df -Pk "$1" 2>/dev/null | awk 'END { for (i = 2; i <= NF; i++) if ($i ~ /%$/) { print $(i - 1); exit } }')
  case $s_free in '' | *[!0-9]*) s_free=0 ;; esac
  s_inodes=$(LC_ALL=C df -Pi "$1" 2>/dev/null | awk 'END { for (i = 2; i <= NF; i++) if ($i ~ /%$/) { print $(i - 1); exit } }')
  case $s_inodes in '' | *[!0-9]*) return 0 ;; esac
  [ -z "$s_files" ] || [ "$s_inodes" -ge "$s_files" ]
}

stage_room() {
  if stage_free "$1" && [ "$s_free" -ge "$s_need" ]; then return 0; fi
  stage_why "$1 has $((s_free / 1024))M free of $((s_need / 1024 + 1))M"
  return 1
}

# KiB that a copy takes: of each file the last block is half empty. What nobody counted is asked here, or guessed.
stage_needed() {
  if [ -n "$s_size" ]; then
    s_need=$(((s_size + ${s_files:-1} * 2560) / 1024 + 64))
  elif [ "$s_kind" = folder ]; then
    s_need=$(du -sk "$s_path" 2>/dev/null | awk '{print $1; exit}')
    s_need=$((${s_need:-0} * 21 / 20 + 64))
  else
    case $s_packing in tar) s_need=$((s_packed / 1024 + 64)) ;; *) s_need=$((s_packed / 256 + 64)) ;; esac
  fi
}

# --- copies in use -----------------------------------------------------------------------------------------------------
stage_mark() {
  s_mark=$s_base/use/$s_key.$$.$s_mine
  [ "$(readlink "$s_mark")" = "$s_me" ] || { rm -f "$s_mark"; ln -s "$s_me" "$s_mark" 2>/dev/null; }
}

stage_used() {
  for s_link in "$s_base/use/$1".*; do
    s_by=$(readlink "$s_link") || continue
    # shellcheck disable=SC2086
    stage_look $s_by
    if [ "$s_seen" != dead ]; then return 0; fi
    rm -f "$s_link"
  done
  return 1
}

# Names may hold line ends. What Python compiles into an environment comes and goes.
stage_count() {
  if [ "$s_kind" = environment ]; then set -- "$1" -name __pycache__ -prune -o; fi
  find "$@" ! -type d -exec sh -c 'for f; do echo; done' sh {} + | wc -l
}

# Is there a whole copy? It is marked before it is looked at once more: whoever removes looks for marks after a rename.
stage_find() {
  stage_base "$1" || return 1
  [ -e "$s_base/$s_key/done" ] || return 1
  stage_mark || { stage_why "$1 takes no mark"; return 1; }
  if [ ! -e "$s_base/$s_key/done" ]; then rm -f "$s_mark"; return 1; fi
  # Where the site deletes old files, some may be gone.
  if [ -n "$3" ]; then
    read -r s_kib s_count <"$s_base/$s_key/done"
    if [ "$(stage_count "$s_base/$s_key/files")" -lt "$s_count" ]; then
      rm -f "$s_mark"
      stage_say "$s_name: the copy in $s_base/$s_key is not whole any more ($3)"
      stage_lock "$s_base" || return 1
      stage_beat
      stage_used "$s_key" || stage_drop "$s_key"
      stage_unlock
      return 1
    fi
  fi
  touch -c "$s_base/$s_key/done"
  s_found=$s_base/$s_key/files
  stage_note
}

stage_drop() {
  mv "$s_base/$1" "$s_base/.old.$1" 2>/dev/null || return 1
  if stage_used "$1"; then mv "$s_base/.old.$1" "$s_base/$1"; return 1; fi
  rm -rf "$s_base/.old.$1"
  rm -f "$s_root/nodes/$s_host/$1"
}

# Remove my least recently used copies, if that makes enough room; else none.
stage_make_room() {
  stage_free "$s_base"
  s_sum=$s_free s_go=
  # shellcheck disable=SC2012  # names of copies hold neither blanks nor line ends
  for s_done in $(cd "$s_base" && ls -tr -- */done 2>/dev/null); do
    [ "$s_sum" -lt "$s_need" ] || break
    s_other=${s_done%/done}
    if stage_used "$s_other"; then continue; fi
    read -r s_kib s_count <"$s_base/$s_done" || s_kib=0
    s_sum=$((s_sum + s_kib)) s_go="$s_go $s_other"
  done
  if [ "$s_sum" -lt "$s_need" ]; then return 1; fi
  for s_other in $s_go; do
    stage_drop "$s_other" && stage_say "removed from $s_base, least recently used: $s_other"
  done
  stage_room "$s_base"
}

# --- unpacking ---------------------------------------------------------------------------------------------------------
stage_with() {
  case $s_packing in
    tar) cat ;;
    zip) cat ;;
    *) "$s_packing" -dc ;;
  esac
}

# In s_part/files; 0, or 3 where the archive is not what was registered. Reads as a stream: no archive on this disk.
stage_unpack() {
  cd "$s_part/files" || return 1
  case $s_kind in
    folder) s_said=$({ { (cd "$s_path" && tar -cf - .); echo "r$?" >&3; } | { tar -xomf - >&2; echo "t$?" >&3; }; } 3>&1) ;;
    file) cp -- "$s_path" . || return 1 ; s_said= ;;
    *)
      if [ "$s_packing" = zip ]; then
        s_said=
        if command -v unzip >/dev/null 2>&1; then unzip -q "$s_path" >&2; else python3 -m zipfile -e "$s_path" . >&2; fi || return 1
      else
        s_sum='cat'
        [ -z "$s_sha" ] || ! command -v sha256sum >/dev/null 2>&1 || s_sum=sha256sum
        [ "$s_sum" = sha256sum ] || s_sha=
        s_said=$({
          {
            { if [ -n "$s_sha" ]; then tee /dev/fd/4; else cat; fi <"$s_path"; echo "r$?" >&3; } | {
              { stage_with; echo "d$?" >&3; } | { tar -xomf - >&2; echo "t$?" >&3; cat >/dev/null; }
            } 4>&-
          } 4>&1 >/dev/null | $s_sum >&3
        } 3>&1)
      fi ;;
  esac
  for s_word in $s_said; do
    case $s_word in
      [rdt]0 | -) ;;
      [rdt][0-9] | [rdt][0-9][0-9] | [rdt][0-9][0-9][0-9]) return 1 ;;
      *) [ "$s_word" = "$s_sha" ] || return 3 ;;
    esac
  done
}

# Signals reach the job script meanwhile.
stage_long() {
  "$@" &
  child=$!
  while :; do
    wait "$child"
    s_code=$?
    kill -0 "$child" 2>/dev/null || break
  done
  child=
  return "$s_code"
}

# Unpack in s_base under its lock; $1 is what is removed there to make room.
stage_into() {
  if ! stage_room "$s_base" && [ -z "$1" ]; then
    case $(readlink "$s_base/lock") in *" $s_key") ;; *) return 1 ;; esac
  fi
  stage_lock "$s_base" || { stage_why "$s_base takes no lock"; return 1; }
  if [ -e "$s_base/$s_key/done" ]; then
    stage_mark
    s_found=$s_base/$s_key/files
    touch -c "$s_base/$s_key/done"
    stage_unlock
    return 0
  fi
  stage_beat
  # Nobody else is at work here: these are a dead one's.
  rm -rf "$s_base"/.part.* "$s_base"/.old.*
  if ! stage_room "$s_base" && { [ -z "$1" ] || ! "$1"; }; then stage_unlock; return 1; fi
  s_part=$s_base/.part.$$ s_began=$(date +%s)
  mkdir -p "$s_part/files" 2>/dev/null || { stage_why "$s_base takes no folder"; stage_unlock; return 1; }
  stage_say "$s_name: unpacking in $s_base"
  stage_long stage_unpack
  s_code=$?
  if [ "$s_code" = 0 ]; then
    s_count=$s_files s_kib=$s_need
    [ -n "$s_count" ] || s_count=$(stage_count "$s_part/files")
    [ -n "$s_size" ] || s_kib=$(du -sk "$s_part/files" | awk '{print $1; exit}')
    stage_mark
    if echo "$((s_kib)) $((s_count))" >"$s_part/done" 2>/dev/null && mv "$s_part" "$s_base/$s_key"; then
      s_found=$s_base/$s_key/files s_new=1
      stage_unlock
      stage_say "$s_name: $((s_count)) files in $(($(date +%s) - s_began)) s"
      return 0
    fi
    rm -f "$s_mark"
  fi
  rm -rf "$s_part"
  [ "$s_code" != 3 ] || stage_stop "$s_path is not what was registered as $s_name: its checksum is another"
  [ "${told:-}" != TERM ] || stage_stop "$s_name: ended while it was unpacked"
  stage_unlock
  stage_why "unpacking in $s_base failed"
  return 1
}

stage_place() {
  stage_base "$1" || return 1
  if [ "$2" != 0 ] && [ "$((s_need / 1024))" -gt "$(($2 / 1048576))" ]; then
    stage_why "$1 is for datasets up to $(($2 / 1048576))M"
    return 1
  fi
  stage_into "$s_how" || return 1
  [ -z "$3" ] || [ -z "$s_new" ] || stage_say "$s_name: of copies there the site says: $3"
  stage_note
}

# On the shared disk, for everybody's nodes: nothing is removed there, so nothing is marked.
stage_shared() {
  if [ "$s_kind" = folder ]; then s_found=$s_path; return 0; fi
  s_base=$s_root/unpacked
  mkdir -p "$s_base/use"
  stage_into ''
}

# What `jido data ls --nodes` shows; not written for each of a thousand tasks.
stage_note() {
  s_file=$s_root/nodes/$s_host/$s_key
  if [ -z "$s_new" ] && [ -e "$s_file" ] && [ -z "$(find "$s_file" -mmin +10 2>/dev/null)" ]; then return 0; fi
  s_now=$(date +%s)
  mkdir -p "$s_root/nodes/$s_host" 2>/dev/null
  s_made=$([ -n "$s_new" ] || sed -n 3p "$s_file" 2>/dev/null)
  # The time it has been there, where it was noted before.
  if printf '%s\n%s\n%s\n%s\n%s\n%s' "$s_name" "$s_size" "${s_made:-$s_now}" "$s_now" "$JIDO_JOB_ID" "$s_base/$s_key" \
    >"$s_root/nodes/$s_host/.new.$$" 2>/dev/null; then mv -f "$s_root/nodes/$s_host/.new.$$" "$s_file"; fi
  return 0
}

# What is noted of this node and not there any more.
stage_notes() {
  for s_file in "$s_root/nodes/$s_host"/*; do
    [ -e "$s_file" ] || continue
    s_there=$(sed -n '6,$p' "$s_file")
    [ -e "$s_there/done" ] || rm -f "$s_file"
  done
}

# --- one dataset -------------------------------------------------------------------------------------------------------
# Is what is to be unpacked there as it was registered, and can it be read here? Else s_why says why not.
stage_source() {
  [ -r "$s_path" ] || { s_why="$s_path is not there, or not readable, on $s_host"; return 1; }
  # shellcheck disable=SC2012
  if [ "$s_kind" != folder ] && [ "$(LC_ALL=C ls -Llnd "$s_path" | awk '{print $5}')" != "$s_packed" ]; then
    s_why="$s_path has changed since it was registered as $s_name"
    return 1
  fi
  case $s_packing in
    zstd | gzip | xz | bzip2)
      command -v "$s_packing" >/dev/null 2>&1 || { s_why="$s_host has no $s_packing to unpack it"; return 1; } ;;
  esac
}

# A copy on a disk of this node, found or made, in s_found. 1 where none can be had, 2 where the source is at fault.
stage_on_disk() {
  s_found='' s_new='' s_why='' s_disks=''
  if [ "$s_local" = yes ] && stage_disks stage_find; then return 0; fi
  stage_source || return 2
  if [ "$s_local" != yes ]; then s_why='several nodes that the command itself uses'; return 1; fi
  stage_needed
  s_how=''
  if stage_disks stage_place; then return 0; fi
  s_how=stage_make_room
  if stage_disks stage_place; then return 0; fi
  [ -n "$s_disks" ] || stage_why "$s_host has no disk of its own that is known"
  return 1
}

stage_one() {
  s_name=$1 s_key=$2 s_kind=$3 s_packing=$4 s_path=$5 s_size=$6 s_files=$7 s_packed=$8 s_sha=$9
  stage_on_disk
  case $? in
    0) ;;
    2)
      case $s_why in *' has changed since '*) s_why="$s_why: jido data rm $s_name, then add it again" ;; esac
      stage_stop "$s_name: $s_why" ;;
    *)
      stage_say "$s_name: on the shared disk, because: $s_why"
      stage_needed
      stage_shared || stage_stop "$s_name cannot be unpacked anywhere: $s_why" ;;
  esac
  if [ "$s_kind" = file ] && [ "$s_found" = "$s_path" ]; then s_found=${s_path%/*}; fi
  stage_link "$s_found" "$JIDO_DATA/$s_name" || stage_stop "$JIDO_DATA/$s_name cannot be made"
  [ -n "$s_new" ] || stage_say "$s_name: in $s_found"
  [ -z "$s_new" ] || stage_notes
}

# The copy of an environment: of what $2 is a link to, which is packed beside it. False, and said, where there is none
# on this node and what was built is to be used itself. The build's name is in the key: one that was built anew is
# another, and no dataset's key has a plus sign.
stage_environment() {
  s_path=${2%/*}/$(readlink "$2") s_name="environment $1" s_kind=environment s_sha=''
  s_key="env+$1+${s_path##*/}" s_packing=''
  { read -r s_packing s_size s_files s_packed; } 2>/dev/null <"$s_path.pack"
  case $s_packing in
    tar) s_path=$s_path.tar ;;
    zstd) s_path=$s_path.tar.zst ;;
    no) stage_say "$s_name is used from the shared disk, because: $s_size $s_files $s_packed"; return 1 ;;
    *)
      s_why=''
      ! stage_disks stage_base || s_why='it is not packed'
      stage_say "$s_name is used from the shared disk, because: ${s_why:-$s_host has no disk of its own that is known}"
      return 1 ;;
  esac
  if ! stage_on_disk; then
    stage_say "$s_name is used from the shared disk, because: $s_why"
    return 1
  fi
  [ -z "$s_new" ] || stage_notes
}

stage_link() {
  [ "$(readlink "$2")" = "$1" ] && return
  rm -f "$2"
  ln -s "$1" "$2" 2>/dev/null || [ "$(readlink "$2")" = "$1" ]
}

# --- this job ----------------------------------------------------------------------------------------------------------
s_locked='' s_beat='' s_host=$(uname -n) s_user=${USER:-$(id -un)} s_uid=$(id -u)
s_boot=$(cat /proc/sys/kernel/random/boot_id 2>/dev/null || echo -)
s_space=$(readlink /proc/self/ns/pid 2>/dev/null || echo -)
stage_started $$
s_mine=$s_start s_me="$s_boot $s_space $$ $s_start $s_host"
# A folder of links: what the project has in data/, and the datasets.
stage_view() {
  s_view=$JIDO_RUN/data/$s_host${JIDO_POSITION:+.$JIDO_POSITION}
  mkdir -p "$s_view" || stage_stop "$s_view cannot be made"
  for s_entry in "$JIDO_DATA"/* "$JIDO_DATA"/.[!.]*; do
    [ ! -e "$s_entry" ] || [ -e "$s_view/${s_entry##*/}" ] || ln -s "$s_entry" "$s_view/" 2>/dev/null
  done
  JIDO_DATA=$s_view
  export JIDO_DATA
}
