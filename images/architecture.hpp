#pragma once

#include <string>
#include <string_view>

namespace ros::images {

// Throws kUsage, naming what is known, unless this is one of OCI's names (Go's GOARCH) of a machine
// that Linux runs on.
void CheckArchitecture(std::string_view architecture);

// "a program for arm64", for a program (ELF) of another machine than this, given by its beginning;
// empty for one of this machine. What is no ELF, a script, is not judged.
std::string DescribeForeignProgram(std::string_view head, std::string_view architecture);

// What DescribeForeignProgram looks at.
inline constexpr std::size_t kProgramHeadSize = 20;

}  // namespace ros::images
