#include "init/accounts.hpp"

#include <catch2/catch.hpp>

namespace ros::init {
namespace {

struct Case {
  std::string name;
  AccountFile kind;
  std::string machine;
  std::string image;
  std::string merged;
};

TEST_CASE("MergeAccounts: keeps the machine's lines and adds the image's", "[init]") {
  const auto row = GENERATE(values<Case>({
      {"nothing changed", AccountFile::kUsers, "root:x:0\n", "root:x:0\n", "root:x:0\n"},
      {"the machine's line wins",
       AccountFile::kUsers,
       "root:secret:0\nann:x:1000\n",
       "root:*:0\nnew:x:100\n",
       "root:secret:0\nann:x:1000\nnew:x:100\n"},
      {"an account that the image dropped stays",
       AccountFile::kUsers,
       "old:x:1\nroot:x:0\n",
       "root:x:0\n",
       "old:x:1\nroot:x:0\n"},
      {"members of both",
       AccountFile::kGroups,
       "video:x:44:ann\nempty:x:5:\n",
       "video:x:44:ann,kodi\nempty:x:5:svc\nnew:x:6:\n",
       "video:x:44:ann,kodi\nempty:x:5:svc\nnew:x:6:\n"},
      {"users have no members",
       AccountFile::kUsers,
       "a:x:1:1::/:/bin/sh\n",
       "a:x:1:1::/:/bin/zsh\n",
       "a:x:1:1::/:/bin/sh\n"},
      {"lines that are no accounts",
       AccountFile::kUsers,
       "# mine\nroot:x:0\n\n",
       "# theirs\n\nnew:x:1\n",
       "# mine\nroot:x:0\n\nnew:x:1\n"},
      {"a last line without its end", AccountFile::kUsers, "a:1", "b:2", "a:1\nb:2\n"},
      {"a key twice in the image", AccountFile::kUsers, "", "b:1\nb:2\n", "b:1\n"},
      {"both empty", AccountFile::kGroups, "", "", ""},
      {"a name is not a prefix", AccountFile::kUsers, "ann:1\n", "an:2\n", "ann:1\nan:2\n"},
  }));
  INFO(row.name);
  CHECK(MergeAccounts(row.kind, row.machine, row.image) == row.merged);
}

}  // namespace
}  // namespace ros::init
