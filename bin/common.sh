# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The set-up that bin/demo and bin/test share; sourced by both with bash.
# Everything made here lies in .venv and .cache, which git ignores.

set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=$ROOT/.cache
VENV=$ROOT/.venv
PYTHON=${PYTHON:-python3}
export PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUNBUFFERED=1
cd "$ROOT"

say() {
    printf '== %s\n' "$*"
}

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

# desktop_imports CODE: whether the code runs after "import gi" in Debian's
# Python, which has GTK.
desktop_imports() {
    /usr/bin/python3 -c "import gi
$1"
}

# is_there NAME: by what each Debian package that may be needed is known.
is_there() {
    case $1 in
    chromium | debootstrap | gcc | npm | openbox | xdotool)
        command -v "$1" ;;
    gir1.2-goocanvas-2.0)
        desktop_imports 'gi.require_version("GooCanvas", "2.0")' ;;
    gir1.2-gtk-3.0) desktop_imports 'gi.require_version("Gtk", "3.0")' ;;
    librsvg2-common)
        desktop_imports '
from gi.repository import GdkPixbuf
assert any(f.get_name() == "svg" for f in GdkPixbuf.Pixbuf.get_formats())' ;;
    libpq-dev) command -v pg_config ;;
    libreoffice-writer) command -v soffice ;;
    poppler-utils) command -v pdftotext ;;
    orthanc) PATH=$PATH:/usr/sbin command -v Orthanc ;;
    orthanc-dicomweb)
        test -e /usr/share/orthanc/plugins/libOrthancDicomWeb.so ;;
    postgresql) test -n "$(ls /usr/lib/postgresql/*/bin/initdb)" ;;
    python3-gi) desktop_imports '' ;;
    python3-gi-cairo) desktop_imports 'gi.require_foreign("cairo")' ;;
    python3-dev) "$PYTHON" -c '
from pathlib import Path
from sysconfig import get_path
Path(get_path("include"), "Python.h").stat()' ;;
    python3-venv) "$PYTHON" -c 'import ensurepip, venv' ;;
    xvfb) command -v Xvfb ;;
    esac >/dev/null 2>&1
}

# What desktop_client needs, and the screen, hand and windows of its tests.
DESKTOP_PACKAGES=(python3-gi python3-gi-cairo gir1.2-gtk-3.0
    gir1.2-goocanvas-2.0 librsvg2-common xvfb openbox xdotool)

# What python_packages needs: GNU Health depends on psycopg2, which is built
# from source.
PYTHON_PACKAGES=(python3-venv python3-dev gcc libpq-dev)

# need PACKAGE...: install what is missing, or say what to install.
need() {
    local missing=()
    for package in "$@"; do
        is_there "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null ||
        fail "Missing; install with: sudo apt-get install ${missing[*]}"
    say "Installing ${missing[*]}"
    # The packages must not start servers of their own.
    local policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod +x $policy
        trap "rm -f $policy" EXIT
    fi
    local log
    log=$(mktemp)
    { apt-get update &&
        DEBIAN_FRONTEND=noninteractive apt-get install --yes \
            --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 ||
        { tail -n 20 "$log" >&2; fail "apt-get failed"; }
    rm -f "$log"
    if [ "$(trap -p EXIT)" ]; then
        rm -f $policy
        trap - EXIT
    fi
}

# stamped FILE KEY COMMAND...: run the command unless FILE says that it was
# done with the same KEY.
stamped() {
    local file=$1 key=$2
    shift 2
    [ "$(cat "$file" 2>/dev/null)" = "$key" ] && return 0
    "$@"
    printf '%s' "$key" >"$file"
}

checksum() {
    cat "$@" | sha256sum | cut -d ' ' -f 1
}

pip_install() {
    local venv=$1
    shift
    [ -x "$venv/bin/pip" ] || "$PYTHON" -m venv "$venv"
    "$venv/bin/pip" --quiet install "$@" 2> >(grep -v '^WARNING' >&2)
}

# python_packages EXTRA: this project, editable, with what the extra needs.
python_packages() {
    say "Python packages in ${VENV#"$ROOT/"}"
    stamped "$VENV/.$1" \
        "$(checksum setup.py pyproject.toml health_imaging/tryton.cfg) $ROOT" \
        pip_install "$VENV" --editable ".[$1]"
}

# compat_packages: this project as a wheel, beside the modules of GNU Health
# that build on health_imaging. They would bring GNU Health's own, hence
# --no-deps.
compat_packages() {
    say "Python packages in .cache/compat"
    stamped "$CACHE/compat/.packages" "$(
        find health_imaging health_orthanc setup.py bin/common.sh -type f \
            -not -name '*.pyc' -print0 | sort -z |
            xargs -0 sha256sum | sha256sum)" install_compat
}

