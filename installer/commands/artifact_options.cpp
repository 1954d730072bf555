#include "installer/commands/artifact_options.hpp"

#include <CLI/CLI.hpp>

#include "base/error.hpp"
#include "installer/commands/network_options.hpp"
#include "installer/passphrase.hpp"

namespace ros::installer {

void AddSignOptions(CLI::App& sign,
                    SignOptions& options,
                    const std::string& what,
                    const std::string& file_name) {
  sign.add_option("--key", options.key, "Private key: PEM file, or pkcs11: URI")->required();
  sign.add_option("--reference",
                  options.reference,
                  "What the " + what + " will be called in its registry, for skopeo's policy");
  AddPassphraseOption(sign, options.passphrase_file);
  sign.add_option(file_name, options.file)->required();
}

void AddVerifyOptions(CLI::App& verify, VerifyOptions& options, const std::string& file_name) {
  auto* key =
      verify
          .add_option(
              "--key", options.rules.keys, "Public key, PEM (default: this machine's rules)")
          ->take_all();
  verify.add_option("--trust", options.rules.trust, "Trust policy, YAML")
      ->type_name("FILE")
      ->excludes(key);
  verify.add_flag("--explain", options.explain, "Show each rule and how it is met");
  verify.add_option(file_name, options.file, kWhereImagesAre)->required();
}

void ShowExplanation(const TrustExplanation& explanation, CommandContext& context) {
  if (context.console.json()) {
    context.console.PrintJson(ExplanationToJson(explanation));
  } else {
    context.console.Print(DescribeExplanation(explanation));
  }
  if (!explanation.refusal.empty()) {
    context.exit_code = static_cast<int>(ErrorKind::kVerification);
  }
}

}  // namespace ros::installer
