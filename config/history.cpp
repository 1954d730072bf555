#include <filesystem>

#include "base/error.hpp"
#include "base/file.hpp"
#include "config/apply.hpp"

namespace ros::config {
namespace {

namespace fs = std::filesystem;
using literals::operator""_MiB;

constexpr std::string_view kFileName = "applied.json";

std::set<std::string> ReadMarks(const Json& json, std::string_view key) {
  std::set<std::string> marks;
  for (const auto& mark : json.At(key, "").AsArray(key)) {
    marks.insert(mark.AsString(key));
  }
  return marks;
}

Json MarksToJson(const std::set<std::string>& marks) {
  auto array = Json::MakeArray();
  for (const auto& mark : marks) {
    array.Append(mark);
  }
  return array;
}

}  // namespace

History LoadHistory(const fs::path& directory) {
  const auto path = directory / kFileName;
  std::error_code code;
  if (!fs::exists(path, code)) {
    return {};
  }
  try {
    const auto json = Json::Parse(ReadFile(path, 1_MiB), path.string());
    return {{json.At("instance", "").AsString("instance"), json.At("boot", "").AsString("boot")},
            ReadMarks(json, "once"),
            ReadMarks(json, "this_boot")};
  } catch (const Error& error) {
    // Damage on disk, not something that failed its verification.
    throw Error(ErrorKind::kFailed, error.message())
        .WithContext("reading what was applied before (remove " + path.string() +
                     " to apply everything again)");
  }
}

void StoreHistory(const fs::path& directory, const History& history) {
  InContext("storing what was applied", [&] {
    auto json = Json::MakeObject();
    json.Set("instance", history.identity.instance);
    json.Set("boot", history.identity.boot);
    json.Set("once", MarksToJson(history.once));
    json.Set("this_boot", MarksToJson(history.this_boot));
    fs::create_directories(directory);
    const auto text = json.DumpPretty() + "\n";
    WriteFileAtomically(directory / kFileName, AsBytes(text), 0600);
  });
}

}  // namespace ros::config