install_compat() {
    local venv=$CACHE/compat
    rm -rf "$CACHE/wheel"
    mkdir -p "$CACHE/wheel"
    "$VENV/bin/python" -m tests.wheel "$CACHE/wheel"
    pip_install "$venv" 'trytond-account-invoice >= 7.0, < 7.1' \
        "$(ls "$CACHE"/wheel/*.whl)[test]"
    pip_install "$venv" --no-deps --force-reinstall "$CACHE"/wheel/*.whl
    pip_install "$venv" --no-deps gnuhealth-services==5.0.4 \
        gnuhealth-services-imaging==5.0.4 gnuhealth-imaging-worklist==5.0.4
}

# old_packages: GNU Health's own modules, alone with their dependencies
# (requests is one that they do not declare), as they can not be beside ours.
old_packages() {
    say "Python packages in .cache/old"
    stamped "$CACHE/old.packages" "$(declare -f install_old | sha256sum)" \
        install_old
}

install_old() {
    rm -rf "$CACHE/old"
    pip_install "$CACHE/old" gnuhealth-imaging==5.0.4 \
        gnuhealth-orthanc==5.0.4 gnuhealth-services-imaging==5.0.4 \
        gnuhealth-imaging-worklist==5.0.4 psycopg2-binary requests \
        'trytond >= 7.0, < 7.1' 'proteus >= 7.0, < 7.1'
}

# minimum_packages: this project, editable, with the oldest of all that it
# says it can work with.
minimum_packages() {
    say "Python packages in .cache/minimum"
    stamped "$CACHE/minimum.packages" \
        "$(checksum setup.py bin/common.sh tests/minimum/versions.py) $ROOT" \
        install_minimum
}

install_minimum() {
    rm -rf "$CACHE/minimum"
    mkdir -p "$CACHE"
    "$VENV/bin/python" -m tests.minimum.versions >"$CACHE/minimum.txt"
    pip_install "$CACHE/minimum" --constraint "$CACHE/minimum.txt" \
        --editable '.[demo,postgresql,worklist]' hypothesis
}

# orthanc_of SUITE: the Orthanc of another Debian, in a folder to chroot to.
orthanc_of() {
    local folder=$CACHE/orthanc-$1
    say "Orthanc of Debian $1 in ${folder#"$ROOT/"}"
    [ ! -x "$folder/usr/sbin/Orthanc" ] || return 0
    # What an interrupted run left; never what it may have mounted there.
    rm -rf --one-file-system "$folder.part"
    mkdir -p "$CACHE"
    # It starts no server while it installs, and unmounts what it mounted.
    debootstrap --variant=minbase --include=orthanc "$1" "$folder.part" \
        >"$folder.log" 2>&1 ||
        { tail -n 20 "$folder.log" >&2; fail "debootstrap failed"; }
    mv "$folder.part" "$folder"
    rm -f "$folder.log" "$folder"/var/cache/apt/archives/*.deb
}

# web_client: Tryton's web client with, beside it, the components that bower
# would bring. Its packages run no script here.
web_client() {
    say "Web client in .cache/sao"
    stamped "$CACHE/sao.packages" "$(checksum bin/common.sh)" install_sao
}

install_sao() {
    local sao=$CACHE/sao packed component
    rm -rf "$sao"
    packed=$(mktemp -d)
    mkdir -p "$sao/bower_components"
    (cd "$packed" && npm pack --silent tryton-sao@7.0 bootstrap@3 c3@0.7 \
        d3@5 fullcalendar@3 gettext.js@0.7 jquery@3 moment@2 mousetrap@1 \
        papaparse@5 sortablejs@1 >names 2>errors) ||
        { cat "$packed/errors" >&2; fail "npm pack failed"; }
    unpack "$packed"/tryton-sao-*.tgz "$sao"
    for component in bootstrap c3 fullcalendar gettext.js jquery moment \
        mousetrap papaparse; do
        unpack "$packed/$component"-[0-9]*.tgz \
            "$sao/bower_components/$component"
    done
    unpack "$packed"/d3-*.tgz "$sao/bower_components/d3"
    mv "$sao"/bower_components/d3/dist/* "$sao/bower_components/d3"
    unpack "$packed"/sortablejs-*.tgz "$sao/bower_components/Sortable"
    # Its hooks for local changes; without them it logs that they are missing.
    touch "$sao/custom.js" "$sao/custom.css"
    rm -rf "$packed"
}

unpack() {
    mkdir -p "$2"
    tar --extract --gzip --file "$1" --directory "$2" --strip-components 1
}

# desktop_client: Tryton's desktop client, on Debian's Python and GTK.
desktop_client() {
    say "Desktop client in .cache/desktop"
    stamped "$CACHE/desktop.packages" "$(declare -f install_desktop |
        sha256sum)" install_desktop
}

install_desktop() {
    rm -rf "$CACHE/desktop"
    /usr/bin/python3 -m venv --without-pip --system-site-packages \
        "$CACHE/desktop"
    "$VENV/bin/pip" --python "$CACHE/desktop/bin/python" --quiet install \
        'tryton[calendar] >= 7.0, < 7.1' 2> >(grep -v '^WARNING' >&2)
}
