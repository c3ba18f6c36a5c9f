# Part of scripts/setup (its words: say, step, as_root, log). Trees of Debian, for twins of older and newer Slurms and
# of what this machine's own release lacks:
#
#   bullseye  Debian 11, Slurm 20.11     trixie    Debian 13, Slurm 24.11
#   forky     Debian 14, Slurm 26.05     htcondor  Debian 13, HTCondor 23.9
#
# They lie in $JIDO_TREES, else in ~/.cache/jido/trees (XDG_CACHE_HOME is honoured), for all checkouts; with an empty
# JIDO_TREES there are none. A tree stands under its name only when it is whole. Why one cannot be had is kept beside it,
# in NAME.why, where tests that are skipped find it. `sudo rm -rf` takes a tree away; the next set-up makes it anew.
# shellcheck shell=bash disable=SC2154  # as_root and log are set-up's

readonly all_trees='bullseye trixie forky htcondor'
readonly keyring=/usr/share/keyrings/debian-archive-keyring.gpg
# What jobs need in a twin.
readonly common_packages='openssh-server openssh-client python3-venv rsync procps iproute2'

release_of() { if [[ $1 == htcondor ]]; then echo trixie; else echo "$1"; fi; }

# What a scheduler consists of in a tree.
packages_of() {
    if [[ $1 == htcondor ]]; then echo "condor $common_packages"; return; fi
    echo "slurmctld slurmd slurm-client slurmdbd mariadb-server munge $common_packages"
}

# What the new tree is asked for before it counts.
trial_of() {
    if [[ $1 == htcondor ]]; then echo 'condor_version; command -v condor_master sshd bash python3 rsync'; return; fi
    echo 'slurmctld -V; mariadbd --version; command -v slurmd slurmdbd munged sshd bash python3 rsync'
}

scheduler_of() { if [[ $1 == htcondor ]]; then echo HTCondor; else echo "its Slurm"; fi; }

missing_trees() {
    local tree
    for tree in $all_trees; do
        if [[ ! -d $1/$tree ]]; then printf '%s ' "$tree"; fi
    done
}

# The main archive as this machine's own apt knows it; other archives have other labels.
debian_mirror() {
    # shellcheck disable=SC2016  # apt's own way to write a field
    apt-get indextargets 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' --format '$(REPO_URI)' 2>/dev/null |
        sed -n 1p
}

# Says why no tree can be made here; says nothing where one can.
no_trees_because() {
    if [[ -n ${JIDO_NO_APT:-} ]]; then
        echo "JIDO_NO_APT is set"
    elif ! command -v apt-get >/dev/null; then
        echo "there is no apt-get here"
    elif ! can_become_root; then
        echo "this needs root or password-less sudo"
    elif ! command -v debootstrap >/dev/null; then
        echo "debootstrap is not installed"
    elif [[ ! -e $keyring ]]; then
        echo "Debian's keys are not installed (package debian-archive-keyring)"
    elif [[ -z $(debian_mirror) ]]; then
        echo "apt knows no mirror of Debian here"
    fi
}

# Runs as root in namespaces of its own: mounts and daemons that somebody leaves behind go with it.
fill_tree() {
    local release=$1 tree=$2 mirror=$3 keyring=$4 packages=$5 trial=$6
    export LC_ALL=C
    mkdir -p "$tree"
    # The script is named because an older debootstrap does not know a newer release.
    debootstrap --variant=minbase --force-check-gpg --keyring="$keyring" \
        "$release" "$tree" "$mirror" /usr/share/debootstrap/scripts/sid
    printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
    chmod 755 "$tree/usr/sbin/policy-rc.d"
    printf '%s\n' force-unsafe-io path-exclude=/usr/share/{doc,info,locale,man}/'*' >"$tree/etc/dpkg/dpkg.cfg.d/jido"
    # MariaDB's installation asks it for a temporary folder.
    mount -t proc proc "$tree/proc"
    # shellcheck disable=SC2086  # a list of package names
    DEBIAN_FRONTEND=noninteractive chroot "$tree" \
        apt-get -q -y --no-install-recommends install $packages
    chroot "$tree" sh -ec "$trial"
    # A twin has a database of its own.
    rm -rf --one-file-system "$tree"/var/lib/{apt/lists,mariadb,mysql}/* "$tree"/var/cache/apt/*.bin \
        "$tree"/var/cache/apt/archives/*.deb "$tree"/usr/share/{doc,info,locale,man}/*
}

make_tree() {
    local tree=$1 folder=$2 aside=$2/.making-$1 proxy=${http_proxy:-} code=0
    if [[ -z $proxy ]]; then eval "$(apt-config shell proxy Acquire::http::Proxy)"; fi
    # What is left of one that was killed.
    "${as_root[@]}" rm -rf --one-file-system "$aside" || return
    "${as_root[@]}" env ${proxy:+"http_proxy=$proxy"} unshare --mount --mount-proc --pid --fork --kill-child=KILL \
        bash -ec "$(declare -f fill_tree); fill_tree \"\$@\"" - \
        "$(release_of "$tree")" "$aside" "$(debian_mirror)" "$keyring" "$(packages_of "$tree")" \
        "$(trial_of "$tree")" || code=$?
    if ((code)); then
        "${as_root[@]}" rm -rf --one-file-system "$aside"
        return "$code"
    fi
    "${as_root[@]}" mv -T "$aside" "$folder/$tree"
}

trees() {
    local folder=${JIDO_TREES-${XDG_CACHE_HOME:-~/.cache}/jido/trees} why tree
    if [[ -z $folder || -z $(missing_trees "$folder") ]]; then return 0; fi
    if ! mkdir -p "$folder" 2>/dev/null || [[ ! -w $folder ]]; then
        say "setup: no trees of Debian, so tests on their schedulers are skipped: $folder is not mine to write"
        return 0
    fi
    exec 8>"$folder/.lock"
    if command -v flock >/dev/null && ! flock -n 8; then
        say "setup: waiting for another set-up that makes trees of Debian"
        flock 8
    fi
    why=$(no_trees_because)
    if [[ $why == "apt knows no mirror"* ]]; then
        # Where the lists were thrown away (images of containers) apt does not know whose archives it has.
        can_become_root
        step "fetching apt's lists" apt update || true
        why=$(no_trees_because)
    fi
    for tree in $(missing_trees "$folder"); do
        make_or_say_why "$tree" "$folder" "$why"
    done
    exec 8>&-
}

make_or_say_why() {
    local tree=$1 folder=$2 why=$3
    if [[ -z $why ]]; then
        can_become_root
        if step "making a tree of Debian $(release_of "$tree") (for tests on $(scheduler_of "$tree"))" make_tree "$tree" "$folder"; then
            rm -f "$folder/$tree.why"
            say "  $("${as_root[@]}" du -sh "$folder/$tree" | tr '\t' ' ')"
            return 0
        fi
        why=$(grep -v '^[[:space:]]*$' "$log" | tail -n 1)
    fi
    printf '%s\n' "$why" >"$folder/$tree.why"
    say "setup: no tree of Debian $(release_of "$tree"), so tests on $(scheduler_of "$tree") are skipped: $why"
}
