# A system of its own whose network is NetworkManager's, on a cable to a virtual router; $1 is its /etc, $2 the script.
# Run by unshare in namespaces of its own. Says what the NICs are before the script and after.
mount -t sysfs sysfs /sys && mount -t proc proc /proc && mount -t tmpfs tmpfs /run || exit 77
mkdir -p /run/dbus /run/programs
mount --bind "$1/NetworkManager" /etc/NetworkManager || exit 77
[ ! -d /var/lib/NetworkManager ] || mount -t tmpfs tmpfs /var/lib/NetworkManager
chmod 600 /etc/NetworkManager/system-connections/*
cat >/etc/NetworkManager/NetworkManager.conf <<EOF
[main]
plugins=keyfile
dhcp=internal
[device]
match-device=*
managed=1
[keyfile]
unmanaged-devices=interface-name:far*
EOF
ip link set lo up
for number in 1 2; do
    ip link add "enp${number}s0" address "52:54:00:00:00:0$((number - 1))" type veth peer name "far$number" || exit 77
    ip link set "far$number" up
done
ip address add 10.1.1.1/24 dev far2
mount -o remount,ro,bind /sys # so NetworkManager takes NICs as they are: nobody runs udev here
dbus-daemon --system --nopidfile
dnsmasq --conf-file=/dev/null --port=0 --interface=far2 --bind-interfaces --leasefile-ro --pid-file= \
    --dhcp-range=10.1.1.0,static --dhcp-host=02:01:00:00:00:01,10.1.1.7
NetworkManager --no-daemon >/run/log 2>&1 &

# until COMMAND: for at most 30 s
until_() {
    for _ in $(seq 150); do
        if eval "$1" >/dev/null 2>&1; then return; fi
        sleep 0.2
    done
}

until_ 'nmcli -t -f DEVICE,STATE device | grep -x enp1s0:connected'
until_ 'ip -4 -o address show enp1s0 | grep 10.0.1.7'
ip -j address show
printf '#!/bin/sh\n[ "$3" = NetworkManager ]\n' >/run/programs/systemctl
chmod +x /run/programs/systemctl
PATH=/run/programs:$PATH sh "$2"
until_ 'ip -4 -o address show enp2s0 | grep 10.1.1.7 && ip -4 -o address show enp1s0 | grep 10.0.1.7'
ip -j address show
cat /run/log >&2
