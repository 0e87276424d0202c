#!/usr/bin/env bash
# A Swarm of three machines on one: each node is a process tree in namespaces of its own (network, mounts, hostname,
# processes), with a Docker Engine, a containerd, and a /var/lib/teal of its own. One SIGKILL of its first process is a
# power cut. A switch in a namespace of its own joins them: the network of this machine is not touched.
#
#   lab.sh up | down                  make, remove the three nodes (down ends what up started, by its id)
#   lab.sh docker N ARGS...           docker on node N
#   lab.sh user COMMAND...            a command on the users' machine (10.77.0.100), which is on the same wire
#   lab.sh load IMAGE...              bring images of this machine's engine to node 1
#   lab.sh power-cut N | boot N       lose a node as a power cut does; start it again
#   lab.sh unplug N | plug N          take its network cable, and put it back
#
# Needs root, dockerd, containerd, iproute2, util-linux; a kernel with VXLAN, VETH and BRIDGE. Works without IPVS.
set -euo pipefail
LAB=${LAB:-/tmp/teal-swarm/nodes}
NET=10.77.0
NODES=${NODES:-"1 2 3"}
REGISTRY=${REGISTRY:-/tmp/teal-swarm/registry/usr/bin/docker-registry}

pid() { cat "$LAB/$1/pid"; }                       # the first process of a node, or of the wire
d() { cat "$LAB/$1/pid"; }                       # the first process of a node, or of the wire
enter() { local who=$1; shift; nsenter --target "$(pid "$who")" --net --mount --uts --pid -- "$@"; }
d() { local n=$1; shift; DOCKER_HOST="unix://$LAB/n$n/docker.sock" docker "$@"; }
until_true() { local n=0; until "${@:2}" >/dev/null 2>&1; do n=$((n+1)); [ $n -gt "$1" ] && { echo "waited in vain: ${*:2}" >&2; return 1; }; sleep 0.1; done; }

wire() { # the switch: a network namespace that holds a bridge and nothing else; the users' machine and the registry beside it
    mkdir -p "$LAB/wire" "$LAB/user"
    setsid unshare --net --uts sh -c 'ip link set lo up; ip link add sw type bridge; ip link set sw up; exec sleep infinity' </dev/null >/dev/null 2>&1 & echo $! >"$LAB/wire/pid"
    setsid unshare --net --uts sh -c 'hostname user; ip link set lo up; exec sleep infinity' </dev/null >/dev/null 2>&1 & echo $! >"$LAB/user/pid"
    until_true 50 nsenter -t "$(pid wire)" -n ip link show sw
    until_true 50 [ "$(readlink /proc/"$(pid user)"/ns/net)" != "$(readlink /proc/self/ns/net)" ]
    cable user 100 "$(pid user)"
    mkdir -p "$LAB/user/registry"
    cat >"$LAB/user/registry.yml" <<YML
version: 0.1
storage: {filesystem: {rootdirectory: $LAB/user/registry}, delete: {enabled: true}}
http: {addr: "$NET.100:5000"}
log: {level: error, accesslog: {disabled: true}}
YML
    if [ -x "$REGISTRY" ]; then
        setsid nsenter -t "$(pid user)" -n "$REGISTRY" serve "$LAB/user/registry.yml" </dev/null >"$LAB/user/registry.log" 2>&1 & echo $! >"$LAB/user/registry.pid"
    fi
}

cable() { # cable NAME LAST-PART PID: a veth pair from the switch to that network namespace
    nsenter -t "$(pid wire)" -n ip link add "to-$1" type veth peer name eth0 netns "$3"
    nsenter -t "$(pid wire)" -n ip link set "to-$1" master sw up
    nsenter -t "$3" -n sh -c "ip addr add $NET.$2/24 dev eth0; ip link set eth0 up; ip link set lo up"
}

