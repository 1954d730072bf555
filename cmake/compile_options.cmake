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

# ros_library(NAME SOURCES...): one static library a folder, known as ros::NAME.
function(ros_library name)
  add_library(ros_${name} STATIC ${ARGN})
  add_library(ros::${name} ALIAS ros_${name})
  target_link_libraries(ros_${name} PRIVATE ros_compile_options)
  set_target_properties(ros_${name} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)
  if(ROS_FUZZ)
    target_compile_options(ros_${name} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()
