#include "registry/credentials.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/json.hpp"
#include "base/process.hpp"
#include "base/shown_text.hpp"
#include "keys/base64.hpp"
#include "registry/reference.hpp"

namespace ros::registry {
namespace {

constexpr Bytes kMaxFile = Bytes{1} << 20U;
constexpr std::size_t kMaxHelper = 100;
constexpr std::string_view kHelperPrefix = "docker-credential-";

std::string Environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// A key of `auths` without what older clients put around the host: https://HOST/v1/.
std::string_view WithoutScheme(std::string_view key) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (key.starts_with(scheme)) {
      key.remove_prefix(scheme.size());
      return key.substr(0, key.find('/'));
    }
  }
  return key;
}

Credentials ParseEntry(const Json& entry, const std::string& where) {
  Credentials credentials;
  if (const auto* token = entry.Find("identitytoken", where); token != nullptr) {
    credentials.identity_token = token->AsString(where + ".identitytoken");
  }
  if (const auto* auth = entry.Find("auth", where); auth != nullptr) {
    auto pair = InContext(where + ".auth",
                          [&] { return keys::DecodeBase64(auth->AsString(where + ".auth")); });
    // Some writers end the password by a zero byte.
    while (pair.ends_with('\0')) {
      pair.pop_back();
    }
    const auto colon = pair.find(':');
    if (colon == std::string::npos && !pair.empty()) {
      throw Error(ErrorKind::kUsage, where + ".auth is not USER:PASSWORD in base64");
    }
    if (!pair.empty()) {
      credentials.user = pair.substr(0, colon);
      credentials.password = pair.substr(colon + 1);
    }
  }
  return credentials;
}

std::optional<Credentials> AskHelper(const std::string& name, const std::string& host) {
  const bool plain =
      !name.empty() && name.size() <= kMaxHelper && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_' || c == '.';
      });
  if (!plain) {
    throw Error(ErrorKind::kUsage, QuoteText(name) + " is no name of a credential helper");
  }
  const Command command{.argv = {std::string(kHelperPrefix) + name, "get"},
                        .environment = {},
                        // Helpers go by variables of their own: AWS_PROFILE, XDG_RUNTIME_DIR, ...
                        .inherits = true,
                        .input = host + "\n",
                        .working_directory = {}};
  const auto result = RunProcess(command);
  if (result.exit_code != 0) {
    // It says so on stdout (docker-credential-helpers, credentials/error.go).
    if (result.out.find("credentials not found") != std::string::npos) {
      return std::nullopt;
    }
    throw Error(ErrorKind::kFailed,
                command.argv.front() + " has no credentials for " + host + " (exit " +
                    std::to_string(result.exit_code) + ")");
  }
  const auto where = "what " + command.argv.front() + " says";
  const auto answer = Json::Parse(result.out, where);
  Credentials credentials{.user = answer.At("Username", where).AsString(where),
                          .password = answer.At("Secret", where).AsString(where),
                          .identity_token = {}};
  if (credentials.user == "<token>") {
    return Credentials{.user = {}, .password = {}, .identity_token = credentials.password};
  }
  return credentials;
}

// "registry.example/team/myos", "registry.example/team", "registry.example": the longest first.
std::vector<std::string> KeysFor(std::string_view host, std::string_view repository) {
  std::vector<std::string> keys;
  std::string key = std::string(host) + "/" + std::string(repository);
  while (key.size() > host.size()) {
    keys.push_back(key);
    key.resize(key.rfind('/'));
  }
  keys.emplace_back(host);
  if (host == kDockerHub) {
    // What `docker login` writes: https://index.docker.io/v1/.
    keys.emplace_back("index.docker.io");
  }
  return keys;
}

// What a credential helper knows a host by.
std::string ServerOf(std::string_view host) {
  return host == kDockerHub ? "https://index.docker.io/v1/" : std::string(host);
}

