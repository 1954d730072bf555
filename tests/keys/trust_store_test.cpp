#include "keys/trust_store.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/file.hpp"
#include "keys/key_pair.hpp"

using namespace ros;
using namespace ros::keys;

namespace {

std::string NewPublicPem() {
  return PrivateKey::Generate(KeyType::kEd25519).Public().ToPem();
}

}  // namespace

TEST_CASE("TrustStore: takes *.pub and *.pem of a directory, each key once", "[keys]") {
  TempDirectory directory;
  const auto pem = NewPublicPem();
  WriteFileAtomically(directory.path() / "b.pub", AsBytes(pem));
  WriteFileAtomically(directory.path() / "c.pem", AsBytes(NewPublicPem()));
  WriteFileAtomically(directory.path() / "a.pub", AsBytes(pem));
  WriteFileAtomically(directory.path() / "README", AsBytes("not a key"));
  const auto store = TrustStore::LoadDirectory(directory.path());
  REQUIRE(store.keys().size() == 2);
  CHECK(store.keys()[0].name() == (directory.path() / "a.pub").string());
  CHECK_THAT(store.Describe(),
             Catch::Contains("a.pub (ed25519 " + store.keys()[0].Fingerprint() + ")") &&
                 Catch::Contains(", "));
}

TEST_CASE("TrustStore: a directory that is not there is empty", "[keys]") {
  CHECK(TrustStore::LoadDirectory("/nonexistent/keys").empty());
}

TEST_CASE("TrustStore: one bad file spoils it, and is named", "[keys]") {
  TempDirectory directory;
  WriteFileAtomically(directory.path() / "good.pub", AsBytes(NewPublicPem()));
  WriteFileAtomically(directory.path() / "bad.pub", AsBytes("x"));
  CHECK_THROWS_WITH(TrustStore::LoadDirectory(directory.path()), Catch::Contains("bad.pub"));
  CHECK_THROWS_WITH(TrustStore::FromFiles({directory.path() / "none.pub"}),
                    Catch::Contains("none.pub"));
}

TEST_CASE("TrustStore: has a limit", "[keys]") {
  TrustStore store;
  for (std::size_t i = 0; i < kMaxTrustedKeys; ++i) {
    store.Add(PublicKey::FromPem(NewPublicPem(), "k"));
  }
  CHECK_THROWS_AS(store.Add(PublicKey::FromPem(NewPublicPem(), "k")), Error);
}
