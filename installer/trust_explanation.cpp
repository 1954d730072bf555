#include "installer/trust_explanation.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"

namespace ros::installer {

void JudgedRules::Add(const std::vector<trust::RuleResult>& more) {
  if (std::exchange(begins_, false)) {
    results_.clear();
  }
  results_.insert(results_.end(), more.begin(), more.end());
}

TrustExplanation ExplainJudge(std::string source,
                              const std::vector<trust::RuleResult>& results,
                              const std::string& otherwise,
                              const std::function<void()>& judge) {
  TrustExplanation explanation{.source = std::move(source)};
  try {
    judge();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kVerification) {
      throw;
    }
    explanation.refusal = error.message();
  }
  explanation.rules = results;
  if (!explanation.refusal.empty() &&
      std::ranges::all_of(explanation.rules, &trust::RuleResult::met)) {
    explanation.rules.push_back({.rule = otherwise, .met = false, .how = explanation.refusal});
  }
  return explanation;
}

std::string DescribeExplanation(const TrustExplanation& explanation) {
  return "rules: " + explanation.source + "\n" + trust::DescribeRules(explanation.rules) +
         (explanation.refusal.empty() ? "the trust rules are met\n"
                                      : "refused: " + explanation.refusal + "\n");
}

Json ExplanationToJson(const TrustExplanation& explanation) {
  auto json = Json::MakeObject()
                  .Set("source", explanation.source)
                  .Set("rules", trust::RulesToJson(explanation.rules))
                  .Set("taken", explanation.refusal.empty());
  if (!explanation.refusal.empty()) {
    json.Set("refusal", explanation.refusal);
  }
  return json;
}

}  // namespace ros::installer
