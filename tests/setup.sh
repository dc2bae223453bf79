#!/bin/sh
# Installs what the labs need and is not there (Debian 12 or later, root): a compiler, iproute2,
# ping, arping, FRR and GoBGP as peers. Starts no service and removes no package.
#   setup.sh build    only what building needs
#   setup.sh counts   and valgrind, for make counts
#   setup.sh uml      only what tests/uml/run needs
#   setup.sh labs     everything
set -eu
say() { echo "setup: $*"; }

want=
need() { command -v "$1" >/dev/null 2>&1 || [ -x "$1" ] || want="$want $2"; }
need cc gcc
[ -e /usr/include/stdio.h ] || want="$want libc6-dev"
[ "${1:-labs}" != counts ] || need valgrind valgrind
if [ "${1:-labs}" = labs ]; then
  [ "$(id -u)" = 0 ] || { say "the labs make network namespaces: run this as root" >&2; exit 1; }
  need ip iproute2
  need ping iputils-ping
  need arping iputils-arping
  need sysctl procps
  need nft nftables
  need /usr/lib/frr/bgpd frr
  need gobgpd gobgpd
fi
# The kernel with VRF devices (tests/uml/run) is there for this processor only.
if [ "${1:-labs}" != build ] && [ "${1:-labs}" != counts ] && [ "$(uname -m)" = x86_64 ]; then
  need linux.uml user-mode-linux
  need modprobe kmod
fi
cargo=$(command -v cargo || { [ -x "$HOME/.cargo/bin/cargo" ] && echo "$HOME/.cargo/bin/cargo"; } || true)
[ -n "$cargo" ] || need curl "curl ca-certificates"

if [ -n "$want" ]; then
  [ "$(id -u)" = 0 ] || { say "missing:$want; install them or run this as root" >&2; exit 1; }
  command -v apt-get >/dev/null || { say "missing:$want; this is not Debian, install them by hand" >&2; exit 1; }
  say "installing from Debian:$want"
  # Maintainer scripts start services unless this file forbids it.
  policy=/usr/sbin/policy-rc.d
  archives=$(mktemp -d /var/tmp/weft-apt.XXXXXX); mkdir "$archives/partial"
  made=
  clean() { [ -z "$made" ] || rm -f "$policy"; rm -rf "$archives"; }
  trap clean EXIT; trap 'exit 130' INT TERM HUP
  if [ ! -e "$policy" ]; then printf '#!/bin/sh\nexit 101\n' > "$policy"; chmod +x "$policy"; made=1; fi
  # An archive folder of our own: another apt on the machine may empty the common one.
  run_apt() {
    DEBIAN_FRONTEND=noninteractive apt-get -q -o Dir::Cache::archives="$archives" -o APT::Sandbox::User=root \
      -o DPkg::Lock::Timeout=300 "$@"
  }
  run_apt update >/dev/null
  # shellcheck disable=SC2086
  run_apt install -y --no-install-recommends --no-remove $want >"$archives/log" 2>&1 || { cat "$archives/log" >&2; exit 1; }
  # Debian enables a daemon's service when it installs it; these are here for the tests only.
  for service in frr gobgpd; do
    case " $want " in *" $service "*) systemctl disable "$service" >/dev/null 2>&1 || true ;; esac
  done
fi

if [ -z "$cargo" ]; then
  say "installing Rust with rustup (minimal profile)"
  curl -sSf https://sh.rustup.rs | sh -s -- -y -q --profile minimal --component rustfmt,clippy --no-modify-path
fi
exit 0
