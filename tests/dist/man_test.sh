#!/bin/bash
# man_test.sh DIRECTORY: every man page formats without a warning, and what they refer to exists.
set -u
cd "$1" || exit 1
failed=0

fail() {
  echo "FAILED: $*"
  failed=1
}

for page in *.[1-8]; do
  if command -v groff >/dev/null; then
    warnings=$(groff -man -t -ww -Tutf8 -z "$page" 2>&1)
    [[ -z $warnings ]] || fail "$page: $warnings"
  fi
  name=${page%.*}
  title=$(grep -m1 '^\.TH' "$page")
  [[ $title == ".TH ${name^^} ${page##*.} "* ]] || fail "$page: the title is '$title'"
  while read -r other section; do
    [[ -e $other.$section ]] || fail "$page refers to $other($section), which is not there"
  done < <(grep -oE '(\\fB|\.BR )ros[a-z-]*(\\fR| )\([18]\)' "$page" |
    sed -E 's/^(\\fB|\.BR )(ros[a-z-]*)(\\fR| )\(([18])\)$/\2 \4/')
done
exit $failed
