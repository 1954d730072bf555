#pragma once

#include <optional>
#include <string>

#include "installer/command.hpp"
#include "installer/named_rules.hpp"
#include "installer/trust_explanation.hpp"

// What `sign` and `verify` have in common, whatever they are about: an image, a channel document.
namespace ros::installer {

struct SignOptions {
  std::string file;
  std::string key;
  std::string passphrase_file;
  std::optional<std::string> reference;
};

// `what` is "image" or "document", as the help calls it; `file_name` "IMAGE" or "FILE".
void AddSignOptions(CLI::App& sign,
                    SignOptions& options,
                    const std::string& what,
                    const std::string& file_name);

struct VerifyOptions {
  std::string file;
  NamedRules rules;
  bool explain = false;
};

void AddVerifyOptions(CLI::App& verify, VerifyOptions& options, const std::string& file_name);

// Prints it, and leaves the exit code of what is refused.
void ShowExplanation(const TrustExplanation& explanation, CommandContext& context);

}  // namespace ros::installer
