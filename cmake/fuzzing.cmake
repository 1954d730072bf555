# Fuzzing (fuzz/README.md): the libraries tell libFuzzer which way they take. A program of such
# libraries that is no fuzz target runs as any other.
option(ROS_FUZZ "Build the fuzz targets (clang and ROS_SANITIZE)" OFF)
if(ROS_FUZZ AND NOT (CMAKE_CXX_COMPILER_ID STREQUAL Clang AND ROS_SANITIZE))
  message(FATAL_ERROR "ROS_FUZZ needs clang and ROS_SANITIZE: presets asan and fuzz have both")
endif()
