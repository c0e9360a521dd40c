#!/bin/sh
# pveforensics collect @VERSION@: gathers the evidence of one Proxmox VE node (6 to 9) into one archive. Run as root.
#
# It only reads. It writes into one new folder of its own, which it removes, and the archive. It needs no quorum and no
# storage: every command runs under a time limit of its own, one that hangs in the kernel is left behind, and nothing looks
# at the mount points of storages. Secrets stay on the node: of /etc/pve only known files are taken, with passwords, keys,
# tokens and notes masked, never priv/ nor config.db. Logs are taken as they are; read them before you give them away.
#
# PVEFORENSICS_ROOT is put before every path; it exists for tests.

set -u
umask 077
LC_ALL=C
export LC_ALL

usage() {
    cat <<'END'
Usage: sh collect.sh [-o FILE] [--since WHEN] [--access-logs]
                     [--limit SECONDS] [--command-limit SECONDS] [--max-size MIB]

Gathers the evidence of this Proxmox VE node into one .tgz for `pveforensics analyze`.

  -o, --output FILE    the archive; '-' is stdout; default <node>-evidence-<time>.tgz here
      --since WHEN     logs from here on, in words of date -d; default '14 days ago'
      --access-logs    with the web access log and auth.log (addresses, user names)
      --limit SECONDS  for all commands together; default 300
      --command-limit SECONDS
                       for each of them; default 60, many have less
      --max-size MIB   of logs before they are compressed; default 2048, and never
                       more than half of the free space beside the archive
  -h, --help           this text

From another machine, into one file for each node:
  pveforensics collect | ssh root@NODE sh -s -- -o - > NODE.tgz
END
}

# --- what is told --------------------------------------------------------------------------------

say() { printf 'collect: %s\n' "$*" >&2; }

fail() {
    say "$2"
    exit "$1"
}

stamp() { date '+%Y-%m-%dT%H:%M:%S%z'; }

# Seconds of a clock that nobody can set: the wall clock may step during an outage.
now() {
    if read -r uptime _ </proc/uptime; then echo "${uptime%%.*}"; else date +%s; fi
}

# note OUTCOME WHAT WHY: one row of the manifest. Names with control characters never come so far.
note() { printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$base/collect/manifest.tsv"; }

# --- limits --------------------------------------------------------------------------------------

# bounded SECONDS OUTPUT ERRORS COMMAND...: runs it with no input and its output in a new file, ends it at its limit, and leaves
# behind one that not even a kill ends (it hangs in the kernel, state D; timeout would wait for it for ever).
# Sets $code: 124 or 137 at the limit, `none` left behind.
bounded() {
    seconds=$1 out=$2 errors=$3
    shift 3
    [ "$out" = /dev/null ] || rm -f "$out" # one that was left behind may still hold the last one
    left=$((deadline - $(now)))
    [ "$left" -lt "$seconds" ] && seconds=$left
    [ "$seconds" -lt 1 ] && seconds=1
    round=$((round + 1))
    result=$work/result.$round
    (
        # nothing of ours may stay open in one that is left behind: ssh would wait for it
        exec </dev/null >>"$out" 2>>"$errors"
        trap 'kill "$job"; exit 143' TERM
        timeout -k 2 "$seconds" "$@" &
        job=$!
        wait "$job"
        echo "$?" >"$result"
    ) &
    child=$!
    ticks=0
    while [ ! -s "$result" ] && [ "$ticks" -lt $(((seconds + 4) * 20)) ]; do
        sleep 0.05
        ticks=$((ticks + 1))
    done
    code=none
    [ -s "$result" ] && read -r code <"$result" && wait "$child"
    child=
}

# run NAME SECONDS COMMAND...: what a command says, with when and how it ended, as commands/NAME.txt.
run() {
    name=commands/$1.txt
    limit=$2
    [ "$limit" -le "$longest" ] || limit=$longest
    shift 2
    if ! command -v "$1" >/dev/null 2>&1; then
        note absent "$name" "$1 is not installed"
        return
    fi
    if [ "$(now)" -ge "$deadline" ]; then
        note skipped "$name" "the limit for all commands was reached before $*"
        return
    fi
    file=$base/$name
    printf '### [%s] %s ###\n# began %s, limit %s s\n' "$node" "$*" "$(stamp)" "$limit" >"$file"
    began=$(now)
    bounded "$limit" "$work/output" "$work/output" "$@"
    mask_words <"$work/output" >>"$file"
    took=$(($(now) - began))
    case $code in
    0) outcome=ok why=$* ;;
    124 | 137) outcome=limit why="$*: stopped at its limit after $took s" ;;
    none) outcome=hangs why="$*: hangs in the kernel; left behind after $took s" ;;
    *) outcome=failed why="$*: exit $code" ;;
    esac
    [ -n "$(tail -c 1 "$file")" ] && echo >>"$file"
    printf '# ended %s, %s, exit %s\n' "$(stamp)" "$outcome" "$code" >>"$file"
    note "$outcome" "$name" "$why"
}

