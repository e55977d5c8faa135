#!/bin/sh
# make.sh FAMILY [CASE...]: regenerates goldens inside the reference chroot and copies them back. ORACLE_HOME as in setup-reference.sh.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
oracle=${ORACLE_HOME:-$HOME/.cache/oracle}/ref
family=$1; shift
mkdir -p "$oracle/goldens"
rm -rf "$oracle/goldens/common" "$oracle/goldens/pictures" "$oracle/goldens/$family"
cp -r "$here/common" "$here/$family" "$oracle/goldens/"
"$oracle/enter.sh" python3 "/ref/goldens/$family/make.py" "$@"
# Whole cases are exchanged, so that a file no longer made does not stay; scripts are not copied back.
for manifest in "$oracle/goldens/$family"/*/manifest.json; do
    rm -rf "$here/$family/$(basename "$(dirname "$manifest")")"
    cp -r "$(dirname "$manifest")" "$here/$family/"
done
find "$oracle/goldens/$family" -maxdepth 1 -name '*.json' -exec cp {} "$here/$family/" \;
rm -rf "$here/pictures"
cp -r "$oracle/goldens/pictures" "$here/"
