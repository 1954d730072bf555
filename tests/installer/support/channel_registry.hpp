#pragma once

#include <string>

#include "images/image_source.hpp"
#include "keys/key_pair.hpp"
#include "registry/connection.hpp"
#include "tests/registry/support/no_proxy.hpp"
#include "tests/registry/support/served_repository.hpp"
#include "trust/channel.hpp"

namespace ros::testing {

// A registry on the loopback with one repository, for images and documents of their channel. Both
// are pushed by the real client.
class ChannelRegistry {
 public:
  // "127.0.0.1:PORT/team/os".
  [[nodiscard]] std::string repository() const { return server_.host() + "/team/os"; }

  [[nodiscard]] static registry::ConnectionOptions connection() { return {.plain_http = true}; }

  // Signs a document with this key and puts it under the tag TAG.channel.
  void Publish(const trust::Channel& channel,
               const keys::PrivateKey& key,
               const std::string& tag = "stable");

  void Push(const images::ImageSource& image, const std::string& tag);

  // What it was asked so far.
  [[nodiscard]] std::vector<ServedRequest> Asked() const { return server_.Asked(); }

 private:
  NoProxy no_proxy_;
  ServedRepository served_{"team/os"};
  FaultServer server_{[this](const ServedRequest& request) { return served_.Answer(request); }};
};

}  // namespace ros::testing
