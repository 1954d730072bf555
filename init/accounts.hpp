#pragma once

#include <string>
#include <string_view>

namespace ros::init {

// How the lines of a file of accounts join. In all of them a line's first field is its key.
enum class AccountFile {
  kUsers,   // passwd, shadow: the machine's line wins
  kGroups,  // group, gshadow: the machine's line wins, with the image's members added
};

// The machine's file and the new image's in one: each of the machine's lines in its order, then the
// image's lines whose key the machine has not. Lines that are no accounts (empty, or without ":")
// stay where they are in the machine's file and are dropped from the image's. Pure.
std::string MergeAccounts(AccountFile kind, std::string_view machine, std::string_view image);

}  // namespace ros::init
