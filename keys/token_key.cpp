// OpenSSL 3 calls engines deprecated, but Debian 12 has no provider for PKCS#11 yet (decision 53).
#define OPENSSL_SUPPRESS_DEPRECATED

#include "keys/token_key.hpp"

#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ui.h>

#include <string>
#include <utility>

#include "base/error.hpp"
#include "keys/pkcs11_uri.hpp"

namespace ros::keys {
namespace {

using UiMethod = CPtr<UI_METHOD, UI_destroy_method>;

// What OpenSSL and the token say of a failure, the first cause first.
std::string Reasons() {
  std::string text;
  while (const auto code = ERR_get_error()) {
    const char* reason = ERR_reason_error_string(code);
    if (reason != nullptr && text.find(reason) == std::string::npos) {
      text += (text.empty() ? "" : ", ") + std::string(reason);
    }
  }
  return text.empty() ? "no reason was given" : text;
}

void EndEngine(ENGINE* engine) {
  ENGINE_finish(engine);
  ENGINE_free(engine);
}

using EnginePointer = std::shared_ptr<ENGINE>;

void Control(ENGINE* engine, const char* command, const char* argument, std::string_view name) {
  if (ENGINE_ctrl_cmd_string(engine, command, argument, 0) != 1) {
    RefuseKey(name, std::string("the engine's ") + command + ": " + Reasons());
  }
}

EnginePointer StartEngine(const Pkcs11Uri& uri) {
  CPtr<ENGINE, ENGINE_free> engine(ENGINE_by_id("pkcs11"));
  if (!engine) {
    RefuseKey(
        uri.object,
        "keys on tokens need OpenSSL's engine for PKCS#11, which is not installed (Debian: apt "
        "install libengine-pkcs11-openssl)");
  }
  // Else it writes to stderr by itself.
  Control(engine.get(), "QUIET", nullptr, uri.object);
  if (uri.module_path) {
    Control(engine.get(), "MODULE_PATH", uri.module_path->c_str(), uri.object);
  }
  if (ENGINE_init(engine.get()) != 1) {
    RefuseKey(uri.object, "the token's driver cannot be used: " + Reasons());
  }
  return {engine.release(), EndEngine};
}

// What asks when the engine wants something of its own: nobody.
UiMethod Nobody() {
  UiMethod method(UI_create_method("nobody"));
  if (!method) {
    ThrowOpenssl("out of memory");
  }
  UI_method_set_reader(method.get(), [](UI*, UI_STRING*) { return -1; });
  return method;
}

Secret PinOf(const Pkcs11Uri& uri, const PassphraseSource& pin) {
  return uri.pin_source ? ReadPassphraseFile(*uri.pin_source) : pin(uri.object);
}

void GivePin(ENGINE* engine, const Pkcs11Uri& uri, const PassphraseSource& pin) {
  const auto secret = PinOf(uri, pin);
  // The engine wants it with a zero at its end.
  Secret terminated(secret.size() + 1);
  secret.view().copy(reinterpret_cast<char*>(terminated.bytes().data()), secret.size());
  Control(engine, "PIN", terminated.view().data(), uri.object);
}

std::string PublicPemOn(ENGINE* engine, const Pkcs11Uri& uri) {
  const auto nobody = Nobody();
  const KeyPointer key(
      ENGINE_load_public_key(engine, (uri.object + ";type=public").c_str(), nobody.get(), nullptr));
  if (!key) {
    RefuseKey(uri.object, "the token has no such public key: " + Reasons());
  }
  return PublicPemOf(key.get());
}

}  // namespace

std::shared_ptr<const OpensslKey> OpenTokenKey(std::string_view text, const PassphraseSource& pin) {
  const auto uri = ParsePkcs11Uri(text);
  auto engine = StartEngine(uri);
  GivePin(engine.get(), uri, pin);
  const auto nobody = Nobody();
  KeyPointer key(ENGINE_load_private_key(
      engine.get(), (uri.object + ";type=private").c_str(), nobody.get(), nullptr));
  if (!key) {
    RefuseKey(uri.object, "the token has no such key, or does not give it: " + Reasons());
  }
  // libp11 0.4.12 was seen to leave the private key without its point.
  auto public_pem = PublicPemOn(engine.get(), uri);
  const auto type = PublicKey::FromPem(public_pem, uri.object).type();
  return std::make_shared<const OpensslKey>(OpensslKey{.keeper = std::move(engine),
                                                       .key = std::move(key),
                                                       .type = type,
                                                       .public_pem = std::move(public_pem)});
}

std::string ReadTokenPublicPem(std::string_view text) {
  const auto uri = ParsePkcs11Uri(text);
  return PublicPemOn(StartEngine(uri).get(), uri);
}

}  // namespace ros::keys
