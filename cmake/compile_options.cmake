# Flags live on one INTERFACE target that every target of ours links PRIVATE.
add_library(ros_compile_options INTERFACE)
target_compile_features(ros_compile_options INTERFACE cxx_std_20)
target_compile_options(
  ros_compile_options
  INTERFACE -Wall
            -Wextra
            -Wpedantic
            -Wshadow
            -Wconversion
            -Wsign-conversion
            -Wold-style-cast
            -Wnon-virtual-dtor
            -Woverloaded-virtual
            -Wsuggest-override
            -Wswitch-enum
            -Wformat=2
            # Designated initialisers leave the other members at their defaults on purpose.
            -Wno-missing-field-initializers
            $<$<CXX_COMPILER_ID:Clang>:-Wreserved-identifier>)
target_include_directories(ros_compile_options INTERFACE ${PROJECT_SOURCE_DIR})

option(ROS_WERROR "Treat warnings as errors (presets only, never forced on packagers)" OFF)
if(ROS_WERROR)
  target_compile_options(ros_compile_options INTERFACE -Werror)
endif()

option(ROS_SANITIZE "Build with address and undefined behaviour sanitizers" OFF)
if(ROS_SANITIZE)
  set(_sanitizers -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_compile_options(ros_compile_options INTERFACE ${_sanitizers})
  target_link_options(ros_compile_options INTERFACE ${_sanitizers})
endif()

option(ROS_HARDEN "Hardening flags for released binaries" OFF)
if(ROS_HARDEN)
  target_compile_options(ros_compile_options INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
                                                      -fstack-protector-strong)
  target_link_options(ros_compile_options INTERFACE -Wl,-z,relro,-z,now)
endif()

find_program(ROS_LLD ld.lld)

# ros_link_fast(TARGET): a program that nobody installs is linked by LLD where it is there: in a fourth of the time.
function(ros_link_fast target)
  if(ROS_LLD)
    target_link_options(${target} PRIVATE -fuse-ld=lld)
  endif()
endfunction()

# For the build with sanitizers, the slowest: a test is compiled in three fourths of the time. That each source includes
# what it uses is seen by the other builds.
option(ROS_PRECOMPILE "Compile the headers that tests include ahead (clang only)" OFF)
if(ROS_PRECOMPILE)
  file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/precompiled.cpp "")
  # Compared by content: ccache gives back an older file.
  target_compile_options(ros_compile_options INTERFACE "SHELL:-Xclang -fno-pch-timestamp")
endif()

# ros_precompile(TARGET): a program of tests, compiled as all of them are (-O0), takes these headers as compiled once.
function(ros_precompile target)
  if(NOT ROS_PRECOMPILE)
    return()
  endif()
  if(NOT TARGET ros_precompiled)
    add_library(ros_precompiled OBJECT ${PROJECT_BINARY_DIR}/precompiled.cpp)
    target_precompile_headers(
      ros_precompiled
      PRIVATE
      <algorithm>
      <array>
      <chrono>
      <cstdint>
      <filesystem>
      <functional>
      <map>
      <memory>
      <optional>
      <set>
      <span>
      <string>
      <string_view>
      <utility>
      <vector>
      <catch2/catch.hpp>)
    target_compile_options(ros_precompiled PRIVATE -O0)
    target_link_libraries(ros_precompiled PRIVATE ros_compile_options)
  endif()
  target_precompile_headers(${target} REUSE_FROM ros_precompiled)
endfunction()

# For the build with sanitizers and for clang-tidy: of what they do with a source, four fifths are its headers. That each
# source holds without the others is seen by the other builds.
option(ROS_UNITY "Compile the sources of a library together, 16 at a time" OFF)

# ros_compile_together(TARGET): names in its anonymous namespaces are its own among all sources of the target.
function(ros_compile_together target)
  if(ROS_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 16)
  endif()
endfunction()

# ros_library(NAME SOURCES...): one static library a folder, known as ros::NAME.
function(ros_library name)
  add_library(ros_${name} STATIC ${ARGN})
  add_library(ros::${name} ALIAS ros_${name})
  target_link_libraries(ros_${name} PRIVATE ros_compile_options)
  set_target_properties(ros_${name} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)
  if(ROS_FUZZ)
    target_compile_options(ros_${name} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
  ros_compile_together(ros_${name})
endfunction()
