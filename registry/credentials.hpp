#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ros::registry {

// What a registry knows us by.
struct Credentials {
  std::string user;
  std::string password;
  std::string identity_token;  // in the place of both, where a registry gave one

  bool operator==(const Credentials&) const = default;
};

// The files where docker, podman, skopeo and `ros` keep credentials, in the order in which they are
// looked at: $REGISTRY_AUTH_FILE alone, where it is set; podman's below $XDG_RUNTIME_DIR, or below
// /run/containers/UID where that is not set, and below $XDG_CONFIG_HOME, or in the home; docker's
// below $DOCKER_CONFIG, or in the home; /etc/ros/auth.json (containers-auth.json(5); docker's
// config.json).
std::vector<std::filesystem::path> CredentialFiles();

// Those that the text of one such file has; `where` names it. Throws kUsage where it is malformed,
// and as FindCredentials does.
std::optional<Credentials> FindCredentialsIn(std::string_view text,
                                             std::string_view host,
                                             std::string_view repository,
                                             const std::string& where);

// Those for a host in the files, by `auths` or by a credential helper (`credHelpers`, `credsStore`;
// docker-credential-NAME is run, in the environment that we have). Those that `docker login` has
// for Docker Hub are docker.io's. A longer key wins, "registry.example/team" over
// "registry.example". None where no file has any. Throws kUsage naming the file that is malformed,
// kFailed where a helper fails.
std::optional<Credentials> FindCredentials(std::string_view host,
                                           std::string_view repository,
                                           const std::vector<std::filesystem::path>& files);

}  // namespace ros::registry
