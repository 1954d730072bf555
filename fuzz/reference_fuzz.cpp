#include "fuzz/target.hpp"
#include "registry/reference.hpp"

namespace ros::fuzz {

void Run(ByteSpan input) {
  const auto text = AsText(input);
  const bool looks = registry::LooksLikeReference(text);
  const auto reference = registry::ParseReference(text);
  Expect(registry::ParseReference(reference.ToString()) == reference,
         "what is written is read back the same");
  Expect(registry::ParseReference("docker://" + reference.ToString()) == reference,
         "so it is with a scheme");
  Expect(registry::LooksLikeReference("docker://" + reference.ToString()),
         "which makes it a reference");
  const bool plain =
      reference.host == "localhost" || reference.host.find_first_of(".:") != std::string::npos;
  Expect(looks == (plain || text.starts_with("docker://")), "a host is seen as one");
  Expect(!reference.tag.empty() || reference.digest, "it names one thing");
  Expect(reference.Name().size() <= 255 && reference.tag.size() <= 128, "the limits hold");
  // They become parts of a URL and of a file's name.
  Expect((reference.host + reference.repository + reference.tag).find_first_of("?#%@\\ \n") ==
             std::string::npos,
         "nothing has a meaning in a URL");
  Expect(("/" + reference.repository + "/").find("/./") == std::string::npos &&
             reference.repository.find("..") == std::string::npos,
         "nothing leads upwards");
}

std::vector<Seed> Seeds() {
  const auto digest = "sha256:" + std::string(64, 'a');
  return {{"tag", "registry.example:5000/team/my-os__x:1.2.0"},
          {"digest", "docker://localhost/os@" + digest},
          {"both", "r.example/os:v1@" + digest},
          {"ipv6", "[::1]:5000/os"},
          {"path", "./os.oci"}};
}

}  // namespace ros::fuzz