# --- secrets -------------------------------------------------------------------------------------

# Credentials in addresses, and options such as password=.
mask_words() {
    sed -E \
        -e 's#(://)[^/@[:space:]]+@#\1(masked)@#g' \
        -e 's/((pass(word|wd|phrase)?|secret|token|credentials?|api[_-]?key)=)[^,;&[:space:]]+/\1(masked)/Ig'
}

# The same, and the values of all keys of a configuration that are or may be secrets.
mask() {
    sed -E \
        -e 's/^([[:space:]]*[A-Za-z0-9_.-]*(pass|secret|token|credential|chap|sshkeys|psk|keyring|lxc\.environment)[A-Za-z0-9_.-]*[[:space:]:=]+).*/\1(masked)/I' \
        -e 's/^([[:space:]]*(env|[A-Za-z0-9_.-]*key)[[:space:]:=]+).*/\1(masked)/I' | mask_words
}

# As mask, for corosync.conf, whose `token` is a time; `key` is the only secret that it can hold.
mask_corosync() { sed -E 's/^([[:space:]]*key[[:space:]]*:[[:space:]]*).*/\1(masked)/I'; }

# As mask, and without the notes that people write into a guest's or the datacenter's configuration.
mask_notes() { sed -E -e 's/^#.*/#(notes left out)/' -e 's/^(description[[:space:]]*:[[:space:]]*).*/\1(notes left out)/' | mask; }

