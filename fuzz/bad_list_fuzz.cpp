#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "fuzz/target.hpp"
#include "health/bad_list.hpp"

namespace ros::fuzz {
namespace {

// A directory of this process in memory, where there is such a place.
class StateDirectory {
 public:
  StateDirectory()
      : path_((std::filesystem::exists("/dev/shm") ? "/dev/shm" : "/tmp") +
              std::string("/ros-fuzz-") + std::to_string(::getpid())) {
    std::filesystem::create_directories(path_);
  }

  StateDirectory(const StateDirectory&) = delete;
  StateDirectory& operator=(const StateDirectory&) = delete;
  StateDirectory(StateDirectory&&) = delete;
  StateDirectory& operator=(StateDirectory&&) = delete;

  ~StateDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace

void Run(ByteSpan input) {
  static const StateDirectory directory;
  std::ofstream(directory.path() / "bad.json", std::ios::binary) << AsText(input);
  std::size_t known = 0;
  const bool sound = Succeeds([&] { known = health::ReadBadList(directory.path()).size(); });

  // A rollback must be able to note its image, whatever is there.
  const health::BadImage image{
      .digest = "sha256:f00d", .version = "1.2.0", .reason = "no address", .time = 1'772'366'400};
  health::AddBadImage(directory.path(), image);
  const auto images = health::ReadBadList(directory.path());
  Expect(!images.empty() && images.back() == image, "the newest image is listed last");
  Expect(images.size() <= 64 && (sound || images.size() == 1), "there are not too many");
  Expect(images.size() <= known + 1, "no other is added");
}

std::vector<Seed> Seeds() {
  const StateDirectory directory;
  health::AddBadImage(directory.path(),
                      {.digest = "sha256:aa", .version = "1.1.0", .reason = "x", .time = 1});
  health::AddBadImage(directory.path(),
                      {.digest = "sha256:f00d", .version = "1.2.0", .reason = "y", .time = 2});
  std::ifstream file(directory.path() / "bad.json");
  return {{"empty", R"({"bad":[]})"},
          {"two", std::string(std::istreambuf_iterator<char>(file), {})}};
}

}  // namespace ros::fuzz
