# GlusterFS 10.3: one brick, one folder limited to 10 MiB.
. "${0%/*}/prelude.sh"
for folder in /var/lib/glusterd /var/log/glusterfs; do mount -t tmpfs tmpfs "$folder"; done
mkdir -p /run/gluster /srv/brick "/mnt/two words"
glusterd --log-level WARNING
g() { gluster --mode=script "$@" >/dev/null; }
until g volume list; do sleep 0.1; done
g volume create gv jido1:/srv/brick force
g volume start gv
# Not by mount.glusterfs, which cannot read a path with a blank.
glusterfs --volfile-server=jido1 --volfile-id=gv "/mnt/two words"
mkdir "/mnt/two words/student" && chown 4321 "/mnt/two words/student"
g volume quota gv enable
g volume quota gv limit-usage /student 10MB
# Without delay, so that what is written counts at once.
g volume quota gv hard-timeout 0
g volume quota gv soft-timeout 0
size() { df -B1 --output="$1" "/mnt/two words/student" | tail -n 1 | tr -d ' '; }
until [ "$(size size)" = 10485760 ]; do sleep 0.1; done
look before
fill "/mnt/two words/student/a" 100 wrote
until [ "$(size used)" = 6553600 ]; do sleep 0.1; done
look after
fill "/mnt/two words/student/b" 200 refused
