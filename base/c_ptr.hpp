#pragma once

#include <memory>

namespace ros {

// A stateless deleter for a C library's free function, so that the pointer stays one word:
//   using Context = CPtr<fdisk_context, fdisk_unref_context>;
template <auto kFree>
struct CDeleter {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};

template <typename T, auto kFree>
using CPtr = std::unique_ptr<T, CDeleter<kFree>>;

}  // namespace ros
