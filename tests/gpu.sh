#!/usr/bin/env bash
# Runs the tests that need a GPU: tests/gpu.sh [vulkan|cuda]. Needs the .NET SDK and npm; docs/gpu.md tells what they hold.
# Where the natives lie already, TESSERA_NATIVE=FOLDER is taken. Vulkan without a GPU: Debian's mesa-vulkan-drivers compute on the CPU.
set -euo pipefail
cd "$(dirname "$0")/.."
backend=${1:-vulkan}
version=3.22.1 # of @node-llama-cpp: llama.cpp v0.5.0, as native/ pins it

if [ -z "${TESSERA_NATIVE:-}" ]; then
  packages=("@node-llama-cpp/linux-x64-$backend")
  # CUDA's own libraries come in a second package.
  [ "$backend" != cuda ] || packages+=("@node-llama-cpp/linux-x64-cuda-ext")
  folder=$PWD/artifacts/natives/$backend
  if [ ! -e "$folder/.complete" ]; then
    rm -rf "$folder"
    mkdir -p "$folder"
    for package in "${packages[@]}"; do
      unpacked=$(mktemp -d)
      (cd "$unpacked" && npm pack --silent "$package@$version" && tar -xzf ./*.tgz)
      cp "$unpacked"/package/bins/*/*.so* "$folder/"
      rm -rf "$unpacked"
    done
    touch "$folder/.complete"
  fi
  export TESSERA_NATIVE=$folder
fi

# ggml leaves out Vulkan devices that are the CPU, unless they are named.
if [ "$backend" = vulkan ] && ! [ -e /dev/dri ] && ! [ -e /dev/nvidia0 ]; then
  export GGML_VK_VISIBLE_DEVICES=${GGML_VK_VISIBLE_DEVICES:-0} LP_NUM_THREADS=${LP_NUM_THREADS:-1}
  # Each test program has a cache of its own; compiled shaders are kept from run to run, as compiling them takes minutes.
  export MESA_SHADER_CACHE_DIR=${MESA_SHADER_CACHE_DIR:-$PWD/artifacts/shaders}
fi

dotnet test tests/Cli.Tests --filter "FullyQualifiedName~.Gpu."
# The goldens, with tower and language model on the GPU.
dotnet test tests/Engine.NativeTests --filter "FullyQualifiedName~FidelityTests|FullyQualifiedName~SliceBatchTests"