# keep FILE PATH: a masked copy of a small text file; its time stays.
keep() {
    mkdir -p "$base/${2%/*}"
    case $2 in
    *corosync.conf*) filter=mask_corosync ;;
    etc/pve/nodes/*/qemu-server/*.conf | etc/pve/nodes/*/lxc/*.conf | etc/pve/datacenter.cfg) filter=mask_notes ;;
    *) filter=mask ;;
    esac
    "$filter" <"$1" >"$base/$2" || return
    touch -r "$1" "$base/$2"
    if cmp -s "$1" "$base/$2"; then note taken "$2" ''; else note masked "$2" 'passwords, keys, tokens or notes'; fi
}

# take PATH...: small files of the node itself, as far as they are there.
take() {
    for path in "$@"; do
        case $path in *[[:cntrl:]]*) continue ;; esac
        if [ -L "$path" ]; then
            mkdir -p "$base/${path%/*}" && cp -P "$path" "$base/$path" && note taken "$path" 'link'
        elif [ -f "$path" ] && [ -r "$path" ]; then
            bounded 5 "$work/small" /dev/null cat "$path"
            touch -r "$path" "$work/small"
            if [ "$code" = 0 ]; then keep "$work/small" "$path"; else note failed "$path" "not read: exit $code"; fi
        fi
    done
}

# --- /etc/pve ------------------------------------------------------------------------------------

# Whether a file of /etc/pve is known to be of use and without secrets once masked. What nobody knows stays on the node.
wanted() {
    case $1 in
    *..* | */priv/* | priv/* | *.key | *.pem | *.pw) return 1 ;;
    corosync.conf | datacenter.cfg | storage.cfg | replication.cfg | jobs.cfg | status.cfg | vzdump.cron | ceph.conf) ;;
    .members | .vmlist | .version | .clusterlog | .rrd) ;;
    ha/*.cfg | ha/manager_status | ha/crm_commands | mapping/*.cfg | firewall/*.fw) ;;
    sdn/zones.cfg | sdn/vnets.cfg | sdn/subnets.cfg | virtual-guest/*.cfg) ;;
    nodes/*/qemu-server/*.conf | nodes/*/lxc/*.conf | nodes/*/lrm_status | nodes/*/host.fw) ;;
    *) return 1 ;;
    esac
}

etc_pve() {
    mkdir "$work/raw"
    limit=15
    [ "$limit" -le "$longest" ] || limit=$longest
    bounded "$limit" "$work/listed" /dev/null find etc/pve -xdev -type f ! -path '*[[:cntrl:]]*' -printf '%P\n'
    if [ "$code" != 0 ] || ! [ -s "$work/listed" ]; then
        note failed etc/pve "not readable (find: exit $code); a copy of config.db is asked instead"
        from_database
        return
    fi
    while IFS= read -r path; do
        if wanted "$path"; then
            printf '%s\0' "$path"
        else
            note 'left out' "etc/pve/$path" 'not on the list of files known to hold no secret'
        fi
    done <"$work/listed" >"$work/wanted"
    (cd "$work/raw" && mkdir -p etc/pve)
    # shellcheck disable=SC2016  # the inner shell expands them
    bounded 30 /dev/null /dev/null xargs -0 -r -a "$work/wanted" \
        sh -c 'cd etc/pve && exec cp --parents --preserve=timestamps -t "$0" -- "$@"' "$work/raw/etc/pve"
    [ "$code" = 0 ] || note failed etc/pve "some files could not be read: exit $code"
    keep_raw
}

keep_raw() {
    (cd "$work/raw" && find etc -type f) >"$work/copied"
    while IFS= read -r path; do keep "$work/raw/$path" "$path"; done <"$work/copied"
    rm -rf "$work/raw"
}

# The files of /etc/pve where pmxcfs does not answer: from a copy of its database, which itself never leaves the node.
from_database() {
    if ! command -v sqlite3 >/dev/null 2>&1; then
        note failed etc/pve 'sqlite3 is not installed, so config.db could not be asked either'
        return
    fi
    mkdir -p "$work/database" "$work/raw/etc/pve"
    if ! [ -f var/lib/pve-cluster/config.db ]; then
        note failed etc/pve 'there is no config.db either'
        return
    fi
    for piece in config.db config.db-wal; do
        [ -f "var/lib/pve-cluster/$piece" ] && bounded 20 "$work/database/$piece" /dev/null cat "var/lib/pve-cluster/$piece"
    done
    tree="WITH RECURSIVE files(inode, path, type, data, mtime) AS (
        SELECT inode, name, type, data, mtime FROM tree WHERE parent = 0 AND inode > 0
        UNION ALL SELECT t.inode, f.path || '/' || t.name, t.type, t.data, t.mtime FROM tree t JOIN files f ON t.parent = f.inode)"
    bounded 20 "$work/listed" /dev/null sqlite3 "$work/database/config.db" "$tree SELECT path FROM files WHERE type = 8"
    while IFS= read -r path; do
        wanted "$path" || continue
        quoted=$(printf %s "$path" | sed "s/'/''/g")
        bounded 10 "$work/row" /dev/null sqlite3 "$work/database/config.db" "$tree
            SELECT mtime || char(10) || CAST(data AS TEXT) FROM files WHERE type = 8 AND path = '$quoted'"
        read -r mtime <"$work/row" || continue
        mkdir -p "$work/raw/etc/pve/$(dirname "$path")"
        tail -n +2 "$work/row" >"$work/raw/etc/pve/$path"
        touch -d "@$mtime" "$work/raw/etc/pve/$path"
    done <"$work/listed"
    rm -rf "$work/database"
    keep_raw
}

# --- logs ----------------------------------------------------------------------------------------

# choose FIND-ARGUMENTS...: logs for the archive, newest first, as far as the size limit allows. They are not copied: tar reads
# them where they are.
choose() {
    bounded 30 "$work/found" /dev/null find "$@" -xdev -type f ! -path '*[[:cntrl:]]*' -printf '%T@ %s ./%p\n'
    sort -rn "$work/found" >"$work/sorted"
    while read -r _ size path; do
        if [ $((taken + size / 1024)) -gt "$most" ]; then
            note 'left out' "${path#./}" 'the size limit was reached (--max-size)'
        else
            taken=$((taken + size / 1024))
            printf '%s\0' "$path" >>"$work/logs"
            note taken "${path#./}" "$size bytes"
        fi
    done <"$work/sorted"
}

logs() {
    : >"$work/logs"
    choose sys/fs/pstore var/lib/systemd/pstore -size -1024k
    choose var/log/pve/tasks -maxdepth 1 \( -name index -o -name index.1 -o -name active \)
    choose var/log/pve/replicate var/log/corosync
    choose var/log -maxdepth 1 \( -name wtmp -o -name 'dpkg.log' -o -name 'dpkg.log.1' \)
    choose var/log/apt \( -name history.log -o -name 'history.log.[12]*' \)
    choose var/lib/wtmpdb -name wtmp.db
    choose var/log/pve/tasks -mindepth 2 -newermt "@$since"
    choose var/log/vzdump -name '*.log' -newermt "@$since"
    choose var/crash -name 'dmesg.*' -size -10240k
    choose run/log/journal var/log/journal \( -name '*.journal' -o -name '*.journal~' \) -newermt "@$since"
    choose var/log -maxdepth 1 \( -name 'syslog*' -o -name 'messages*' -o -name 'daemon.log*' -o -name 'kern.log*' \
        -o -name 'user.log*' -o -name 'pve-firewall.log*' \) -newermt "@$since"
    if [ -n "$access" ]; then
        choose var/log/pveproxy var/log -maxdepth 1 \( -name 'access.log*' -o -name 'auth.log*' \) -newermt "@$since"
    else
        note 'left out' 'var/log/pveproxy/access.log, var/log/auth.log' 'addresses and user names; --access-logs takes them'
    fi
}

# --- the node ------------------------------------------------------------------------------------

files() {
    take etc/hostname etc/hosts etc/timezone etc/localtime etc/os-release etc/debian_version etc/fstab etc/resolv.conf \
        etc/corosync/corosync.conf etc/network/interfaces etc/network/interfaces.d/* etc/default/pve-ha-manager etc/modprobe.d/*.conf \
        etc/systemd/journald.conf etc/systemd/journald.conf.d/*.conf etc/systemd/timesyncd.conf etc/chrony/chrony.conf \
        etc/cron.d/pve-zsync etc/vzdump.conf etc/multipath.conf var/lib/pve-zsync/sync_state \
        var/lib/pve-manager/pve-replication-state.json proc/cmdline proc/loadavg proc/mdstat proc/meminfo proc/pressure/* \
        proc/self/mounts proc/net/bonding/* sys/class/watchdog/watchdog*/identity sys/class/watchdog/watchdog*/timeout
    note 'left out' 'etc/pve/priv, etc/corosync/authkey, *.key, user.cfg' 'secrets'
    note 'left out' 'var/lib/pve-cluster/config.db' 'holds the secrets of /etc/pve'
}