boot() {
    local n=$1 at="$LAB/n$1"
    mkdir -p "$at/data" "$at/teal" "$at/logs"
    rm -f "$at/docker.sock"
    cat >"$at/daemon.json" <<JSON
{"insecure-registries": ["$NET.100:5000"], "log-level": "warn", "ip6tables": false, "live-restore": false,
 "default-address-pools": [{"base": "172.20.0.0/14", "size": 24}], "cgroup-parent": "/teal-swarm-n$n"}
JSON
    cat >"$at/containerd.toml" <<TOML
version = 2
disabled_plugins = ["io.containerd.grpc.v1.cri"]
TOML
    cat >"$at/init" <<SH
#!/bin/sh
# the first process of node $n: when it is killed, the kernel kills everything else here at once
hostname node$n
mount --make-rprivate /
mkdir -p $at/cgroup; mount --rbind /sys/fs/cgroup $at/cgroup; mount -t sysfs sysfs /sys; mount --rbind $at/cgroup /sys/fs/cgroup; umount -R -l $at/cgroup
mount -t tmpfs -o mode=0755 run /run; mkdir -p /run/lock
mkdir -p /var/lib/teal; mount --bind $at/teal /var/lib/teal
printf '' >$at/resolv.conf; mount --bind $at/resolv.conf /etc/resolv.conf 2>/dev/null
until ip link show eth0 >/dev/null 2>&1; do sleep 0.05; done
(while :; do containerd --config $at/containerd.toml --root $at/data/containerd --state /run/containerd --address /run/containerd.sock --log-level warn >>$at/logs/containerd.log 2>&1; sleep 1; done) &
until [ -S /run/containerd.sock ]; do sleep 0.05; done
# the supervisor, as systemd would be: an engine that ends comes back after a second
while :; do
  dockerd --host unix://$at/docker.sock --host unix:///run/docker.sock --data-root $at/data/docker --exec-root /run/docker --pidfile /run/docker.pid \
     --config-file $at/daemon.json --containerd /run/containerd.sock >>$at/logs/dockerd.log 2>&1
  rm -f /run/docker.pid; sleep 1
done
SH
    chmod +x "$at/init"
    setsid unshare --net --mount --uts --pid --fork --kill-child --mount-proc "$at/init" </dev/null >"$at/logs/init.log" 2>&1 &
    local outer=$!
    until_true 50 pgrep -P "$outer"
    pgrep -P "$outer" >"$at/pid"; echo $outer >"$at/outer"
    until_true 50 [ "$(readlink /proc/"$(pid n"$n")"/ns/net)" != "$(readlink /proc/self/ns/net)" ]
    nsenter -t "$(pid wire)" -n ip link del "to-n$n" 2>/dev/null || true
    cable "n$n" "$n" "$(pid n"$n")"
    until_true 400 d "$n" version
}

power_cut() {
    local n=$1 at="$LAB/n$1"
    kill -KILL "$(pid "n$n")"
    until_true 100 sh -c "! kill -0 $(cat "$at/outer") 2>/dev/null"
}

case ${1:-} in
up)
    mkdir -p "$LAB"; wire
    for n in $NODES; do boot "$n" & done; wait $(jobs -p | tail -n "$(echo "$NODES" | wc -w)") 2>/dev/null || true
    for n in $NODES; do until_true 400 d "$n" version; done
    d 1 swarm init --advertise-addr "$NET.1" --listen-addr "$NET.1:2377" --default-addr-pool 10.90.0.0/16 --default-addr-pool-mask-length 24 >/dev/null
    token=$(d 1 swarm join-token -q manager)
    for n in ${NODES#* }; do d "$n" swarm join --token "$token" --advertise-addr "$NET.$n" --listen-addr "$NET.$n:2377" "$NET.1:2377" >/dev/null; done
    until_true 100 sh -c "[ \$(DOCKER_HOST=unix://$LAB/n1/docker.sock docker node ls -q | wc -l) = $(echo "$NODES" | wc -w) ]"
    d 1 node ls ;;
down)
    for n in $NODES; do [ -f "$LAB/n$n/pid" ] && kill -KILL "$(pid "n$n")" 2>/dev/null || true; done
    for w in "user/registry.pid" user/pid wire/pid; do [ -f "$LAB/$w" ] && kill -KILL "$(cat "$LAB/$w")" 2>/dev/null || true; done
    sleep 0.5; rm -rf "$LAB" || { sleep 2; rm -rf "$LAB"; }
    for n in $NODES; do find /sys/fs/cgroup -depth -type d -path "*teal-swarm-n$n*" -exec rmdir {} + 2>/dev/null || true; done ;;
docker) n=$2; shift 2; d "$n" "$@" ;;
user) shift; nsenter -t "$(pid user)" --net --uts -- "$@" ;;
load) shift
    docker save "$@" | DOCKER_HOST="unix://$LAB/n1/docker.sock" docker load -q >/dev/null ;;
power-cut) power_cut "$2" ;;
boot) boot "$2" ;;
unplug) nsenter -t "$(pid wire)" -n ip link set "to-n$2" down ;;
plug) nsenter -t "$(pid wire)" -n ip link set "to-n$2" up ;;
*) sed -n '2,14p' "$0"; exit 2 ;;
esac