// A helper, and what it is asked for.
struct Helper {
  std::string name;
  std::string server;
};

// The one of this host alone.
std::optional<Helper> HelperFor(const Json& file, std::string_view host, const std::string& where) {
  const auto* helpers = file.Find("credHelpers", where);
  if (helpers == nullptr) {
    return std::nullopt;
  }
  for (const auto& server : {std::string(host), ServerOf(host)}) {
    if (const auto* helper = helpers->Find(server, where + ": credHelpers"); helper != nullptr) {
      return Helper{.name = helper->AsString(where + ": credHelpers"), .server = server};
    }
  }
  return std::nullopt;
}

std::optional<Credentials> FindIn(const Json& file,
                                  std::string_view host,
                                  std::string_view repository,
                                  const std::string& where) {
  if (const auto helper = HelperFor(file, host, where)) {
    return AskHelper(helper->name, helper->server);
  }
  if (const auto* auths = file.Find("auths", where); auths != nullptr) {
    const auto& members = auths->AsObject(where + ": auths");
    for (const auto& key : KeysFor(host, repository)) {
      const auto found = std::ranges::find_if(
          members, [&](const auto& member) { return WithoutScheme(member.key) == key; });
      if (found == members.end()) {
        continue;
      }
      auto credentials = ParseEntry(found->value, where + ": auths." + ShortenText(found->key));
      if (credentials != Credentials()) {
        return credentials;
      }
    }
  }
  if (const auto* store = file.Find("credsStore", where); store != nullptr) {
    return AskHelper(store->AsString(where + ": credsStore"), ServerOf(host));
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::filesystem::path> CredentialFiles() {
  if (const auto file = Environment("REGISTRY_AUTH_FILE"); !file.empty()) {
    return {file};
  }
  std::vector<std::filesystem::path> files;
  if (const auto runtime = Environment("XDG_RUNTIME_DIR"); !runtime.empty()) {
    files.emplace_back(std::filesystem::path(runtime) / "containers/auth.json");
  } else {
    const auto own = "/run/containers/" + std::to_string(::getuid()) + "/auth.json";
    // Where only root may look, there is nothing for anybody else.
    if (::access(own.c_str(), R_OK) == 0 || errno != EACCES) {
      files.emplace_back(own);
    }
  }
  const auto home = Environment("HOME");
  if (const auto config = Environment("XDG_CONFIG_HOME"); !config.empty()) {
    files.emplace_back(std::filesystem::path(config) / "containers/auth.json");
  } else if (!home.empty()) {
    files.emplace_back(std::filesystem::path(home) / ".config/containers/auth.json");
  }
  const auto docker = Environment("DOCKER_CONFIG");
  if (!docker.empty()) {
    files.emplace_back(std::filesystem::path(docker) / "config.json");
  } else if (!home.empty()) {
    files.emplace_back(std::filesystem::path(home) / ".docker/config.json");
  }
  files.emplace_back("/etc/ros/auth.json");
  return files;
}

std::optional<Credentials> FindCredentialsIn(std::string_view text,
                                             std::string_view host,
                                             std::string_view repository,
                                             const std::string& where) {
  try {
    return FindIn(Json::Parse(text, where), host, repository, where);
  } catch (const Error& error) {
    // A file that the user wrote, not an image.
    if (error.kind() == ErrorKind::kVerification) {
      throw Error(ErrorKind::kUsage, error.message());
    }
    throw;
  }
}

std::optional<Credentials> FindCredentials(std::string_view host,
                                           std::string_view repository,
                                           const std::vector<std::filesystem::path>& files) {
  for (const auto& file : files) {
    const auto text = ReadFileIfThere(file, kMaxFile);
    if (!text) {
      continue;
    }
    auto found = FindCredentialsIn(*text, host, repository, file.string());
    if (found) {
      return found;
    }
  }
  return std::nullopt;
}

}  // namespace ros::registry
