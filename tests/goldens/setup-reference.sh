#!/usr/bin/env bash
# Makes the reference: a Debian unstable system in a folder, with PyTorch, transformers and llama.cpp from Debian's packages, and the
# command that runs programs in it. Needs root, a Debian or Ubuntu host, 2 GB of disk and some minutes. Run again, it goes on where it stopped.
#
#   ORACLE_HOME   where it goes: root/ is the system, ref/ the folder that both sides see (inside: /ref). Default ~/.cache/oracle
#   MIRROR        a Debian mirror; by default the first one that this machine's own apt sources name
set -euo pipefail

home=${ORACLE_HOME:-$HOME/.cache/oracle}
root=$home/root
shared=$home/ref
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

die() { echo "setup-reference: $*" >&2; exit 1; }

own_mirror() {
  { grep -rhoE 'https?://[^ ]+/debian/?($|[[:space:]])' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null || true; } | head -n 1 | tr -d '[:space:]'
}

# minbase and no documentation: torch is large enough.
bootstrap() {
  command -v debootstrap >/dev/null || { apt-get update -q; apt-get install -y -q --no-install-recommends debootstrap; }
  [ -e "$root/.complete" ] || debootstrap --variant=minbase --arch=amd64 --keyring="$keyring" sid "$root" "$mirror"
  touch "$root/.complete"
}

# A mirror may keep unstable as it was on one day. Its expiry is not checked, for this one source; its signature is.
configure() {
  echo "deb [check-valid-until=no signed-by=$keyring] $mirror sid main" > "$root/etc/apt/sources.list"
  printf '%s\n' 'APT::Install-Recommends "false";' 'Acquire::Languages "none";' 'Acquire::Retries "3";' > "$root/etc/apt/apt.conf.d/90reference"
  printf '%s\n' 'path-exclude=/usr/share/man/*' 'path-exclude=/usr/share/locale/*' > "$root/etc/dpkg/dpkg.cfg.d/90reference"
  # Packages must not start services here.
  printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
  chmod +x "$root/usr/sbin/policy-rc.d"
  cp -L /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || true
}

# enter.sh COMMAND...      runs it in /ref, in an environment of its own: REF_ENV="NAME=value ..." adds to it,
#                          REF_BIND=FOLDER shows one more folder of the host, read-only, as /bind
# enter.sh --umount        takes the mounts away, before the folder is deleted
write_enter() {
  cat > "$shared/enter.sh" <<'ENTER'
#!/usr/bin/env bash
set -euo pipefail
shared=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$shared")/root
[ -e "$root/.complete" ] || { echo "There is no reference in $root: run setup-reference.sh first." >&2; exit 1; }

show() { mkdir -p "$root$2"; mountpoint -q "$root$2" || mount "${@:3}" "$1" "$root$2"; }
hide() { ! mountpoint -q "$root$1" || umount "$root$1"; }

if [ "${1:-}" = --umount ]; then
  for place in /bind /ref /dev/shm /dev/pts /dev /sys /proc; do hide "$place"; done
  exit
fi

(
  flock 9 # of two that enter at once, one mounts
  show proc /proc -t proc
  show /sys /sys --bind -o ro
  for place in /dev /dev/pts /dev/shm; do show "$place" "$place" --bind; done
  show "$shared" /ref --bind
  if [ -n "${REF_BIND:-}" ]; then hide /bind; show "$REF_BIND" /bind --bind -o ro; fi
) 9> "$root/.mounting"

[ $# -gt 0 ] || set -- bash
# Nothing is looked up on the network, and no .pyc is written among the scripts.
exec chroot "$root" env -i -C /ref PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM="${TERM:-dumb}" LC_ALL=C.UTF-8 \
  DEBIAN_FRONTEND=noninteractive HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 TOKENIZERS_PARALLELISM=false \
  PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 ${REF_ENV:-} "$@"
ENTER
  chmod +x "$shared/enter.sh"
}

# Group by group: what unstable has broken today in one does not keep the others away.
install_packages() {
  local failed=() group
  "$shared/enter.sh" apt-get update -q
  for group in \
    "ca-certificates python3 python3-numpy libopenblas0-pthread" \
    "python3-torch" \
    "python3-pil python3-safetensors python3-tokenizers python3-sentencepiece python3-protobuf" \
    "python3-torchvision" \
    "python3-transformers" \
    "python3-jinja2 python3-accelerate python3-einops python3-scipy python3-tiktoken" \
    "libggml0 libggml0-backend-blas llama.cpp llama.cpp-tools llama.cpp-tools-extra llama.cpp-examples" \
    "python3-gguf"; do
    # shellcheck disable=SC2086 # the names of a group are words
    "$shared/enter.sh" apt-get install -y -q $group || failed+=("$group")
  done
  "$shared/enter.sh" apt-get clean
  [ ${#failed[@]} -eq 0 ] || die "could not be installed: ${failed[*]}"
}

[ "$(id -u)" = 0 ] || die "root is needed, for debootstrap, mount and chroot"
mirror=${MIRROR:-$(own_mirror)}
[ -n "$mirror" ] || die "the apt sources name no Debian mirror: set MIRROR"
[ -e "$keyring" ] || die "$keyring is missing: install debian-archive-keyring"
mkdir -p "$root" "$shared"
bootstrap
configure
write_enter
install_packages
"$shared/enter.sh" dpkg-query -W -f '${Package} ${Version}\n' python3-torch python3-torchvision python3-transformers python3-pil python3-gguf
