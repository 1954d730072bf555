#include "installer/signer_text.hpp"

#include "base/word_list.hpp"

namespace ros::installer {

std::string SignerText(const std::vector<std::string>& signers,
                       const std::vector<std::string>& signature_keys) {
  if (!signers.empty()) {
    return Join(signers);
  }
  if (signature_keys.empty()) {
    return "no";
  }
  return "not verified; " + std::to_string(signature_keys.size()) +
         (signature_keys.size() == 1 ? " signature by the key " : " signatures by the keys ") +
         Join(signature_keys);
}

Json KeyListToJson(const std::vector<std::string>& keys) {
  auto list = Json::MakeArray();
  for (const auto& key : keys) {
    list.Append(Json::MakeObject().Set("key", key));
  }
  return list;
}

}  // namespace ros::installer
