#pragma once

#include <map>
#include <set>
#include <string>

#include "tests/registry/support/fault_server.hpp"

namespace ros::testing {

// What a sound registry answers about one repository, by the OCI distribution-spec 1.1: manifests
// by tag and digest and their list, blobs and one or more parts of them, uploads in one piece, in
// chunks and by mount.
class ServedRepository {
 public:
  // `name` is "team/os".
  explicit ServedRepository(std::string name) : prefix_("/v2/" + std::move(name) + "/") {}

  ServedReply Answer(const ServedRequest& request);

  // Adds them and gives their digest.
  std::string AddManifest(const std::string& tag, const std::string& raw);
  std::string AddBlob(const std::string& content);

  // By digest, as what is below.
  std::map<std::string, std::string> blobs;
  std::map<std::string, std::string> manifests;
  std::map<std::string, std::string> tags;  // digests by tag
  // "REPOSITORY DIGEST" that can be mounted.
  std::set<std::string> elsewhere;
  // For OCI-Chunk-Min-Length; a smaller chunk that is not the last is refused.
  std::size_t least_chunk = 0;

 private:
  [[nodiscard]] ServedReply Manifest(const std::string& name) const;
  ServedReply Put(const std::string& name, const std::string& raw);
  [[nodiscard]] ServedReply Tags() const;
  [[nodiscard]] ServedReply Blob(const ServedRequest& request, const std::string& digest) const;
  ServedReply StartUpload(const ServedRequest& request);
  ServedReply GoOn(const ServedRequest& request);
  ServedReply Finish(const ServedRequest& request);
  // Where the upload goes on: another place each time.
  [[nodiscard]] std::string Place() const;

  std::string prefix_;
  std::string upload_;
  bool short_ = false;  // a chunk was: it has to be the last
  int uploads_ = 0;
  int step_ = 0;
};

}  // namespace ros::testing
