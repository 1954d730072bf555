#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.hpp"

namespace ros {

// A JSON value (RFC 8259) read from hostile text, or made for output. Objects keep the order of
// their members. Numbers are 64-bit integers or doubles.
//
// Reading walks with At/Find and the As... functions; each throws kVerification with the place:
// "config.root.size: expected a number that is not negative". `what` names the document.
class Json {
 public:
  struct Member;
  using Array = std::vector<Json>;
  using Object = std::vector<Member>;

  // Conversions are meant: they are what makes building a document readable. Their bodies follow
  // Member, without which a vector of members is not complete.
  // NOLINTBEGIN(google-explicit-constructor)
  Json();  // null
  Json(bool value);
  Json(std::int64_t value);
  Json(int value);
  // Throws kFailed beyond 2^63 - 1.
  Json(std::uint64_t value);
  Json(double value);
  Json(std::string value);
  Json(std::string_view value);
  Json(const char* value);
  Json(Array value);
  Json(Object value);
  // NOLINTEND(google-explicit-constructor)

  static Json MakeArray();

  static Json MakeObject();

  // Limits of Parse: 32 levels deep, no duplicate keys, valid UTF-8, nothing after the value.
  // Throws kVerification "WHAT: line 3, column 7: why".
  static Json Parse(std::string_view text, std::string_view what);

  [[nodiscard]] bool IsNull() const { return std::holds_alternative<std::monostate>(value_); }

  [[nodiscard]] bool IsString() const { return std::holds_alternative<std::string>(value_); }

  [[nodiscard]] bool IsObject() const { return std::holds_alternative<Object>(value_); }

  [[nodiscard]] bool IsArray() const { return std::holds_alternative<Array>(value_); }

  // The member `key` of this object; At throws when it is missing, Find returns null then. Both
  // throw when this is not an object. `where` is the path so far, for messages.
  [[nodiscard]] const Json& At(std::string_view key, std::string_view where) const;
  [[nodiscard]] const Json* Find(std::string_view key, std::string_view where) const;

  [[nodiscard]] const std::string& AsString(std::string_view where) const;
  [[nodiscard]] bool AsBool(std::string_view where) const;
  [[nodiscard]] std::int64_t AsInt(std::string_view where) const;
  // A number that is not negative.
  [[nodiscard]] std::uint64_t AsUint(std::string_view where) const;
  [[nodiscard]] const Array& AsArray(std::string_view where) const;
  [[nodiscard]] const Object& AsObject(std::string_view where) const;

  // Output: sets or replaces a member (a null becomes an object), appends to an array.
  Json& Set(std::string_view key, Json value);
  Json& Append(Json value);

  // One line, or indented by two spaces. Bytes that are not UTF-8 are replaced by U+FFFD.
  [[nodiscard]] std::string Dump() const;
  [[nodiscard]] std::string DumpPretty() const;

  bool operator==(const Json&) const;

 private:
  struct Converter;  // to the library's value, for output

  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> value_;
};

struct Json::Member {
  std::string key;
  Json value;
  bool operator==(const Member&) const = default;
};

inline Json::Json() = default;

inline Json::Json(bool value) : value_(value) {}

inline Json::Json(std::int64_t value) : value_(value) {}

inline Json::Json(int value) : value_(std::int64_t{value}) {}

inline Json::Json(double value) : value_(value) {}

inline Json::Json(std::string value) : value_(std::move(value)) {}

inline Json::Json(std::string_view value) : value_(std::string(value)) {}

inline Json::Json(const char* value) : value_(std::string(value)) {}

inline Json::Json(Array value) : value_(std::move(value)) {}

inline Json::Json(Object value) : value_(std::move(value)) {}

inline Json Json::MakeArray() {
  return Json(Array());
}

inline Json Json::MakeObject() {
  return Json(Object());
}

}  // namespace ros
