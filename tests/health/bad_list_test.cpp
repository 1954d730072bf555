#include "health/bad_list.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/file.hpp"

namespace ros::health {
namespace {

BadImage Image(const std::string& digest) {
  return {digest, "1.0", "web failed: \"no answer\"", 1'770'000'000};
}

TEST_CASE("BadList: keeps what is added and replaces by digest", "[health]") {
  const TempDirectory state;
  CHECK(ReadBadList(state.path()).empty());
  CHECK_FALSE(FindBadImage(state.path(), "sha256:1"));
  AddBadImage(state.path(), Image("sha256:1"));
  AddBadImage(state.path(), Image("sha256:2"));
  auto again = Image("sha256:1");
  again.reason = "later";
  AddBadImage(state.path(), again);
  CHECK(ReadBadList(state.path()) == std::vector{Image("sha256:2"), again});
  CHECK(FindBadImage(state.path(), "sha256:1") == again);
}

TEST_CASE("BadList: forgets one digest and leaves the others", "[health]") {
  const TempDirectory state;
  AddBadImage(state.path(), Image("sha256:1"));
  AddBadImage(state.path(), Image("sha256:2"));
  RemoveBadImage(state.path(), "sha256:1");
  RemoveBadImage(state.path(), "sha256:3");
  CHECK(ReadBadList(state.path()) == std::vector{Image("sha256:2")});
}

TEST_CASE("BadList: keeps the newest 64", "[health]") {
  const TempDirectory state;
  for (int i = 0; i < 66; ++i) {
    AddBadImage(state.path(), Image("sha256:" + std::to_string(i)));
  }
  const auto images = ReadBadList(state.path());
  REQUIRE(images.size() == 64);
  CHECK(images.front().digest == "sha256:2");
  CHECK(images.back().digest == "sha256:65");
}

TEST_CASE("BadList: a damaged list is told when read and set aside when added to", "[health]") {
  const TempDirectory state;
  WriteFileAtomically(state.path() / "bad.json", AsBytes("{\"bad\":[{\"digest\":1}]}"));
  CHECK_THROWS_WITH(ReadBadList(state.path()), Catch::Contains("bad[0].digest"));
  AddBadImage(state.path(), Image("sha256:1"));
  CHECK(ReadBadList(state.path()).size() == 1);
  CHECK(std::filesystem::exists(state.path() / "bad.json.damaged"));
}

}  // namespace
}  // namespace ros::health
