#include "images/image_config.hpp"

#include "tests/images/support/error_of.hpp"
#include "tests/images/support/fake_image.hpp"

using namespace ros;
using namespace ros::images;
using namespace ros::images::fakes;

namespace {

ImageConfig SomeConfig() {
  auto config = MakeParts(8192).config;
  config.compatible = {"generic x86"};
  config.kernel_arguments = {"console=ttyS0,115200n8", "quiet"};
  config.health = {.deadline = std::chrono::seconds(60),
                   .required = {"network", "web"},
                   .watchdog = std::chrono::seconds(90)};
  config.initrd_keys = {"0123456789abcdef", "fedcba9876543210"};
  return config;
}

}  // namespace

TEST_CASE("ImageConfig: reads what it writes", "[images]") {
  const auto config = SomeConfig();
  CHECK(ParseImageConfig(WriteImageConfig(config)) == config);
  CHECK(WriteImageConfig(config) == WriteImageConfig(SomeConfig()));
}

TEST_CASE("ImageConfig: a watchdog of 0 seconds is none", "[images]") {
  auto config = SomeConfig();
  config.health.watchdog = std::chrono::seconds(0);
  CHECK(ParseImageConfig(WriteImageConfig(config)) == config);
}

TEST_CASE("ImageConfig: what is optional has defaults, what is unknown is passed over",
          "[images]") {
  const auto config = ParseImageConfig(
      R"({"name":"n","version":"1","architecture":"amd64","epoch":0,"later":{"x":[1]},)"
      R"("created":"2026-03-01T12:00:00Z","root":{"filesystem":"erofs","size":4096,"verity":)"
      R"({"root_hash":")" +
      std::string(64, 'a') + R"(","salt":"00"}}})");
  CHECK(config.compatible.empty());
  CHECK(config.kernel_arguments.empty());
  CHECK(config.health == HealthPolicy());
  CHECK(config.created == 1772366400);
}

TEST_CASE("ImageConfig: refuses hostile values, naming the place", "[images]") {
  struct Case {
    const char* from;
    const char* to;
    const char* message;
  };

  const auto case_ = GENERATE(values<Case>({
      {R"("name":"fake",)", "", "the key \"name\" is missing"},
      {R"("name":"fake")", R"("name":7)", "name: expected a string"},
      {R"("name":"fake")", R"("name":"../up")", "name: \"../up\" is no name"},
      {R"("name":"fake")", R"("name":"a\nb")", "name: \"a?b\""},
      {R"("name":"fake")", R"("name":"fake","name":"x")", "there twice"},
      {R"("version":"1.0.0")", R"("version":"")", "version"},
      {R"("version":"1.0.0")", R"("version":"1 0")", "version"},
      {R"("epoch":1)", R"("epoch":-1)", "epoch"},
      {R"("epoch":1)", R"("epoch":99999999999999999999)", "the image's config"},
      {R"("epoch":1)", R"("epoch":1.5)", "epoch"},
      {R"("created":"2026-03-01T12:00:00Z")", R"("created":"soon")", "created"},
      {R"("filesystem":"erofs")", R"("filesystem":"a b")", "root.filesystem"},
      {R"("size":8192)", R"("size":0)", "root.size: 0"},
      {R"("size":8192)", R"("size":8193)", "root.size: 8193"},
      {R"("size":8192)", R"("size":9223372036854775807)", "root.size"},
      {R"("size":8192)", R"("size":9223372036854771712)", "root.size"},
      {R"("size":8192)", R"("size":"8192")", "root.size: expected"},
      {R"("root":{)", R"("root":[],"root2":{)", "root: expected an object"},
      {R"("salt":"bb)", R"("salt":"BB)", "root.verity.salt"},
      {R"("salt":"bb)", R"("salt":"b)", "root.verity.salt"},
      {R"("root_hash":")", R"("root_hash":"00)", "root.verity.root_hash"},
      {R"("format":1)", R"("format":0)", "root.verity.format: only 1"},
      {R"("superblock":false)", R"("superblock":true)", "root.verity.superblock"},
      {R"("algorithm":"sha256")", R"("algorithm":"md5")", "root.verity.algorithm"},
      {R"("data_block_size":4096)", R"("data_block_size":512)", "root.verity.data_block_size"},
      {R"(["console)", R"(["a b","console)", "kernel_arguments[0]"},
      {R"(["console)", R"(["","console)", "kernel_arguments[0]"},
      {R"("quiet"])", R"("x\";reboot"])", "kernel_arguments[1]"},
      {R"("quiet"])", R"("a\nb"])", "kernel_arguments[1]"},
      {R"("quiet"])", R"("$x"])", "kernel_arguments[1]"},
      {R"("quiet"])", R"("ros.root=x"])", "arguments that begin with ros."},
      {R"("quiet"])", R"("ros.wait=481"])", "seconds up to 480"},
      {R"("quiet"])", R"("ros.wait=1s"])", "seconds up to 480"},
      {R"("quiet"])", R"("ros.wait="])", "seconds up to 480"},
      {R"("quiet"])", R"({}])", "kernel_arguments[1]: expected a string"},
      {R"(["generic x86"])", R"(["a\u001b[2J"])", "compatible[0]"},
      {R"(["generic x86"])", R"("generic")", "compatible: expected a list"},
      {R"("deadline":60)", R"("deadline":0)", "health.deadline"},
      {R"("deadline":60)", R"("deadline":100000)", "health.deadline"},
      {R"("watchdog":90)", R"("watchdog":-5)", "health.watchdog"},
      {R"("watchdog":90)", R"("watchdog":86401)", "health.watchdog: expected seconds from 0"},
      {R"("network")", R"("net work")", "health.required[0]"},
      {R"("health":{)", R"("health":7,"x":{)", "health: expected an object"},
  }));
  const auto raw = WriteImageConfig(SomeConfig());
  CheckError(ErrorKind::kVerification, case_.message, [&] {
    ParseImageConfig(Replace(raw, case_.from, case_.to));
  });
}

TEST_CASE("ImageConfig: refuses text that is no config at all", "[images]") {
  for (const auto* raw : {"", "{", "[]", "null", "7", "{}x", "\xff"}) {
    CheckError(ErrorKind::kVerification, "the image's config", [&] { ParseImageConfig(raw); });
  }
  CheckError(ErrorKind::kVerification, "longer than", [] {
    ParseImageConfig(std::string(kMaxConfigSize + 1, ' '));
  });
}

TEST_CASE("WriteImageConfig: refuses what could not be read", "[images]") {
  auto config = SomeConfig();
  config.root.size = 100;
  CHECK_THROWS_AS(WriteImageConfig(config), Error);
}
