#!/bin/bash
# Holds what a sentence in a README cannot: which folder may include which, that each foreign library
# is seen by one folder, that every test and every scenario is in a CMake list, that links in the
# documents lead somewhere.
#
#   layering_test.sh SOURCE
set -uo pipefail

cd "$1" || exit 1
failures=0

complain() {
  printf '%s\n' "$*"
  failures=$((failures + 1))
}

# folder: the folders whose headers it may include, besides its own.
declare -A may_include=(
  [base]=""
  [keys]="base"
  [registry]="base keys"
  [delta]="base"
  [packing]="base"
  [images]="base delta keys packing registry"
  [partitions]="base"
  [bootloader]="base"
  [health]="base"
  [config]="base"
  [trust]="base keys config"
  [installer]="base keys registry packing images partitions bootloader health config trust"
  [init]="base keys images bootloader partitions health"
  [qemu-harness]="base"
)

# The start of a foreign header's name: the one folder that may include it.
declare -A lives_in=(
  [nlohmann/]=base
  [openssl/]=keys
  [sodium]=keys
  [archive]=images
  [zstd]=images
  [xxhash]=images
  [curl/]=registry
  [libkmod]=images
  [libfdisk]=partitions
  [divsufsort]=delta
  [lzma]=delta
  [lz4]=packing
  [blkid/]=partitions
  [uuid/]=partitions
  [yaml-cpp/]=config
  [CLI/]=installer
)

sources_of() {
  find "$1" -name '*.cpp' -o -name '*.hpp' | sort
}

check_direction() {
  local folder=$1 file header from
  while IFS=: read -r file _ header; do
    from=${header%%/*}
    [ "$from" = "$folder" ] && continue
    [[ " ${may_include[$folder]} " == *" $from "* ]] ||
      complain "$file includes \"$header\": $folder may not know $from"
  done < <(sources_of "$folder" | xargs grep -nH '^#include "' | sed 's/#include "\([^"]*\)".*/\1/')
}

check_libraries() {
  local folder=$1 file header library
  while IFS=: read -r file _ header; do
    for library in "${!lives_in[@]}"; do
      [[ $header == "$library"* ]] || continue
      [ "${lives_in[$library]}" = "$folder" ] ||
        complain "$file includes <$header>, which belongs into ${lives_in[$library]}/"
      [[ $file == *.hpp ]] && complain "$file is a header and shows <$header> to everybody"
    done
  done < <(sources_of "$folder" | xargs grep -nH '^#include <' | sed 's/#include <\([^>]*\)>.*/\1/')
}

# clang-tidy says it of programs only: it sees a library's sources included into one file.
check_no_source_included() {
  local found
  while read -r found; do
    complain "$found: a source is compiled and not included"
  done < <(sources_of "$1" | xargs grep -nH '^#include ".*\.cpp"')
}

# A test that is not built is not a test.
check_test_lists() {
  local file
  while read -r file; do
    grep -qw "$(basename "$file")" "$(dirname "$file")/CMakeLists.txt" 2>/dev/null ||
      complain "$file is in no CMake list"
  done < <(find tests qemu-harness -name '*_test.cpp' -o -name '*_test.sh')
}

# A fuzz target that is not built or has nothing to begin with finds nothing.
check_fuzz_targets() {
  local file name
  for file in fuzz/*_fuzz.cpp; do
    name=$(basename "$file" _fuzz.cpp)
    grep -q "^ros_fuzz_target($name " fuzz/CMakeLists.txt || complain "$file is in no CMake list"
    [ -n "$(find "fuzz/corpus/$name" -type f 2>/dev/null)" ] ||
      complain "$file has no seeds: fuzz/run --seeds $name"
  done
}

check_scenarios() {
  local name
  while read -r name; do
    grep -q "ros_scenario($name " qemu-harness/scenarios/CMakeLists.txt ||
      complain "scenario $name is no ctest: qemu-harness/scenarios/CMakeLists.txt"
  done < <(sed -n 's/^TEST_CASE("\([^"]*\)".*/\1/p' qemu-harness/scenarios/*.cpp)
}

check_links() {
  local file link
  while read -r file; do
    while read -r link; do
      link=${link%%#*}
      case $link in '' | *://* | mailto:*) continue ;; esac
      [ -e "$(dirname "$file")/$link" ] || complain "$file links to $link, which is not there"
    done < <(grep -o '](\([^) ]*\))' "$file" | sed 's/^](//; s/)$//')
  done < <(find . -name '*.md' -not -path './build/*')
}

for folder in "${!may_include[@]}"; do
  [ -d "$folder" ] || continue
  check_direction "$folder"
  check_libraries "$folder"
  check_no_source_included "$folder"
done
check_test_lists
check_fuzz_targets
check_scenarios
check_links

[ "$failures" -eq 0 ] || { echo "$failures faults"; exit 1; }
echo "layers, libraries, test lists and links are in order"
