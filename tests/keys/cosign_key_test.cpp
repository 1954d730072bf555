#include "keys/cosign_key.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/json.hpp"
#include "base/process.hpp"
#include "keys/base64.hpp"
#include "keys/private_key.hpp"

using namespace ros;
using namespace ros::keys;

namespace {

constexpr ScryptCost kCheap{.n = 16};
constexpr std::string_view kBegin = "-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----\n";
constexpr std::string_view kEnd = "-----END ENCRYPTED COSIGN PRIVATE KEY-----\n";

PassphraseSource Give(std::string_view passphrase) {
  return [passphrase](std::string_view) { return Secret(passphrase); };
}

// What is in the PEM block, and back.
std::string Inside(std::string pem) {
  pem = pem.substr(kBegin.size(), pem.size() - kBegin.size() - kEnd.size());
  std::erase(pem, '\n');
  return DecodeBase64(pem);
}

std::string Around(const std::string& text) {
  return std::string(kBegin) + RunTool({.argv = {"openssl", "base64", "-e"}, .input = text}) +
         std::string(kEnd);
}

std::string CheapKey() {
  return std::string(
      SealCosignKey(Secret(std::string_view("the content")), Secret(std::string_view("pw")), kCheap)
          .view());
}

std::string Replaced(std::string text, const std::string& what, const std::string& with) {
  const auto at = text.find(what);
  REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), with);
}

void CheckRefused(const std::string& pem, const PassphraseSource& source, const std::string& why) {
  INFO(why);
  try {
    OpenCosignKey(pem, "cosign.key", source);
    FAIL("nothing was thrown");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kUsage);
    CHECK_THAT(error.message(), Catch::StartsWith("cosign.key: ") && Catch::Contains(why));
  }
}

}  // namespace

TEST_CASE("OpenCosignKey: gives back what was sealed, under both labels", "[keys]") {
  auto pem = CheapKey();
  CHECK(IsCosignKey(pem));
  CHECK(OpenCosignKey(pem, "k", Give("pw")).view() == "the content");
  for (const auto* place : {"BEGIN ", "END "}) {
    pem = Replaced(
        pem, std::string(place) + "ENCRYPTED COSIGN", std::string(place) + "ENCRYPTED SIGSTORE");
  }
  CHECK(IsCosignKey(pem));
  CHECK(OpenCosignKey(pem, "k", Give("pw")).view() == "the content");
  CheckRefused(pem, Give("px"), "the passphrase is wrong, or the file is damaged");
  CheckRefused(pem, Give(""), "the passphrase is wrong");
}

TEST_CASE("OpenCosignKey: refuses hostile files before it asks for a passphrase", "[keys]") {
  const auto inside = Inside(CheapKey());
  const auto never = [](std::string_view) -> Secret {
    FAIL("asked for a passphrase");
    return {};
  };
  const std::pair<std::string, std::string> changes[] = {
      {R"("N":16)", R"("N":1073741824)"},
      {R"("N":16)", R"("N":262144)"},
      {R"("N":16)", R"("N":15)"},
      {R"("N":16)", R"("N":0)"},
      {R"("N":16)", R"("N":1)"},
      {R"("N":16)", R"("N":-16)"},
      {R"("N":16)", R"("N":"16")"},
      {R"("r":8)", R"("r":4294967304)"},
      {R"("r":8)", R"("r":0)"},
      {R"("p":1)", R"("p":4294967297)"},
      {R"("p":1)", R"("p":1000)"},
      {R"("name":"scrypt")", R"("name":"none")"},
      {R"("name":"nacl/secretbox")", R"("name":"none")"},
      {R"("nonce":")", R"("nonce":"AAAA)"},
      {R"("salt":")", R"("salt":"*)"},
      {R"({"kdf")", R"([{"kdf")"},
      {R"("kdf")", R"("kdg")"},
  };
  for (const auto& [from, to] : changes) {
    CheckRefused(Around(Replaced(inside, from, to)), never, "it is not a key file of cosign: ");
  }
  CheckRefused(std::string(kBegin) + "****\n" + std::string(kEnd), never, "damaged");
  CheckRefused(std::string(kBegin), never, "damaged");
}

TEST_CASE("OpenCosignKey: any byte of what is sealed that was changed is noticed", "[keys]") {
  const auto inside = Inside(CheapKey());
  const std::string field = R"("ciphertext":")";
  const auto start = inside.find(field) + field.size();
  for (const std::size_t at : {start, start + 10, start + 30}) {
    auto changed = inside;
    changed[at] = changed[at] == 'A' ? 'B' : 'A';
    CheckRefused(Around(changed), Give("pw"), "the passphrase is wrong, or the file is damaged");
  }
}

TEST_CASE("PrivateKey: cosign's form with cosign's own costs, there and back", "[keys]") {
  const auto key = PrivateKey::Generate(KeyType::kEcdsaP256);
  const auto pem = std::string(key.ToCosignPem(Secret(std::string_view("pw"))).view());
  CHECK_THAT(Inside(pem),
             Catch::StartsWith(R"({"kdf":{"name":"scrypt","params":{"N":32768,"r":8,"p":1})"));
  const auto again = PrivateKey::FromPem(pem, "cosign.key", Give("pw"));
  CHECK(again.Public().Fingerprint() == key.Public().Fingerprint());
}

TEST_CASE("PrivateKey: reads what the libraries that cosign is made of have written", "[keys]") {
  // By Go's x/crypto (scrypt, nacl/secretbox), crypto/x509 and encoding/pem.
  const std::filesystem::path directory = ROS_TEST_DATA "/keys";
  const auto key = PrivateKey::FromFile(directory / "sealed-by-go.key", Give("cosign pass"));
  CHECK(key.Public().ToPem() == ReadFile(directory / "sealed-by-go.pub", 1000));
}

TEST_CASE("PrivateKey: a cosign file with something else sealed in it", "[keys]") {
  CHECK_THROWS_WITH(PrivateKey::FromPem(CheapKey(), "cosign.key", Give("pw")),
                    "cosign.key: what is in it is not a private key");
}
