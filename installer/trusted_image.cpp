#include "installer/trusted_image.hpp"

#include <algorithm>
#include <optional>

#include "base/error.hpp"
#include "installer/initrd_keys.hpp"

namespace ros::installer {
namespace {

// Collects what the rules say, as much of the image as may be read by then.
class ImageJudge {
 public:
  explicit ImageJudge(const TrustRules& rules) : rules_(rules) {}

  // Of another image than before, or of other signatures.
  void Begin() { judged_.Begin(); }

  void Signers(const images::SignedFacts& facts) {
    signers_ = trust::FingerprintsOf(facts.signers);
    if (!signers_.empty()) {
      Add(trust::JudgeSigners(rules_.policy, signers_, rules_.now));
    }
    Add({trust::JudgeDigest(rules_.policy, facts.digest)});
    trust::RequireAll(results());
  }

  void Image(const images::VerifiedImage& image) {
    const auto& config = image.config;
    Add(trust::JudgeImage(
        rules_.policy, {.epoch = config.epoch, .created = config.created}, rules_.now));
    if (!rules_.image_policy.empty() && !image.signers.empty()) {
      Add({PolicyStays(config)});
    }
    if (const auto starts = JudgeBoot(config, signers_)) {
      Add({*starts});
    }
    Add(Released(image));
    trust::RequireAll(results());
  }

  void Parts(const images::VerifiedImage& image) {
    Add({{.rule = "every part is what was signed",
          .met = true,
          .how =
              std::to_string(image.chunks.size()) + " chunks of the root, and all other parts"}});
  }

  [[nodiscard]] const std::vector<trust::RuleResult>& results() const { return judged_.results(); }

 private:
  // Rules that came with an image are not dropped by the next one, which would bring back the keys
  // of the installation.
  static trust::RuleResult PolicyStays(const images::ImageConfig& config) {
    return {.rule = "brings a trust policy",
            .met = !config.trust.empty(),
            .how = config.trust.empty()
                       ? "it brings none, and this machine's comes from its image; build it with "
                         "--trust"
                       : SummaryOfPolicy(config.trust)};
  }

  // What the channel says of the image, where there is one or should be.
  [[nodiscard]] std::vector<trust::RuleResult> Released(const images::VerifiedImage& image) const {
    if (rules_.channel) {
      return trust::JudgeRelease(
          rules_.channel->channel, image.manifest.digest, image.config.version);
    }
    const auto& wanted = rules_.policy.restrictions.channels;
    if (wanted.empty()) {
      return {};
    }
    const auto& name = wanted.front().name;
    return {{.rule = "released in channel " + name,
             .met = false,
             .how = "no channel document was given; name it by --channel, or put it beside the "
                    "image as " +
                    name + kChannelEnding}};
  }

  void Add(const std::vector<trust::RuleResult>& more) { judged_.Add(more); }

  const TrustRules& rules_;
  std::vector<std::string> signers_;
  JudgedRules judged_;
};

// A machine that commits the image judges by what it brings from then on; what an unsigned one
// brings counts for nothing.
void CheckOwnPolicy(const images::VerifiedImage& image, const TrustRules& rules) {
  const auto& config = image.config;
  if (config.trust.empty() || image.signers.empty()) {
    return;
  }
  // A key that is valid by the time the image was made is one of its future, whatever the clock
  // says.
  const auto now = std::max(rules.now, config.created);
  const auto why = trust::WhyImpossible(trust::Tighten(ParseImagePolicy(config), rules.own), now);
  if (!why.empty()) {
    throw Error(ErrorKind::kVerification,
                "the trust policy of " + config.name + " " + config.version +
                    " is one that no image could meet (" + why +
                    "), so a machine with it could never be upgraded");
  }
}

TrustedImage OpenJudgedImage(const ImageLocation& location,
                             const TrustRules& rules,
                             images::SignaturePolicy policy,
                             ImageJudge& judge,
                             const images::FindRootIndex& find = {}) {
  TrustedImage opened;
  OpenWhereRight(location, [&](const ImageLocation& place) {
    judge.Begin();
    opened.source = OpenImageAt(place);
    opened.image = images::VerifyImage(
        *opened.source,
        trust::KeysOf(rules.policy),
        policy,
        place.version,
        {.approve = [&](const auto& facts) { judge.Signers(facts); }, .find_root_index = find});
    InContext(opened.source->name(), [&] {
      judge.Image(opened.image);
      CheckOwnPolicy(opened.image, rules);
    });
  });
  return opened;
}

}  // namespace

TrustedImage OpenTrustedImage(const ImageLocation& location,
                              const TrustRules& rules,
                              images::SignaturePolicy policy,
                              Progress& progress,
                              const images::FindRootIndex& find) {
  ImageJudge judge(rules);
  auto opened = OpenJudgedImage(location, rules, policy, judge, find);
  if (!opened.source->is_remote()) {
    images::CheckBlobs(*opened.source, opened.image, progress);
  }
  return opened;
}

TrustExplanation ExplainTrust(const ImageLocation& location,
                              const TrustRules& rules,
                              Progress& progress) {
  ImageJudge judge(rules);
  return ExplainJudge(
      rules.source, judge.results(), "signed, and every part is what was signed", [&] {
        const auto opened =
            OpenJudgedImage(location, rules, images::SignaturePolicy::kRequired, judge);
        images::CheckBlobs(*opened.source, opened.image, progress);
        judge.Parts(opened.image);
      });
}

}  // namespace ros::installer
