#include "fuzz/target.hpp"
#include "images/image_config.hpp"

namespace ros::fuzz {

void Run(ByteSpan input) {
  const auto config = images::ParseImageConfig(AsText(input));
  Expect(images::IsImageName(config.name) && images::IsImageName(config.version),
         "name and version are names");
  Expect(config.root.size > 0 && config.root.size % 4096 == 0, "the root is whole blocks");
  Expect(images::ParseImageConfig(images::WriteImageConfig(config)) == config,
         "what is written is read back the same");
}

std::vector<Seed> Seeds() {
  images::ImageConfig config{
      .name = "myos",
      .version = "1.2.0",
      .architecture = "amd64",
      .created = 1'772'366'400,
      .root = {.filesystem = "erofs",
               .size = Bytes{1} << 30U,
               .verity = {.root_hash = std::string(64, 'a'), .salt = std::string(64, '0')}}};
  const auto small = images::WriteImageConfig(config);
  config.compatible = {"pc", "board-7"};
  config.epoch = 3;
  config.kernel_arguments = {"console=ttyS0,115200", "quiet"};
  config.health.required = {"default-target", "net"};
  return {{"small", small}, {"whole", images::WriteImageConfig(config)}};
}

}  // namespace ros::fuzz
