#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace ros::images::testing {

// Writes a file, making its directories; its time is fixed.
void PutFile(const std::filesystem::path& path, std::string_view content);

// Bytes that look random and do not compress, the same for the same seed.
std::string Noise(std::size_t size, unsigned seed);

// A program that is static as far as its header says.
std::string StaticProgram();

// A kernel for amd64 of version 6.1.0-9 as far as its header says.
std::string KernelImage();

// A root in `directory` that has all that an OS image needs: init, ros, a kernel "6.1.0-9" with a
// few modules (plain files that begin like ELF) and their index.
void MakeSmallRoot(const std::filesystem::path& directory);

// All entries of a directory as text: path, mode, owner, link or content, times; for comparing.
std::string DescribeTree(const std::filesystem::path& directory);

}  // namespace ros::images::testing
