#include "installer/trusted_channel.hpp"

#include <utility>

#include "base/error.hpp"
#include "images/channel_archive.hpp"
#include "trust/judgement.hpp"

namespace ros::installer {
namespace {

namespace fs = std::filesystem;

enum class Halts { kRefuse, kPassOver };

// Collects what the rules say, as much of the document as may be read by then.
class ChannelJudge {
 public:
  ChannelJudge(const TrustRules& rules, const ChannelMemory& memory, Halts halts)
      : rules_(rules), memory_(memory), halts_(halts) {}

  // Of another document than before.
  void Begin() { judged_.Begin(); }

  void Signers(const images::SignedFacts& facts) {
    const auto& policy = rules_.policy;
    const auto& channels = policy.restrictions.channels;
    const auto thresholds = channels.empty()
                                ? policy.restrictions.thresholds
                                : trust::ChannelThresholds(policy, channels.front().name);
    Add(trust::JudgeSigners(policy, thresholds, trust::FingerprintsOf(facts.signers), rules_.now));
  }

  void Document(const trust::ShownChannel& shown) {
    const auto found = memory_.find(shown.channel.name);
    const auto accepted = found == memory_.end() ? std::nullopt : std::optional(found->second);
    const auto& restrictions = rules_.policy.restrictions;
    Add(halts_ == Halts::kRefuse
            ? trust::JudgeChannel(restrictions, shown, accepted, rules_.now)
            : trust::JudgeFreshness(restrictions, shown, accepted, rules_.now));
  }

  [[nodiscard]] const std::vector<trust::RuleResult>& results() const { return judged_.results(); }

 private:
  void Add(const std::vector<trust::RuleResult>& more) {
    judged_.Add(more);
    trust::RequireAll(more);
  }

  const TrustRules& rules_;
  const ChannelMemory& memory_;
  Halts halts_;
  JudgedRules judged_;
};

TrustedChannel OpenJudgedChannel(const ImageLocation& location,
                                 const TrustRules& rules,
                                 ChannelJudge& judge) {
  TrustedChannel opened;
  OpenWhereRight(location, [&](const ImageLocation& place) {
    judge.Begin();
    const auto source = OpenImageAt(place);
    auto artifact = images::VerifyChannel(
        *source, trust::KeysOf(rules.policy), [&](const auto& facts) { judge.Signers(facts); });
    opened = {.manifest = artifact.manifest, .signers = std::move(artifact.signers)};
    InContext(source->name(), [&] {
      opened.shown = {.channel = trust::ParseChannel(artifact.document),
                      .digest = keys::Sha256Of(AsBytes(artifact.document))};
      judge.Document(opened.shown);
    });
  });
  return opened;
}

// The directory that an image's file, or the directory that is its layout, lies in.
fs::path Beside(const fs::path& image) {
  const auto path = image.lexically_normal();
  return path.has_filename() ? path.parent_path() : path.parent_path().parent_path();
}

}  // namespace

TrustedChannel OpenTrustedChannel(const ImageLocation& location,
                                  const TrustRules& rules,
                                  const ChannelMemory& memory) {
  ChannelJudge judge(rules, memory, Halts::kRefuse);
  return OpenJudgedChannel(location, rules, judge);
}

TrustedChannel OpenFreshChannel(const ImageLocation& location,
                                const TrustRules& rules,
                                const ChannelMemory& memory) {
  ChannelJudge judge(rules, memory, Halts::kPassOver);
  return OpenJudgedChannel(location, rules, judge);
}

TrustExplanation ExplainChannel(const ImageLocation& location,
                                const TrustRules& rules,
                                const ChannelMemory& memory) {
  ChannelJudge judge(rules, memory, Halts::kRefuse);
  return ExplainJudge(rules.source, judge.results(), "signed, and a channel document", [&] {
    static_cast<void>(OpenJudgedChannel(location, rules, judge));
  });
}

std::optional<ImageLocation> FindChannel(const trust::Policy& policy, const ChannelChoice& choice) {
  if (!choice.named.empty()) {
    auto named = LocateImage(choice.named, choice.image.connection);
    if (named.is_piped && choice.image.is_piped) {
      throw Error(ErrorKind::kUsage,
                  "image and channel document cannot both come from standard input");
    }
    return named;
  }
  if (policy.restrictions.channels.empty()) {
    return std::nullopt;
  }
  const auto& name = policy.restrictions.channels.front().name;
  auto location = choice.image;
  if (location.reference) {
    location.reference->tag = name + images::kChannelTagEnding;
    location.reference->digest.reset();
    return location;
  }
  if (location.address || location.is_piped) {
    return std::nullopt;
  }
  location = {.path = Beside(choice.image.path) / (name + kChannelEnding)};
  return fs::exists(location.path) ? std::optional(location) : std::nullopt;
}

TrustRules WithChannel(TrustRules rules,
                       const ChannelChoice& choice,
                       const std::function<ChannelMemory()>& memory) {
  const auto location = FindChannel(rules.policy, choice);
  if (!location) {
    return rules;
  }
  try {
    rules.channel = OpenTrustedChannel(*location, rules, memory()).shown;
  } catch (const Error& error) {
    const bool may_mean_channel = error.kind() == ErrorKind::kNetwork && location->reference &&
                                  !location->reference->digest &&
                                  !location->reference->tag.ends_with(images::kChannelTagEnding);
    if (!may_mean_channel) {
      throw;
    }
    throw Error(error.kind(),
                error.message() + "; the document of a channel is under the tag NAME" +
                    std::string(images::kChannelTagEnding));
  }
  return rules;
}

}  // namespace ros::installer
