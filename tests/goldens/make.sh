#!/bin/sh
# make.sh FAMILY [CASE...]: regenerates goldens inside the reference chroot and copies them back. ORACLE_HOME as in the oracle's README.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
oracle=${ORACLE_HOME:-$HOME/.cache/oracle}/ref
family=$1; shift
mkdir -p "$oracle/goldens"
rm -rf "$oracle/goldens/common" "$oracle/goldens/$family"
cp -r "$here/common" "$here/$family" "$oracle/goldens/"
"$oracle/enter.sh" python3 "/ref/goldens/$family/make.py" "$@"
rm -rf "$oracle/goldens/$family/__pycache__"
cp -r "$oracle/goldens/$family" "$oracle/goldens/pictures" "$here/"
