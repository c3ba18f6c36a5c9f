# Sourced by every ground: a student, a way to ask as that student, and a way to write until it is refused.
# $share is where replies go. All of it lies in namespaces of its own and ends with them.
set -eu
PATH=$PATH:/usr/sbin:/sbin
ip link set lo up
hostname jido1
for folder in /mnt /srv /run; do mount -t tmpfs tmpfs "$folder"; done
mkdir /run/share && mount --bind "$share" /run/share && share=/run/share
mkdir -p /srv/home/student && chown -R 4321:4321 /srv/home/student
{ cat /etc/passwd; echo 'student:x:4321:4321::/srv/home/student:/bin/sh'; } >/srv/passwd
printf '127.0.0.1 localhost jido1\n' >/srv/hosts
mount --bind /srv/passwd /etc/passwd
mount --bind /srv/hosts /etc/hosts

student() {
    setpriv --reuid 4321 --regid 4321 --clear-groups \
        env -i HOME=/srv/home/student USER=student LC_ALL=C PATH="$PATH" "$@"
}
# look NAME [COMMAND...]: the probe's own script, as the student would send it.
look() {
    name=$1
    shift
    "${@:-student}" sh -s <"$share/bundle" >"$share/$name"
}
# fill FILE COUNT NAME: write COUNT times 64 KiB; what is complained of goes to NAME.
fill() { student dd if=/dev/zero of="$1" bs=64k count="$2" conv=fsync 2>"$share/$3" || :; }
