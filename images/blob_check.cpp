#include <algorithm>
#include <atomic>
#include <exception>
#include <thread>
#include <vector>

#include "base/block_device.hpp"
#include "base/error.hpp"
#include "images/oci_layout.hpp"
#include "images/verified_image.hpp"

namespace ros::images {
namespace {

constexpr Bytes kBlobPiece = Bytes{1} << 20U;

struct Part {
  std::string name;
  Descriptor descriptor;
};

std::vector<Part> PartsOf(const ImageManifest& manifest) {
  std::vector<Part> parts = {{"the root layer", manifest.root},
                             {"the root index", manifest.root_index},
                             {"the config", manifest.config}};
  if (manifest.unified_kernel) {
    parts.push_back({"the unified kernel", *manifest.unified_kernel});
  } else {
    parts.push_back({"the initrd", manifest.initrd});
    parts.push_back({"the kernel", manifest.kernel});
  }
  if (manifest.bootloader) {
    parts.push_back({"the boot loader layer", *manifest.bootloader});
  }
  for (const auto& [base, patch] : manifest.root_index_patches) {
    parts.push_back({"a patch of the root index", patch});
  }
  if (manifest.fragments) {
    parts.push_back({"the index of fragments", manifest.fragments->index});
    parts.push_back({"the fragments", manifest.fragments->fragments});
  }
  for (const auto* deltas : {&manifest.deltas, &manifest.kernel_deltas, &manifest.initrd_deltas}) {
    for (const auto& delta : *deltas) {
      parts.push_back({"the index of a delta", delta.index});
      if (delta.patches) {
        parts.push_back({"the patches of a delta", *delta.patches});
      }
    }
  }
  return parts;
}

// The digest of what comes of a blob; `done` is called with the length of each piece.
template <typename Done>
keys::Digest HashAll(Blob& blob, Done done) {
  blob.Announce({{.offset = 0, .length = blob.size()}});
  AlignedBuffer buffer(kBlobPiece);
  keys::Sha256 hash;
  for (Bytes at = 0; at < blob.size(); at += kBlobPiece) {
    const auto piece = buffer.span().first(std::min(kBlobPiece, blob.size() - at));
    blob.ReadAt(at, piece);
    hash.Update(piece);
    done(piece.size());
  }
  return hash.Finish();
}

// Checks one part; `done` is called with the length of each piece, and ends the work by throwing.
template <typename Done>
void CheckPart(const ImageSource& source, const Part& part, Done done) {
  const auto refuse = [&](const std::string& why) {
    throw Error(ErrorKind::kVerification,
                part.name + " (" + part.descriptor.digest.ToString() + ") " + why);
  };
  const auto blob = source.OpenBlob(part.descriptor.digest);
  if (blob->size() != part.descriptor.size) {
    refuse("has " + std::to_string(blob->size()) + " bytes instead of " +
           std::to_string(part.descriptor.size));
  }
  auto digest = HashAll(*blob, done);
  // Pieces that come again have been counted.
  while (digest != part.descriptor.digest && blob->Distrust()) {
    digest = HashAll(*blob, [&](Bytes /*length*/) { done(0); });
  }
  if (digest != part.descriptor.digest) {
    refuse("does not have this digest; it was changed or damaged");
  }
}

// The small parts, checked beside the large one. What goes wrong is told by Join().
class BackgroundCheck {
 public:
  BackgroundCheck(const ImageSource& source, std::span<const Part> parts)
      : thread_([this, &source, parts] { Run(source, parts); }) {}

  BackgroundCheck(const BackgroundCheck&) = delete;
  BackgroundCheck& operator=(const BackgroundCheck&) = delete;
  BackgroundCheck(BackgroundCheck&&) = delete;
  BackgroundCheck& operator=(BackgroundCheck&&) = delete;

  ~BackgroundCheck() {
    stop_ = true;
    if (thread_.joinable()) {
      thread_.join();
    }
  }

  [[nodiscard]] Bytes done() const { return done_; }

  void Join() {
    thread_.join();
    if (failure_) {
      std::rethrow_exception(failure_);
    }
  }

 private:
  struct Stopped {};

  void Run(const ImageSource& source, std::span<const Part> parts) {
    try {
      for (const auto& part : parts) {
        CheckPart(source, part, [&](Bytes length) {
          done_ += length;
          if (stop_) {
            throw Stopped();
          }
        });
      }
    } catch (...) {  // a thread's end, as main is the program's
      failure_ = std::current_exception();
    }
  }

  std::atomic<bool> stop_ = false;
  std::atomic<Bytes> done_ = 0;
  std::exception_ptr failure_;
  std::thread thread_;
};

// All parts, in the order in which they pass.
void CheckInTurn(const ImageSource& source, std::vector<Part> parts, Progress& progress) {
  std::ranges::sort(parts, ComesBefore, &Part::descriptor);
  // A blob that is there for two parts passes once.
  parts.erase(std::unique(parts.begin(),
                          parts.end(),
                          [](const Part& one, const Part& other) {
                            return one.descriptor.digest == other.descriptor.digest &&
                                   one.descriptor.size == other.descriptor.size;
                          }),
              parts.end());
  Bytes done = 0;
  for (const auto& part : parts) {
    CheckPart(source, part, [&](Bytes length) { progress.Update(done += length); });
  }
}

// The first part, which is the largest by far, beside the others.
void CheckBesideOthers(const ImageSource& source, std::span<const Part> parts, Progress& progress) {
  BackgroundCheck others(source, parts.subspan(1));
  Bytes done = 0;
  CheckPart(source, parts.front(), [&](Bytes length) {
    done += length;
    progress.Update(done + others.done());
  });
  others.Join();
}

}  // namespace

void CheckBlobs(const ImageSource& source, const VerifiedImage& image, Progress& progress) {
  const auto parts = PartsOf(image.manifest);
  Bytes total = 0;
  for (const auto& part : parts) {
    total = CheckedAdd(total, part.descriptor.size, "the image");
  }
  progress.Begin("checking the image", total);
  InContext(source.name(), [&] {
    if (source.is_passing()) {
      CheckInTurn(source, parts, progress);
    } else {
      CheckBesideOthers(source, parts, progress);
    }
  });
  progress.Update(total);
  progress.End();
}

}  // namespace ros::images
