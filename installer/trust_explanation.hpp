#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "trust/judgement.hpp"

namespace ros::installer {

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
