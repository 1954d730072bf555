#include "fuzz/target.hpp"
#include "installer/registries_file.hpp"
#include "registry/reference.hpp"

namespace ros::fuzz {

void Run(ByteSpan input) {
  registry::MirrorTable table;
  if (!Succeeds([&] { table = installer::ParseRegistries(AsText(input), "registries.yml"); })) {
    return;
  }
  Expect(table.size() <= installer::kMaxMirroredHosts, "the hosts are as many as may be");
  for (const auto& [host, endpoints] : table) {
    Expect(host == registry::kAnyHost || registry::IsHost(host), "a mirror is one of a host");
    Expect(endpoints.size() <= installer::kMaxEndpoints, "the endpoints are as many as may be");
    for (const auto& endpoint : endpoints) {
      const auto url = (endpoint.plain_http ? "http://" : "https://") + endpoint.host;
      Expect(registry::ParseEndpoint(url + endpoint.root) == endpoint,
             "what was read is read back to the same");
    }
  }
}

std::vector<Seed> Seeds() {
  return {{"host", "mirrors: {registry.example: {endpoint: [\"https://one.example/v2/proxy\"]}}\n"},
          {"any", "mirrors:\n  \"*\":\n    endpoint:\n      - http://127.0.0.1:5001\n"},
          {"none", "mirrors: {local.example: {endpoint: []}}\n"}};
}

}  // namespace ros::fuzz
