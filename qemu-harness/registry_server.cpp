#include "qemu-harness/registry_server.hpp"

#include "qemu-harness/host.hpp"
#include "qemu-harness/places.hpp"

namespace ros::qemu {
namespace {

ServerCommand RegistryCommand(const std::filesystem::path& directory) {
  const std::string text =
      "version: 0.1\n"
      "log: {level: info}\n"
      "storage: {filesystem: {rootdirectory: " +
      (directory / "data").string() +
      "}}\n"
      "http: {addr: \"127.0.0.1:0\"}\n";
  const std::filesystem::path file = directory / "registry.yml";
  WriteFileAtomically(file, AsBytes(text));
  return {.argv = {"docker-registry", "serve", file},
          .directory = directory,
          .says_port = R"(listening on 127\.0\.0\.1:([0-9]+))"};
}

}  // namespace

RegistryServer::RegistryServer(const std::string& name)
    : directory_(RunDirectory(), "registry"), server_(name, RegistryCommand(directory_.path())) {}

void RegistryServer::Push(std::string_view image, std::string_view reference) const {
  const std::string target = "127.0.0.1:" + std::to_string(port()) + "/" + std::string(reference);
  MustRos({"image", "push", "--plain-http", ImagePath(image).string(), target});
}

}  // namespace ros::qemu
