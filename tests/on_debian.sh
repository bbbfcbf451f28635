#!/usr/bin/env bash
# `make test` on another generation of Debian: a fresh system in a folder, entered by chroot.
#
#   tests/on_debian.sh trixie               the whole suite, as `make test-debian13` does
#   tests/on_debian.sh trixie make run      any other command, in a clean checkout
#
# As root only. What is committed is tested, below root's home of mode 0700. Mirror, proxies, pip's
# settings and certificates are this machine's own. Mounts and processes live in namespaces of
# their own, which end with this script, however it ends; then the folder is removed. With
# DEBIAN_FOLDER=/some/folder the system is kept there, and used by the next call.
set -euo pipefail
cd "$(dirname "$0")/.."

# Variables that go inside: pip's, proxies, certificates, and what the Makefile reads.
PASSED='^(PIP_|PYTEST_|[a-zA-Z]+_(proxy|PROXY)=|SSL_CERT_|REQUESTS_CA_BUNDLE=|CURL_CA_BUNDLE=)'

main() {
  local suite=${1:?"say which Debian: bookworm, trixie"}
  shift
  [ "$(id -u)" -eq 0 ] || { echo "debootstrap and chroot need root: sudo make test-debian13" >&2; exit 2; }
  install_debootstrap
  kept=${DEBIAN_FOLDER:-}
  scratch=$(mktemp -d)
  inside=
  root=${kept:-$scratch/system}
  trap clean_up EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  if [ ! -e "$root/.complete" ]; then
    echo "making $suite in $root" >&2
    apart debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" "$(mirror)" \
      >"$scratch/log" || { tail -n 20 "$scratch/log" >&2; exit 2; }
    touch "$root/.complete"
  fi
  take_settings
  take_checkout
  [ $# -gt 0 ] || set -- make test
  export -f enter
  apart bash -c "$(declare -p root folders PASSED); enter \"\$@\"" enter "$@"
}

# Runs last, and after every process inside: they die with the first one of their namespace.
clean_up() {
  if [ -n "$inside" ]; then
    kill -KILL "$inside" 2>/dev/null && wait "$inside" 2>/dev/null || true
  fi
  [ -n "$kept" ] || rm -rf --one-file-system "$root"
  rm -rf --one-file-system "$scratch"
}

# In the background, because a shell that waits for a command in front hears no signal.
apart() {
  local code=0
  unshare --mount --pid --fork --kill-child -- "$@" &
  inside=$!
  wait "$inside" || code=$?
  inside=
  return "$code"
}

install_debootstrap() {
  command -v debootstrap >/dev/null && return
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends debootstrap >/dev/null
}

# Where this machine has its own Debian from.
mirror() {
  local found
  found=$(apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' |
    sed -n 's/^Debian|Debian|//p' | head -n 1)
  echo "${found:-http://deb.debian.org/debian}"
}

# What is committed; in a kept system what is installed for it stays.
take_checkout() {
  local checkout="$root/root/checkout"
  [ -d "$checkout/.git" ] || git clone --quiet --no-hardlinks . "$checkout"
  git -C "$checkout" fetch --quiet "$PWD" HEAD
  git -C "$checkout" checkout --quiet --force --detach FETCH_HEAD
}

# What finds mirrors and package indexes: each file where it is outside, each folder bound there.
take_settings() {
  cp /etc/hosts "$root/etc/hosts"
  cp --dereference /etc/resolv.conf "$root/etc/resolv.conf"
  apt-config dump | grep -E '^Acquire::https?::' >"$root/etc/apt/apt.conf.d/99-as-outside" || true
  local path user=("$HOME/.pip/pip.conf" "${XDG_CONFIG_HOME:-$HOME/.config}/pip/pip.conf")
  settings=(/etc/pip.conf /etc/xdg/pip/pip.conf "${user[@]}" "${PIP_CONFIG_FILE:-/etc/pip.conf}")
  folders=()
  for path in "${settings[@]}" /etc/ssl/certs/ca-certificates.crt $(named_paths); do
    if [ -d "$path" ]; then
      folders+=("$path")
      mkdir -p "$root$path"
    elif [ -f "$path" ]; then
      mkdir -p "$root$(dirname "$path")"
      cp --dereference "$path" "$root$path"
    fi
  done
}

# Absolute paths and file: URLs in pip's settings and in the variables that name certificates. An
# index in a folder may link to files beside that folder, so of a URL the folder above comes along.
named_paths() {
  { cat "${settings[@]}" 2>/dev/null || true; env | grep -E "$PASSED" || true; } |
    grep -oE '(^|[[:space:]=])(file://)?/[^/[:space:]][^[:space:]]*' |
    sed -E 's/^[[:space:]=]*//; s|^file://(/.+)/[^/]+/?$|\1|; s|^file://||' | sort -u
}

# Inside the namespaces: what a system needs of the kernel, then the command in the checkout.
enter() {
  local path passed=()
  mount --rbind /dev "$root/dev"
  mount -t proc proc "$root/proc"
  mount --rbind /sys "$root/sys"
  mount -t tmpfs tmpfs "$root/tmp"
  for path in "${folders[@]}"; do mount --bind -o ro "$path" "$root$path"; done
  while read -r -d '' path; do passed+=("$path"); done < <(env -0 | grep -zE "$PASSED")
  chroot "$root" /usr/bin/env -i "${passed[@]}" HOME=/root LANG=C.UTF-8 "TERM=${TERM:-dumb}" \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    bash -c 'chmod 700 /root; cd /root/checkout && .ci/prepare && "$@"' inside "$@"
}

main "$@"
