# The table of scenarios: rows are what is tested, columns the machines that it is tested on.

# Firmware and boot loader of a machine (qemu-harness/boot_setup.cpp).
set(ROS_BOOT_SETUPS bios-grub uefi-grub bios-syslinux)

# One cell: the ctest qemu.NAME.SETUP, with these labels besides `qemu`. At most two cells run at a time, where ctest
# is told what there is (qemu-harness/machines.json). Those with much time begin first: a long one at the end has no
# other beside it.
function(ros_cell name setup seconds labels command)
  add_test(NAME qemu.${name}.${setup} COMMAND ${command} --durations yes -w NoTests)
  set_tests_properties(
    qemu.${name}.${setup}
    PROPERTIES LABELS "qemu;${labels}"
               TIMEOUT ${seconds}
               ENVIRONMENT ROS_BOOT_SETUP=${setup}
               COST ${seconds}
               RESOURCE_GROUPS machines:1)
endfunction()

# ros_row(NAME SECONDS COMMAND target [tests] SMOKE setup... [ONLY setup... WHY "reason"] [LONG]
#         [IMAGES os])
#
# A row: the TEST_CASE with its name (or the tests that Catch2 finds by `tests`) of a test program, with
# a time limit of its own, on each setup that there is or on those of ONLY. SMOKE: these run in every ./check
# (`none`: no setup), the others in ./check --full (label `full`). LONG (label `long`): it takes minutes.
# IMAGES: it boots images of this OS. The program reads ROS_BOOT_SETUP.
function(ros_row name seconds)
  cmake_parse_arguments(PARSE_ARGV 2 ROW "LONG" "IMAGES;WHY" "COMMAND;SMOKE;ONLY")
  if(ROW_UNPARSED_ARGUMENTS OR NOT ROW_SMOKE)
    message(FATAL_ERROR "row ${name}: ... SMOKE setup... [ONLY setup... WHY reason] [LONG]")
  endif()
  if(ROW_ONLY AND NOT ROW_WHY)
    message(FATAL_ERROR "row ${name}: WHY does it run ONLY on ${ROW_ONLY}?")
  endif()
  list(REMOVE_ITEM ROW_SMOKE none)
  set(setups ${ROS_BOOT_SETUPS})
  if(ROW_ONLY)
    set(setups ${ROW_ONLY})
  endif()
  foreach(setup ${ROW_SMOKE} ${ROW_ONLY})
    if(NOT setup IN_LIST ROS_BOOT_SETUPS OR NOT setup IN_LIST setups)
      message(FATAL_ERROR "row ${name}: it does not run on ${setup}; there is: ${setups}")
    endif()
  endforeach()
  list(LENGTH ROW_COMMAND words)
  if(words EQUAL 1)
    list(APPEND ROW_COMMAND ${name})
  endif()
  foreach(setup ${setups})
    set(labels)
    if(ROW_LONG)
      list(APPEND labels long)
    endif()
    if(NOT setup IN_LIST ROW_SMOKE)
      list(APPEND labels full)
    endif()
    ros_cell(${name} ${setup} ${seconds} "${labels}" "${ROW_COMMAND}")
    if(ROW_IMAGES)
      set_tests_properties(qemu.${name}.${setup} PROPERTIES FIXTURES_REQUIRED qemu-images-${ROW_IMAGES})
    endif()
  endforeach()
endfunction()
