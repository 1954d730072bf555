#include "tests/installer/support/channel_registry.hpp"

#include "base/file.hpp"
#include "images/channel_archive.hpp"
#include "images/registry_copy.hpp"

namespace ros::testing {

void ChannelRegistry::Publish(const trust::Channel& channel,
                              const keys::PrivateKey& key,
                              const std::string& tag) {
  const TempDirectory directory;
  const auto file = directory.path() / "document.oci";
  images::WriteChannelArchive(trust::WriteChannel(channel), channel.name, file);
  images::SignChannel(file, key, channel.name);
  Push(*images::OpenImage(file), tag + ".channel");
}

void ChannelRegistry::Push(const images::ImageSource& image, const std::string& tag) {
  registry::Connection to(connection(), registry::ParseReference(repository() + ":" + tag));
  NoProgress progress;
  images::PushArtifact(image,
                       to.repository(),
                       tag,
                       {.others = images::PushWishes::OtherSignatures::kReplace},
                       progress);
}

}  // namespace ros::testing
