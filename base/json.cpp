#include "base/json.hpp"

#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "base/error.hpp"
#include "base/shown_text.hpp"

namespace ros {
namespace {

using Foreign = nlohmann::ordered_json;

constexpr std::size_t kDepthLimit = 32;

[[noreturn]] void Expected(std::string_view where, std::string_view what) {
  throw Error(ErrorKind::kVerification, std::string(where) + ": expected " + std::string(what));
}

std::string Place(std::string_view text, std::size_t byte) {
  const auto before = text.substr(0, std::min(byte, text.size()));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const auto last = before.rfind('\n');
  const auto column = last == std::string_view::npos ? before.size() : before.size() - last - 1;
  return "line " + std::to_string(line) + ", column " +
         std::to_string(std::max<std::size_t>(column, 1));
}

// Builds our values from the library's events; what is over a limit ends the parse with a reason.
class Builder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Builder(std::string_view text) : text_(text) {}

  bool null() override { return Put(Json()); }

  bool boolean(bool value) override { return Put(value); }

  bool number_integer(number_integer_t value) override { return Put(std::int64_t{value}); }

  bool number_unsigned(number_unsigned_t value) override {
    if (value > static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max())) {
      return Fail("a number is too large");
    }
    return Put(static_cast<std::int64_t>(value));
  }

  bool number_float(number_float_t value, const string_t& /*text*/) override { return Put(value); }

  bool string(string_t& value) override { return Put(std::move(value)); }

  bool binary(binary_t& /*value*/) override { return Fail("unexpected binary value"); }

  bool start_object(std::size_t /*count*/) override { return Open(Kind::kObject); }

  bool end_object() override { return Close(); }

  bool start_array(std::size_t /*count*/) override { return Open(Kind::kArray); }

  bool end_array() override { return Close(); }

  bool key(string_t& value) override {
    auto& top = stack_.back();
    if (!top.keys.insert(value).second) {
      return Fail("the key \"" + ShowText(value) + "\" is there twice");
    }
    top.key = std::move(value);
    return true;
  }

  bool parse_error(std::size_t position,
                   const std::string& /*token*/,
                   const nlohmann::detail::exception& error) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: REASON"
    std::string text = error.what();
    // What follows quotes the input, which may hold anything.
    text.resize(std::min(text.size(), text.find("; last read")));
    const auto reason = text.find("; ");
    return Fail(Place(text_, position) + ": not valid JSON" +
                (reason == std::string::npos ? "" : " (" + text.substr(reason + 2) + ")"));
  }

  Json TakeResult() { return std::move(result_); }

  [[nodiscard]] const std::string& failure() const { return failure_; }

 private:
  enum class Kind { kArray, kObject };

  // A list or an object whose end has not been seen yet.
  struct Level {
    Kind kind = Kind::kArray;
    Json::Array items;
    Json::Object members;
    // Those of `members`: looking for each in all others takes seconds for some 10,000 of them.
    std::unordered_set<std::string> keys;
    std::string key;  // of the next member
  };

  bool Fail(std::string why) {
    failure_ = std::move(why);
    return false;
  }

  bool Open(Kind kind) {
    if (stack_.size() >= kDepthLimit) {
      return Fail("nested deeper than " + std::to_string(kDepthLimit) + " levels");
    }
    stack_.push_back({.kind = kind});
    return true;
  }

  bool Close() {
    auto done = std::move(stack_.back());
    stack_.pop_back();
    return Put(done.kind == Kind::kArray ? Json(std::move(done.items))
                                         : Json(std::move(done.members)));
  }

  bool Put(Json value) {
    if (stack_.empty()) {
      result_ = std::move(value);
    } else if (auto& top = stack_.back(); top.kind == Kind::kArray) {
      top.items.push_back(std::move(value));
    } else {
      top.members.push_back({std::move(top.key), std::move(value)});
    }
    return true;
  }

  std::string_view text_;
  std::vector<Level> stack_;
  Json result_;
  std::string failure_;
};

template <typename T>
const T& Get(
    const std::
        variant<std::monostate, bool, std::int64_t, double, std::string, Json::Array, Json::Object>&
            value,
    std::string_view where,
    std::string_view expected) {
  const auto* found = std::get_if<T>(&value);
  if (found == nullptr) {
    Expected(where, expected);
  }
  return *found;
}

}  // namespace

struct Json::Converter {
  Foreign operator()(std::monostate /*null*/) const { return nullptr; }

  Foreign operator()(const Array& array) const {
    auto result = Foreign::array();
    for (const auto& item : array) {
      result.push_back(Convert(item));
    }
    return result;
  }

  Foreign operator()(const Object& object) const {
    auto result = Foreign::object();
    for (const auto& member : object) {
      result[member.key] = Convert(member.value);
    }
    return result;
  }

  template <typename Scalar>
  Foreign operator()(const Scalar& scalar) const {
    return scalar;
  }

  static Foreign Convert(const Json& json) { return std::visit(Converter(), json.value_); }

  static std::string Dump(const Json& json, int indent) {
    return Convert(json).dump(indent, ' ', false, Foreign::error_handler_t::replace);
  }
};

Json::Json(std::uint64_t value) {
  if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    throw Error(ErrorKind::kFailed, "a number is too large for JSON");
  }
  value_ = static_cast<std::int64_t>(value);
}

Json Json::Parse(std::string_view text, std::string_view what) {
  Builder builder(text);
  if (!nlohmann::json::sax_parse(text, &builder)) {
    throw Error(ErrorKind::kVerification, std::string(what) + ": " + builder.failure());
  }
  return builder.TakeResult();
}

const Json& Json::At(std::string_view key, std::string_view where) const {
  const auto* found = Find(key, where);
  if (found == nullptr) {
    throw Error(ErrorKind::kVerification,
                std::string(where) + ": the key \"" + std::string(key) + "\" is missing");
  }
  return *found;
}

const Json* Json::Find(std::string_view key, std::string_view where) const {
  for (const auto& member : AsObject(where)) {
    if (member.key == key) {
      return &member.value;
    }
  }
  return nullptr;
}

const std::string& Json::AsString(std::string_view where) const {
  return Get<std::string>(value_, where, "a string");
}

bool Json::AsBool(std::string_view where) const {
  return Get<bool>(value_, where, "true or false");
}

std::int64_t Json::AsInt(std::string_view where) const {
  return Get<std::int64_t>(value_, where, "a whole number");
}

std::uint64_t Json::AsUint(std::string_view where) const {
  const auto number = AsInt(where);
  if (number < 0) {
    Expected(where, "a number that is not negative");
  }
  return static_cast<std::uint64_t>(number);
}

const Json::Array& Json::AsArray(std::string_view where) const {
  return Get<Array>(value_, where, "a list");
}

const Json::Object& Json::AsObject(std::string_view where) const {
  return Get<Object>(value_, where, "an object");
}

Json& Json::Set(std::string_view key, Json value) {
  if (IsNull()) {
    value_ = Object();
  }
  auto& object = std::get<Object>(value_);
  for (auto& member : object) {
    if (member.key == key) {
      member.value = std::move(value);
      return *this;
    }
  }
  object.push_back({std::string(key), std::move(value)});
  return *this;
}

Json& Json::Append(Json value) {
  if (IsNull()) {
    value_ = Array();
  }
  std::get<Array>(value_).push_back(std::move(value));
  return *this;
}

std::string Json::Dump() const {
  return Converter::Dump(*this, -1);
}

std::string Json::DumpPretty() const {
  return Converter::Dump(*this, 2);
}

bool Json::operator==(const Json& other) const {
  return value_ == other.value_;
}

}  // namespace ros
