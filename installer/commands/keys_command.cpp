#include <CLI/CLI.hpp>
#include <memory>

#include "installer/command.hpp"
#include "keys/key_pair.hpp"

namespace ros::installer {
namespace {

struct GenerateOptions {
  std::string name;
  std::string type = "ecdsa";
};

void Generate(const GenerateOptions& options, const Console& console) {
  const auto key = keys::PrivateKey::Generate(keys::ParseKeyType(options.type).value());
  keys::WriteKeyPair(options.name, key);
  const auto fingerprint = key.Public().Fingerprint();
  if (console.json()) {
    console.PrintJson(Json::MakeObject()
                          .Set("private_key", options.name + ".key")
                          .Set("public_key", options.name + ".pub")
                          .Set("fingerprint", fingerprint));
    return;
  }
  console.Print("private key  " + options.name + ".key" + "  (keep it secret; it signs images)\n" +
                "public key   " + options.name + ".pub" +
                "  (give it to machines: ros install --key)\n" + "fingerprint  " + fingerprint);
}

}  // namespace

void AddKeysCommand(CLI::App& app, CommandContext& context) {
  auto* keys = app.add_subcommand("keys", "Make the keys that sign images");
  keys->require_subcommand(1);
  auto* generate = keys->add_subcommand("generate", "Write NAME.key (mode 0600) and NAME.pub, PEM");
  auto options = std::make_shared<GenerateOptions>();
  generate->add_option("NAME", options->name, "Path without the endings")->required();
  generate->add_option("--type", options->type, "Kind of key")
      ->check(CLI::IsMember({"ecdsa", "ed25519", "rsa"}))
      ->capture_default_str();
  AddJsonFlag(*generate, context);
  generate->callback([options, &context] { Generate(*options, context.console); });
}

}  // namespace ros::installer
