#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "trust/judgement.hpp"

namespace ros::installer {

// What the rules say of what is being judged, one after the other. Where a second thing is judged,
// what the first was told stays until there is something to be said of the second.
class JudgedRules {
 public:
  // Something else is judged from now on.
  void Begin() { begins_ = true; }

  void Add(const std::vector<trust::RuleResult>& more);

  [[nodiscard]] const std::vector<trust::RuleResult>& results() const { return results_; }

 private:
  std::vector<trust::RuleResult> results_;
  bool begins_ = false;
};

// What `--explain` shows: each rule and how it was met, as far as nothing is parsed that is not
// vouched for.
struct TrustExplanation {
  std::string source;  // of the rules, for people
  std::vector<trust::RuleResult> rules;
  std::string refusal;  // why it is not taken; empty for what is
};

// Explains what `judge` does, which collects into `results` until it is at its end or refuses by
// kVerification; other errors pass. A refusal that no rule tells is shown as `otherwise`, not met.
TrustExplanation ExplainJudge(std::string source,
                              const std::vector<trust::RuleResult>& results,
                              const std::string& otherwise,
                              const std::function<void()>& judge);

std::string DescribeExplanation(const TrustExplanation& explanation);
Json ExplanationToJson(const TrustExplanation& explanation);

}  // namespace ros::installer
