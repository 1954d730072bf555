#pragma once

#include <string>

#include "installer/image_location.hpp"
#include "installer/machine.hpp"
#include "installer/trusted_channel.hpp"
#include "trust/release_choice.hpp"

namespace ros::installer {

// The channel that a machine follows, as its setting `ros.upgrade.channel` names it.
struct FollowedChannel {
  registry::Reference repository;  // of the images, without tag
  std::string name;

  bool operator==(const FollowedChannel&) const = default;

  // "registry.example/myos:stable".
  [[nodiscard]] std::string ToString() const { return repository.Name() + ":" + name; }
};

// Reads REGISTRY/REPOSITORY:NAME. Throws kUsage naming the text and its fault.
FollowedChannel ParseFollowedChannel(const std::string& text);

// The channel of this machine. Throws kUsage with how to set one where none is set, and as
// config::ConfigFiles::Upgrade where the configuration cannot be read.
FollowedChannel FindFollowedChannel(const Machine& machine);

// The channel that a machine follows which is installed with this document of a channel: the
// document's, where it is in a registry and where DocumentOf looks for it; empty else, and where
// `cloud_config` says something of the channel already.
std::string ChannelOfInstallation(const ImageLocation& document,
                                  const std::string& channel,
                                  const std::string& cloud_config);

// Its document: the tag NAME.channel of the repository, reached in this way.
ImageLocation DocumentOf(const FollowedChannel& channel,
                         const registry::ConnectionOptions& connection);

// The image of a release, by digest whatever its tag says by now: where the document says that it
// is, else in the repository of the channel. Throws kVerification where what the document says is
// no place in a registry, or names another digest.
ImageLocation ImageOf(const FollowedChannel& channel,
                      const trust::Release& release,
                      const registry::ConnectionOptions& connection);

// What is this machine's own and stays: /etc/machine-id, and where there is none (yet) the UUID of
// ROS-STATE, which each copy of an installation has of its own.
std::string MachineIdentity(const Machine& machine);

// What a machine's channel has for it.
struct FollowedRelease {
  FollowedChannel followed;
  TrustedChannel document;
  trust::ReleaseChoice choice;
  std::string machine;  // MachineIdentity
  std::string running;  // digest of the image that runs; empty where nothing tells
  std::string running_version;
  std::vector<std::string> bad;  // digests of what was rolled back here

  // Whether there is something new for this machine.
  [[nodiscard]] bool is_available() const { return choice.choice == trust::Choice::kTake; }
};

struct FollowRequest {
  trust::ChoiceWish wish;
  registry::ConnectionOptions connection;
};

// Fetches the document of the channel that this machine follows, judges it by the rules, and
// chooses a release. Writes nothing. A halt is a choice and no error. Throws as FindFollowedChannel
// and OpenFreshChannel do, and kVerification for the document of another channel and for a damaged
// list of bad images.
FollowedRelease FindRelease(const Machine& machine,
                            const TrustRules& rules,
                            const FollowRequest& request);

// Remembers the document as accepted, whatever it lets this machine take, a halt too: nobody who
// stands between must go back behind it (docs/decisions/0056). Durable.
void RememberDocumentOf(const FollowedRelease& found, const Machine& machine);

}  // namespace ros::installer
