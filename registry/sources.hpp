#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "registry/mirrors.hpp"
#include "registry/session.hpp"

namespace ros::registry {

// One place where a repository is read: the registry itself, or a mirror of it.
struct Source {
  Session& session;
  std::string name;   // "mirror.example/proxy/team/os", for messages
  std::string root;   // "/v2/proxy/team/os"
  std::string query;  // behind the path of each request; none for the registry itself
  Endpoint endpoint;  // of a mirror

  // What a request for `rest` ("manifests/1.0") has as its URL.
  [[nodiscard]] std::string Path(const std::string& rest) const;
};

// All places where a repository is read, and what is done where one of them fails. For one thread.
class Sources {
 public:
  enum class Order { kMirrorsFirst, kRegistryFirst };

  // The registry itself alone. `name` is "team/os". The session outlives it.
  Sources(Session& registry, const std::string& name);

  // Adds a mirror that is to be asked after those that are there already, and the registry itself
  // behind it. `mirrors` keeps in mind that it has failed.
  void AddMirror(Session& session, const Endpoint& mirror, std::shared_ptr<Mirrors> mirrors);

  [[nodiscard]] bool HasMirrors() const { return !mirrors_.empty(); }

  [[nodiscard]] const Source& registry() const { return registry_; }

  // Calls `read` with one source after the other until one has it. A false says that there is none
  // there: a mirror's word is not believed, the registry's is. What fails with kNetwork or
  // kVerification leads to the next source, and a mirror that failed in another way than by a 404
  // is asked after the registry from then on. `is_final` says of an error whether it ends this.
  // Returns whether it was found; throws the only error, or one that names each source and its
  // own.
  bool Read(Order order,
            const std::function<bool(const Source&)>& read,
            const std::function<bool()>& is_final = {});

  // A mirror has sent something wrong, which was found too late to ask another; nothing for the
  // registry itself. `why` names the mirror.
  void Fail(const Source& source, const std::string& why);

  // Something that a person should read of what a mirror has told.
  void Warn(const std::string& warning) { known_->Warn(warning); }

 private:
  [[nodiscard]] std::vector<const Source*> InOrder(Order order) const;
  [[nodiscard]] bool MayBeElsewhere(const Error& error, const Source& source) const;

  Source registry_;
  std::deque<Source> mirrors_;
  std::shared_ptr<Mirrors> known_;
};

}  // namespace ros::registry
