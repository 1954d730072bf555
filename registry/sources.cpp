#include "registry/sources.hpp"

#include <utility>

#include "base/word_list.hpp"
#include "registry/http_status.hpp"

namespace ros::registry {
namespace {

constexpr std::string_view kApi = "/v2";

Source MirrorOf(const Source& registry, Session& session, const Endpoint& mirror) {
  const auto repository = registry.root.substr(kApi.size() + 1);
  const auto& host = registry.session.host();
  return {.session = session,
          .name = session.host() + "/" + RepositoryBelow(mirror, repository),
          .root = mirror.root + "/" + repository,
          // As containerd does; a registry that is called otherwise is no proxy of itself.
          .query = session.host() == host ? std::string() : "ns=" + PercentEncode(host),
          .endpoint = mirror};
}

// Why none of the sources had it.
struct Faults {
  std::vector<std::string> texts;
  ErrorKind kind = ErrorKind::kNetwork;  // the registry's own

  void Add(const Error& error, bool of_registry) {
    texts.push_back(error.message());
    if (of_registry) {
      kind = error.kind();
    }
  }
};

}  // namespace

std::string Source::Path(const std::string& rest) const {
  const auto path = root + "/" + rest;
  const auto* const before_query = path.find('?') == std::string::npos ? "?" : "&";
  return path + (query.empty() ? "" : before_query + query);
}

Sources::Sources(Session& registry, const std::string& name)
    : registry_{.session = registry,
                .name = registry.host() + "/" + name,
                .root = std::string(kApi) + "/" + name,
                .query = {},
                .endpoint = {}} {}

void Sources::AddMirror(Session& session,
                        const Endpoint& mirror,
                        std::shared_ptr<Mirrors> mirrors) {
  mirrors_.push_back(MirrorOf(registry_, session, mirror));
  known_ = std::move(mirrors);
}

std::vector<const Source*> Sources::InOrder(Order order) const {
  std::vector<const Source*> good;
  std::vector<const Source*> failed;
  for (const auto& mirror : mirrors_) {
    (known_->HasFailed(mirror.endpoint) ? failed : good).push_back(&mirror);
  }
  good.insert(order == Order::kRegistryFirst ? good.begin() : good.end(), &registry_);
  good.insert(good.end(), failed.begin(), failed.end());
  return good;
}

bool Sources::Read(Order order,
                   const std::function<bool(const Source&)>& read,
                   const std::function<bool()>& is_final) {
  Faults faults;
  for (const auto* source : InOrder(order)) {
    const bool is_registry = source == &registry_;
    try {
      if (const bool found = read(*source); found || is_registry) {
        return found;
      }
      faults.texts.push_back(source->name + " does not have it");
    } catch (const Error& error) {
      if (!MayBeElsewhere(error, *source) || (is_final && is_final())) {
        throw;
      }
      faults.Add(error, is_registry);
      if (source->session.last_status() != kNotFound) {
        Fail(*source, error.message());
      }
    }
  }
  throw Error(
      faults.kind,
      Join(faults.texts, "; ") + "; where it is looked for is said in /etc/ros/registries.yml");
}

bool Sources::MayBeElsewhere(const Error& error, const Source& source) const {
  return HasMirrors() && !source.session.IsCancelled() &&
         (error.kind() == ErrorKind::kNetwork || error.kind() == ErrorKind::kVerification);
}

void Sources::Fail(const Source& source, const std::string& why) {
  if (&source != &registry_) {
    known_->Fail(source.endpoint, why);
  }
}

}  // namespace ros::registry
