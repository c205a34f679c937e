#!/bin/sh
# Installs what `make bench-peers` measures, as far as Debian has it. Nothing of it is started, now or at
# the next boot; what was there before stays as it is.
set -eu

policy=/usr/sbin/policy-rc.d
saved=
new=

restore() {
    rm -f "$policy"
    [ -z "$saved" ] || mv "$saved" "$policy"
}

for package in collectd-core zabbix-agent prometheus-node-exporter snmpd ganglia-monitor strace; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || new="$new $package"
done
[ -n "$new" ] || exit 0

apt-get update -q
if [ -e "$policy" ] || [ -L "$policy" ]; then
    saved=$policy.bench-peers
    mv "$policy" "$saved"
fi
trap restore EXIT
trap 'exit 1' HUP INT TERM
# The packages' scripts ask this before they start a service (invoke-rc.d(8)): 101 forbids it.
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"

for package in $new; do
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$package" ||
        echo "install: $package cannot be installed here" >&2
    for script in $(dpkg-query -L "$package" 2>/dev/null | grep '^/etc/init.d/.'); do
        update-rc.d "$(basename "$script")" disable
    done
done
