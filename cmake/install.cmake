# Where `cmake --install` puts what is beside the programs; their own folders install those.
set(ROS_SYSTEMD_UNIT_DIR "lib/systemd/system" CACHE STRING "Where systemd units go, below the prefix")

# ros_install_unit(NAME TARGET): a systemd unit, enabled by the link that `systemctl enable` makes.
# Units name `ros` without its directory, so they hold for every prefix that systemd searches.
function(ros_install_unit name target)
  install(FILES dist/systemd/${name} DESTINATION ${ROS_SYSTEMD_UNIT_DIR})
  set(links ${PROJECT_BINARY_DIR}/dist/${target}.wants)
  file(MAKE_DIRECTORY ${links})
  file(CREATE_LINK ../${name} ${links}/${name} SYMBOLIC)
  install(FILES ${links}/${name} DESTINATION ${ROS_SYSTEMD_UNIT_DIR}/${target}.wants)
endfunction()

ros_install_unit(ros-config.service sysinit.target)
ros_install_unit(ros-config-late.service multi-user.target)
ros_install_unit(ros-health-gate.service sysinit.target)
ros_install_unit(ros-upgrade.timer timers.target)
# Started by its timer.
install(FILES dist/systemd/ros-upgrade.service DESTINATION ${ROS_SYSTEMD_UNIT_DIR})

install(PROGRAMS dist/health.d/required.d/default-target DESTINATION lib/ros/health.d/required.d)
install(FILES dist/completions/ros DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)

set(ROS_MAN_PAGES_1 ros.1 ros-channel.1 ros-image.1 ros-keys.1)
set(ROS_MAN_PAGES_8 ros-install.8 ros-upgrade.8 ros-rollback.8 ros-reset.8 ros-status.8 ros-health.8 ros-config.8)
foreach(section 1 8)
  list(TRANSFORM ROS_MAN_PAGES_${section} PREPEND man/ OUTPUT_VARIABLE pages)
  install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()

install(FILES LICENSE CHANGELOG.md README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs)
install(DIRECTORY dist/busybox dist/kubernetes DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples USE_SOURCE_PERMISSIONS)