# Cluster first: what is most telling is also what is asked before the limit for all of them is reached. Never wdctl: to open
# the watchdog arms it.
commands() {
    run pvecm-status 10 pvecm status
    run corosync-quorumtool 10 corosync-quorumtool -siH
    run corosync-cfgtool-s 10 corosync-cfgtool -s
    run corosync-cfgtool-n 10 corosync-cfgtool -n
    run pvecm-nodes 10 pvecm nodes
    run ha-manager-status 15 ha-manager status -v
    run journal-boots 30 journalctl --list-boots --no-pager
    run last 15 last -xFw
    run timedatectl 10 timedatectl
    run chronyc-tracking 10 chronyc -n tracking
    run chronyc-sources 10 chronyc -n sources
    run systemctl-status 20 systemctl status corosync pve-cluster pve-ha-lrm pve-ha-crm watchdog-mux pvestatd pveproxy \
        pvedaemon pvescheduler pve-firewall --no-pager --full -n 20
    run systemctl-failed 15 systemctl list-units --failed --no-pager
    run dmesg 10 dmesg
    run pveversion 20 pveversion -v
    run pvesr-list 20 pvesr list
    run pvesr-status 20 pvesr status
    run pvesm-status 30 pvesm status
    run qm-list 20 qm list
    run pct-list 20 pct list
    run zpool-status 20 zpool status
    run zpool-list 20 zpool list
    run zfs-list 20 zfs list -p -t filesystem,volume -o name,used,avail,refer,written,guid,origin
    run zfs-snapshots 60 zfs list -p -t snapshot -o name,guid,creation,used,refer
    run processes 10 ps -eo pid,ppid,stat,etimes,wchan:32,comm
    run df-local 10 df -lT
    run lvs 20 lvs
    run pvs 20 pvs
    run lsblk 10 lsblk --ascii -o NAME,TYPE,SIZE,FSTYPE,MOUNTPOINT,MODEL
    run multipath 20 multipath -ll
    run iscsi-sessions 10 iscsiadm -m session
    run ceph-status 20 ceph --connect-timeout 10 status
    run cluster-locks 10 ls -l --time-style=full-iso etc/pve/priv/lock
    run guest-locks 10 find run/lock -maxdepth 2 -name 'lock-*' -printf '%TF %TT %p\n'
    run certificate 10 openssl x509 -noout -subject -enddate -in "etc/pve/nodes/$node/pve-ssl.pem"
    run ip-address 10 ip -details -statistics address
    run ip-route 10 ip route
    run lspci 10 lspci -nn
    run ipmitool-sel 60 ipmitool sel elist
    run ipmitool-time 20 ipmitool sel time get
    for card in sys/class/net/*/device; do
        [ -e "$card" ] || continue
        card=${card%/device}
        run "ethtool-${card##*/}" 10 ethtool "${card##*/}"
        run "ethtool-${card##*/}-counters" 10 ethtool -S "${card##*/}"
    done
    run smartctl-scan 20 smartctl --scan
    sed -n 's,^\(/dev/[A-Za-z0-9/_-]*\) .*,\1,p' "$base/commands/smartctl-scan.txt" 2>/dev/null | head -n 24 >"$work/disks"
    while IFS= read -r disk; do
        run "smartctl-$(printf %s "${disk#/dev/}" | tr / -)" 10 smartctl -n standby -H -A -l error "$disk"
    done <"$work/disks"
}

# --- the whole -----------------------------------------------------------------------------------

tidy() {
    trap '' HUP INT TERM
    [ -n "$child" ] && kill "$child" 2>/dev/null && wait "$child" # or it might write once more where all is removed
    [ -n "$part" ] && rm -f "$part"
    [ -n "$work" ] && rm -rf "$work"
}

# The archive on stdout: what was written here, and the logs where they are, all under the node's name.
pack() {
    exec timeout -k 5 1800 tar -cz --owner=0 --group=0 --numeric-owner --ignore-failed-read --warning=no-file-changed \
        --transform "s,^\\./,$node/,S" -C "$work/archive" "$node" -C "$root" --no-recursion --null -T "$work/logs"
}

# packed: the archive to our stdout. tar's 1 is a log that grew while it was read.
packed() {
    pack &
    child=$!
    wait "$child"
    code=$?
    child=
    [ "$code" -le 1 ]
}

options() {
    output='' since='14 days ago' access='' total=300 longest=60 most=2048
    while [ $# -gt 0 ]; do
        case $1 in
        -h | --help)
            usage
            exit 0
            ;;
        --access-logs) access=yes ;;
        --*=*)
            value=${1#*=} option=${1%%=*}
            shift
            set -- '' "$option" "$value" "$@"
            ;;
        -o | --output | --since | --limit | --command-limit | --max-size)
            [ $# -ge 2 ] || fail 2 "$1: a value is missing; see --help"
            case $1 in
            --since) since=$2 ;;
            --limit) total=$2 ;;
            --command-limit) longest=$2 ;;
            --max-size) most=$2 ;;
            *) output=$2 ;;
            esac
            shift
            ;;
        *) fail 2 "$1: unknown option; see --help" ;;
        esac
        shift
    done
    since=$(date -d "$since" +%s 2>/dev/null) || fail 2 "--since: expected a time such as '2 days ago' or 2026-11-22"
    for number in "$total" "$longest" "$most"; do
        case $number in
        '' | *[!0-9]* | ???????*) fail 2 "--limit, --command-limit, --max-size: expected a whole number" ;;
        esac
    done
}

