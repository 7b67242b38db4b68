# Sourced by tools/run, tools/test and their kin: finds the checkout, installs Debian packages,
# builds. Everything it says goes to stderr; when there is nothing to do it says nothing.

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)

# a|b: the first of them that this release of Debian has (12 and 13 name some differently)
build_packages=(gcc libc6-dev meson ninja-build pkg-config libuv1-dev libssl-dev
  'libmsgpack-c-dev|libmsgpack-dev' libsqlite3-dev libjansson-dev libinih-dev libutf8proc-dev
  libqrencode-dev libedit-dev uthash-dev)
script_packages=(python3 python3-msgpack)
test_packages=(libcmocka-dev clang clang-format 'libclang-rt-14-dev|libclang-rt-19-dev' aria2
  transmission-daemon transmission-cli iproute2 procps)
service_packages=(transmission-daemon) # of these the program is wanted, not the service

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

die() {
  say "$*"
  exit 1
}

is_installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Prints those of its arguments that no installed package satisfies.
missing_packages() {
  local wanted one alternatives found
  for wanted in "$@"; do
    IFS='|' read -ra alternatives <<<"$wanted"
    found=
    for one in "${alternatives[@]}"; do
      if is_installed "$one"; then found=1; fi
    done
    [ -n "$found" ] || printf '%s\n' "$wanted"
  done
}

# Of "a|b": the first that can be installed here.
pick_package() {
  local alternatives one
  IFS='|' read -ra alternatives <<<"$1"
  for one in "${alternatives[@]}"; do
    if apt-cache show "$one" >/dev/null 2>&1; then
      printf '%s\n' "$one"
      return
    fi
  done
  printf '%s\n' "${alternatives[-1]}"
}

# Runs a command that installs packages, and no service starts [Debian policy 9.3.3.2].
without_services() (
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM HUP
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" install -m 755 /dev/stdin "$policy"
  fi
  "$@"
)

# disable_services PACKAGE…: those installed just now, so what runs of them was started by that.
disable_services() {
  local service
  for service in "${service_packages[@]}"; do
    [[ " $* " == *" $service "* ]] || continue
    "${as_root[@]}" update-rc.d "$service" disable
    [ ! -d /run/systemd/system ] || "${as_root[@]}" systemctl stop "$service"
  done
}

# Installs what is missing of the packages named, as root or through sudo.
need_packages() {
  command -v dpkg-query >/dev/null || return 0 # no Debian: meson will name what it misses
  local missing as_root=() names=() wanted log
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null ||
      die "these packages are missing, and installing them needs root or sudo: ${missing[*]%%|*}"
    as_root=(sudo)
  fi
  say "installing: ${missing[*]%%|*}"
  log=$(mktemp)
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update >"$log" 2>&1 ||
    say "apt-get update failed; going on with the package lists there are"
  for wanted in "${missing[@]}"; do
    names+=("$(pick_package "$wanted")")
  done
  if ! without_services "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "${names[@]}" >>"$log" 2>&1 ||
    ! disable_services "${names[@]}" >>"$log" 2>&1; then
    tail -n 15 "$log" >&2
    rm -f "$log"
    die "apt-get could not install: ${names[*]}"
  fi
  rm -f "$log"
}

# build_in FOLDER [meson setup options…]: configures at first use, then builds what changed, of
# all or of the ${build_targets[@]}.
build_targets=()
build_in() {
  local folder=$1 log
  shift
  log=$folder.log
  [ -w "$root" ] || die "cannot build in $root: it is not ours to write to"
  exec 8>"$folder.lock"
  flock 8
  if [ ! -f "$folder/build.ninja" ]; then
    say "setting up ${folder##*/}"
    rm -rf "$folder"
    if ! meson setup "$folder" "$root" "$@" >"$log" 2>&1; then
      tail -n 30 "$log" >&2
      rm -rf "$folder"
      die "meson setup failed (the whole log: $log)"
    fi
  fi
  if ! ninja -C "$folder" -n "${build_targets[@]}" 2>/dev/null | grep -q 'no work to do'; then
    say "building ${folder##*/}"
    if ! ninja -C "$folder" "${build_targets[@]}" >"$log" 2>&1; then
      grep -E -A 12 'FAILED|error' "$log" | head -n 60 >&2
      die "the build failed (the whole log: $log)"
    fi
  fi
  flock -u 8
  exec 8>&-
  rm -f "$log"
}

build_release() {
  build_in "$root/build" --buildtype=release -Dtests=false
}
