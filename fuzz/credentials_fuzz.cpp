#include "fuzz/target.hpp"
#include "registry/credentials.hpp"

namespace ros::fuzz {

void Run(ByteSpan input) {
  // A helper is a program, which no input of ours may choose and start.
  const auto text = AsText(input);
  if (text.find("cred") != std::string_view::npos || text.find('\\') != std::string_view::npos) {
    return;
  }
  const auto find = [&](std::string_view repository) {
    return registry::FindCredentialsIn(text, "registry.example", repository, "auth.json");
  };
  const auto found = find("team/os");
  if (!found) {
    return;
  }
  Expect(*found != registry::Credentials(), "what is found is not empty");
  Expect(found->user.find(':') == std::string::npos, "a user's name ends at the colon");
  Expect(!found->password.ends_with('\0'), "no password ends by a zero byte");
}

std::vector<Seed> Seeds() {
  return {{"docker", R"({"auths": {"https://registry.example/v1/": {"auth": "bWU6YTpi"}}})"},
          {"podman",
           R"({"auths": {"registry.example": {"auth": "bWU6YTpi"}, )"
           R"("registry.example/team": {"auth": "dGVhbTp0AA=="}}})"},
          {"token", R"({"auths": {"registry.example": {"identitytoken": "secret"}}})"},
          {"empty", R"({"auths": {"registry.example": {}}})"}};
}

}  // namespace ros::fuzz
