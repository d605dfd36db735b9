#!/bin/sh
# Sets up everything that syncdeck needs to run and to be tested, into .venv/. Running it again changes nothing.
# What the system lacks is installed with its package manager where that is allowed (root, or sudo that asks
# nothing, or Homebrew); else the exact command is printed and this stops.
set -eu
cd "$(dirname "$0")/.."
unset PYTHONPATH PYTHONHOME
VENV=.venv
STAMP=$VENV/.syncdeck-setup
SBIN=${SBIN-/usr/sbin:/usr/local/sbin} # where servers lie, and often no part of a user's PATH
SYSTEMD=${SYSTEMD-/run/systemd/system} # is there while systemd runs the services, sd_booted(3)

say() { printf '%s\n' "$*" >&2; }

has() { (PATH=$PATH:$SBIN; command -v "$1") >/dev/null 2>&1; }

recent_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
        if has "$candidate" && recent_enough "$candidate"; then
            command -v "$candidate"
            return 0
        fi
    done
    return 1
}

# Prints the packages that bring the programs which are not there; $1 is the package manager.
missing_packages() {
    manager=$1
    if [ "$manager" = apt-get ]; then
        has ssh && has ssh-keygen && has ssh-keyscan || printf 'openssh-client '
        has sshd || printf 'openssh-server '
        has nginx || printf 'nginx-light '
        "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 || printf 'python3-venv '
    fi
    for program in rsync zstd curl; do
        has "$program" || printf '%s ' "$program"
    done
    [ "$manager" = apt-get ] || has nginx || printf 'nginx '
}

lacking_programs() {
    for program in ssh ssh-keygen ssh-keyscan sshd rsync zstd curl nginx; do
        has "$program" || printf '%s ' "$program"
    done
    "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 || printf '%s ' 'the-python-venv-module'
}

install_with_apt() {
    command="apt-get install -y --no-install-recommends $*"
    if [ "$(id -u)" -eq 0 ]; then
        as_root=
    elif has sudo && sudo -n true 2>/dev/null; then
        as_root='sudo -n'
    else
        say "syncdeck needs: $*"
        if has sudo; then
            say "Install them with:  sudo apt-get update && sudo $command"
        else
            say "Install them, as root, with:  apt-get update && $command"
        fi
        say "then run make again. Only the programs are needed: a server that Debian starts with them may be switched off."
        exit 1
    fi
    say "Installing $* with apt-get"
    as_root="$as_root env DEBIAN_FRONTEND=noninteractive"
    # An old package list is the usual reason for a first failure.
    # shellcheck disable=SC2086
    $as_root $command >&2 || { $as_root apt-get update >&2 && $as_root $command >&2; }
    switch_off_servers "$@"
}

# Debian starts a server when its package comes. Ours are programs for tests, which start their own on loopback:
# nobody who tries syncdeck asked for an open port.
switch_off_servers() {
    [ -d "$SYSTEMD" ] || return 0
    for package in "$@"; do
        case $package in
            openssh-server) unit=ssh ;;
            nginx-light) unit=nginx ;;
            *) continue ;;
        esac
        # shellcheck disable=SC2086
        if $as_root systemctl disable --quiet --now "$unit" >&2; then
            say "Switched off the server that came with $package (again on: systemctl enable --now $unit)"
        else
            say "Could not switch off the server that came with $package: systemctl disable --now $unit"
        fi
    done
}

install_with_brew() {
    say "Installing $* with brew"
    # shellcheck disable=SC2068
    brew install $@ >&2
}

install_system_packages() {
    [ -z "$(lacking_programs)" ] && return 0
    if has apt-get; then
        # shellcheck disable=SC2046
        install_with_apt $(missing_packages apt-get)
    elif has brew; then
        # shellcheck disable=SC2046
        install_with_brew $(missing_packages brew)
    elif [ "$(uname -s)" = Darwin ]; then
        say "syncdeck needs: $(lacking_programs)"
        say "Install Homebrew, then:  brew install $(missing_packages brew)"
        exit 1
    fi
    lacking=$(lacking_programs)
    if [ -n "$lacking" ]; then
        say "syncdeck needs programs that are not here: $lacking"
        say "Install them with your system's package manager (OpenSSH client and server, rsync, zstd, curl, nginx), then run make again."
        exit 1
    fi
}

fingerprint() { cat requirements.txt pyproject.toml scripts/setup.sh | cksum; "$python" -V; pwd; }

make_environment() {
    [ -f "$STAMP" ] && [ -x "$VENV/bin/python" ] && [ "$(cat "$STAMP")" = "$(fingerprint)" ] && return 0
    say "Setting up $VENV (a minute or two)"
    if ! "$VENV/bin/python" -m pip --version >/dev/null 2>&1 || ! recent_enough "$VENV/bin/python"; then
        "$python" -m venv --clear "$VENV"
    fi
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt >&2
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . >&2
    fingerprint >"$STAMP"
    say "Ready: $VENV/bin/syncdeck"
}

if ! python=$(find_python); then
    say "syncdeck needs Python 3.11 or newer."
    say "Install it with:  sudo apt-get install python3 python3-venv   (or: brew install python)"
    exit 1
fi
install_system_packages
make_environment
