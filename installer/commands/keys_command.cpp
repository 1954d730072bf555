#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "base/error.hpp"
#include "installer/command.hpp"
#include "installer/machine.hpp"
#include "installer/passphrase.hpp"
#include "installer/trusted_keys.hpp"
#include "keys/key_pair.hpp"
#include "keys/pkcs11_uri.hpp"
#include "keys/trust_store.hpp"

namespace ros::installer {
namespace {

struct GenerateOptions {
  std::string name;
  std::string type = "ecdsa";
  std::string passphrase_file;
  bool encrypt = false;
  bool cosign = false;
};

// The private key's file: under a passphrase when one is wanted.
keys::Secret PrivateText(const keys::PrivateKey& key, const GenerateOptions& options) {
  if (!options.encrypt && !options.cosign && options.passphrase_file.empty() &&
      !HasPassphraseVariable()) {
    return key.ToPem();
  }
  const auto passphrase = AskNewPassphrase(options.passphrase_file, options.name + ".key");
  return options.cosign ? key.ToCosignPem(passphrase) : key.ToEncryptedPem(passphrase);
}

void Generate(const GenerateOptions& options, const Console& console) {
  if (!std::filesystem::path(options.name).has_filename()) {
    throw Error(ErrorKind::kUsage,
                "\"" + options.name + "\" names no key, as " +
                    (std::filesystem::path(options.name) / "release").string() + " would");
  }
  keys::ForbidCoreDumps();
  const auto key = keys::PrivateKey::Generate(keys::ParseKeyType(options.type).value());
  keys::WriteKeyPair(options.name, key.Public(), PrivateText(key, options));
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

struct ShowOptions {
  std::string key;
  std::string passphrase_file;
  bool pem = false;
};

// The public half of whatever is given.
keys::PublicKey FindPublicKey(const ShowOptions& options) {
  if (keys::IsPkcs11Uri(options.key)) {
    return keys::LoadTokenPublicKey(options.key);
  }
  if (!std::filesystem::exists(options.key) && RunningBootArguments()) {
    return FindKey(FindTrustRules(OpenRunningMachine(), SystemClock()), options.key).key;
  }
  const auto text = keys::ReadSecretFile(options.key, keys::kMaxKeyFileSize);
  if (text.view().find("PRIVATE KEY-----") == std::string_view::npos) {
    return keys::PublicKey::FromPem(text.view(), options.key);
  }
  return keys::PrivateKey::FromPem(
             text.view(), options.key, MakePassphraseSource(options.passphrase_file))
      .Public();
}

void Show(const ShowOptions& options, const Console& console) {
  keys::ForbidCoreDumps();
  const auto key = FindPublicKey(options);
  const std::string type(keys::Name(key.type()));
  if (console.json()) {
    console.PrintJson(Json::MakeObject()
                          .Set("type", type)
                          .Set("fingerprint", key.Fingerprint())
                          .Set("public_key", key.ToPem()));
  } else if (options.pem) {
    console.Print(key.ToPem());
  } else {
    console.Print("type         " + type + "\n" + "fingerprint  " + key.Fingerprint());
  }
}

void AddShowCommand(CLI::App& keys, CommandContext& context) {
  auto* show = keys.add_subcommand("show", "Tell a key's kind and fingerprint");
  auto options = std::make_shared<ShowOptions>();
  show->add_option(
          "KEY",
          options->key,
          "PEM file of a public or private key, pkcs11: URI, or a key that this machine trusts")
      ->required();
  show->add_flag("--pem", options->pem, "Print the public key alone, as PEM");
  AddPassphraseOption(*show, options->passphrase_file);
  AddJsonFlag(*show, context);
  show->callback([options, &context] { Show(*options, context.console); });
}

}  // namespace

void AddKeysCommand(CLI::App& app, CommandContext& context) {
  auto* keys =
      app.add_subcommand("keys", "Make the keys that sign images, show and change which count");
  keys->require_subcommand(1);
  auto* generate = keys->add_subcommand("generate", "Write NAME.key (mode 0600) and NAME.pub, PEM");
  auto options = std::make_shared<GenerateOptions>();
  generate->add_option("NAME", options->name, "Path without the endings")->required();
  generate->add_option("--type", options->type, "Kind of key")
      ->check(CLI::IsMember({"ecdsa", "ecdsa-p384", "ed25519", "rsa"}))
      ->capture_default_str();
  generate->add_flag("--encrypt", options->encrypt, "Protect the private key by a passphrase");
  generate->add_flag(
      "--cosign", options->cosign, "Protect it in cosign's form, which cosign and skopeo read too");
  AddPassphraseOption(*generate, options->passphrase_file);
  AddJsonFlag(*generate, context);
  generate->callback([options, &context] { Generate(*options, context.console); });
  AddShowCommand(*keys, context);
  AddTrustCommands(*keys, context);
}

}  // namespace ros::installer