main() {
    work='' part='' child='' round=0 taken=0
    options "$@"
    root=${PVEFORENSICS_ROOT:-/}
    [ "$root" = / ] && PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin
    [ "$root" != / ] || [ "$(id -u)" = 0 ] || say 'not root: much cannot be read'
    node=$(uname -n)
    node=$(printf %s "${node%%.*}" | tr -cd 'A-Za-z0-9-')
    [ -n "$node" ] || node=node
    [ -n "$output" ] || output=$node-evidence-$(date -u +%Y%m%dT%H%M%SZ).tgz
    case $output in
    - | /*) ;;
    *) output=$PWD/$output ;;
    esac
    [ "$output" = - ] || [ ! -d "$output" ] || fail 2 "$output: is a folder; give the name of a file"
    most=$((most * 1024))
    trap tidy EXIT
    trap 'exit 130' HUP INT TERM
    work=$(mktemp -d "${TMPDIR:-/tmp}/pveforensics.XXXXXX") || fail 1 'no temporary folder can be made'
    deadline=$(($(now) + total))
    if [ "$output" != - ]; then
        part=$(mktemp "${output%/*}/.pveforensics.XXXXXX") || fail 1 "$output: cannot be written there"
        free=$(df -Pk "$part" 2>/dev/null | awk 'NR == 2 { print $4 }')
        [ -n "$free" ] && [ $((free / 2)) -lt "$most" ] && most=$((free / 2))
    fi
    base=$work/archive/$node
    readonly work root node base output since access most total longest
    mkdir -p "$base/collect" "$base/commands"
    cd "$root" || fail 1 "$root: cannot be entered"
    {
        printf '# pveforensics collect @VERSION@ on %s\n# began %s\n' "$node" "$(stamp)"
        printf 'outcome\twhat\twhy\n'
    } >"$base/collect/manifest.tsv"
    say "reading $node; commands take at most $total s"
    files
    etc_pve
    commands
    deadline=$(($(now) + 120))
    logs
    printf '# ended %s\n' "$(stamp)" >>"$base/collect/manifest.tsv"
    if [ "$output" = - ]; then
        packed || fail 1 'the archive could not be written'
    else
        packed >"$part" || fail 1 "$output: could not be written"
        mv -f "$part" "$output" || fail 1 "$output: could not be written"
        part=''
        say "$output, sha256 $(sha256sum "$output" | cut -d ' ' -f 1)"
    fi
    say "not obtained: $(grep -c -e '^failed' -e '^limit' -e '^hangs' -e '^skipped' "$base/collect/manifest.tsv"); the archive's collect/manifest.tsv tells what and why"
}

main "$@"
