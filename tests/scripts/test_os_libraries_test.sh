#!/bin/bash
# test_os_libraries_test.sh SOURCE ROS: the Debian that tests boot has every library that `ros` is linked with.
set -u
listed=,$(sed -n '/^ros_libraries()/,/^}/s/^ *echo //p' "$1/scripts/fetch-test-os"),
failed=0
while read -r library; do
  package=$(dpkg-query -S "*/$library" | head -1 | cut -d: -f1)
  case $package in
    libc6* | libgcc-s1) ;;
    *) [[ $listed == *",$package,"* ]] || { echo "ros needs $library of $package, which fetch-test-os does not install"; failed=1; } ;;
  esac
done < <(readelf -d "$2" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
exit $failed
