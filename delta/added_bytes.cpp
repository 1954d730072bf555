#include "delta/added_bytes.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/error.hpp"
#include "delta/bit_coder.hpp"
#include "delta/difference.hpp"
#include "delta/prediction.hpp"
#include "delta/word_guesses.hpp"

namespace ros::delta {
namespace {

constexpr std::size_t kBlock = 256;
constexpr std::size_t kWord = 4;
constexpr unsigned kContextBits = 15;
constexpr unsigned kSmallContextBits = 12;

// 0, all of its bits, or something else.
constexpr unsigned FillOf(unsigned byte) {
  return byte == 0 ? 0 : byte == 0xffU ? 1 : 2;
}

// A word that may well lead somewhere: within 64 MiB, and not so near that it is just a number.
constexpr bool LooksLikeAddress(std::uint32_t word) {
  return word + (1U << 26U) < 1U << 27U && word + 128 > 256;
}

// Describes the added bytes bit by bit. An encoder is told them, a decoder fills them in.
template <class Coder>
class AddedBytes {
 public:
  AddedBytes(Coder& coder, ByteSpan base, MutableByteSpan added)
      : coder_(coder), base_(base), added_(added) {}

  // The bytes of the next step, of which `added` must have enough.
  void Code(const Step& step) {
    base_at_ = step.base;
    step_ = added_.first(step.length);
    added_ = added_.subspan(step.length);
    moved_ = static_cast<std::uint32_t>(made_ - step.base);
    since_word_ = kLongAgo;
    is_in_word_ = false;
    recent_ = 0;
    for (std::size_t at = 0; at < step.length;) {
      at = CodeBlock(at);
    }
    made_ += step.length + step.fresh;
  }

 private:
  static constexpr std::size_t kGuesses = WordGuesses::kCount;
  static constexpr std::size_t kLongAgo = 100;
  static constexpr unsigned kSinceKinds = 8;
  static constexpr unsigned kFillKinds = 10;
  static constexpr unsigned kLearnedBlocks = 32;
  static constexpr std::size_t kByteContexts = 4;
  static constexpr unsigned kSeldom = kCertain / 128;

  // What is known of a place before its byte.
  struct View {
    std::uint32_t word = 0;        // of the base
    WordGuesses::Guesses guesses;  // what is added to the word
    unsigned expected = 0;         // for each guess: none, no change, a change
    unsigned byte = 0;             // of the base
    unsigned before = 0;           // the byte before it, and the one before that in the higher bits
    unsigned fill = kFillKinds - 1;  // of the word's two higher bytes
    unsigned since = 0;
    bool is_whole = false;  // the step has a word here
  };

  [[nodiscard]] unsigned BaseAt(std::size_t at) const {
    return std::to_integer<unsigned>(base_[base_at_ + at]);
  }

  [[nodiscard]] unsigned AddedAt(std::size_t at) const {
    return std::to_integer<unsigned>(step_[at]);
  }

  [[nodiscard]] bool HasWord(std::size_t at) const { return at + kWord <= step_.size(); }

  [[nodiscard]] std::uint32_t WordAt(std::size_t at) const {
    return BaseAt(at) | BaseAt(at + 1) << 8U | BaseAt(at + 2) << 16U | BaseAt(at + 3) << 24U;
  }

  // What is added to the word, as a number.
  [[nodiscard]] std::uint32_t ChangeAt(std::size_t at) const {
    std::uint32_t made = 0;
    for (unsigned i = 0; i < kWord; ++i) {
      made |= ((BaseAt(at + i) + AddedAt(at + i)) & 0xffU) << 8 * i;
    }
    return made - WordAt(at);
  }

  void SetChange(std::size_t at, std::uint32_t change) {
    const auto made = WordAt(at) + change;
    for (unsigned i = 0; i < kWord; ++i) {
      step_[at + i] = static_cast<std::byte>((made >> 8 * i) - BaseAt(at + i));
    }
  }

  [[nodiscard]] BaseWord BaseWordAt(std::size_t at) const {
    return {.value = WordAt(at),
            .end = static_cast<std::uint32_t>(base_at_ + at + kWord),
            .moved = moved_};
  }

  // A bit that depends on what it was in the blocks before.
  bool CodeOfBlock(std::array<Chance, kLearnedBlocks>& chances, unsigned& blocks, bool known) {
    auto& chance = chances[blocks % kLearnedBlocks];
    const bool bit = coder_.Code(std::clamp(chance.value(), 1U, kCertain - 1), known);
    chance.Learn(bit);
    blocks = blocks << 1U | (bit ? 1U : 0U);
    return bit;
  }

  [[nodiscard]] bool HasChange(std::size_t begin, std::size_t end) const {
    return std::any_of(step_.begin() + static_cast<std::ptrdiff_t>(begin),
                       step_.begin() + static_cast<std::ptrdiff_t>(end),
                       [](std::byte byte) { return byte != std::byte{0}; });
  }

  // Whether something changes that does not begin where the base may have an address.
  [[nodiscard]] bool HasChangeElsewhere(std::size_t begin, std::size_t end) const {
    for (auto at = begin + (is_in_word_ ? kWord - since_word_ : 0); at < end;) {
      if (AddedAt(at) == 0) {
        ++at;
      } else if (HasWord(at) && LooksLikeAddress(WordAt(at))) {
        at += kWord;
      } else {
        return true;
      }
    }
    return false;
  }

  // Returns where the next one begins; a word may reach beyond the block.
  std::size_t CodeBlock(std::size_t begin) {
    const auto end = std::min(step_.size(), begin + kBlock);
    if (!CodeOfBlock(changes_, change_blocks_, HasChange(begin, end))) {
      since_word_ += end - begin;
      is_in_word_ = false;
      recent_ = 0;
      return end;
    }
    const bool is_anywhere =
        CodeOfBlock(elsewhere_, elsewhere_blocks_, HasChangeElsewhere(begin, end));
    auto at = begin;
    while (at < end) {
      at += CodePlace(at, is_anywhere);
    }
    return at;
  }

  // Returns how many bytes are done.
  std::size_t CodePlace(std::size_t at, bool is_anywhere) {
    if (!is_anywhere && !is_in_word_ && !(HasWord(at) && LooksLikeAddress(WordAt(at)))) {
      ++since_word_;
      return 1;
    }
    auto view = Look(at);
    if (!CodeWhetherChanged(at, view)) {
      Advance();
      return 1;
    }
    if (is_in_word_ || !view.is_whole) {
      CodeByte(at, view, is_in_word_ ? static_cast<unsigned>(since_word_) : kWord);
    } else if (CodeGuess(at, view)) {
      since_word_ = kWord;
      return kWord;
    } else {
      CodeByte(at, view, 0);
      is_in_word_ = true;
      since_word_ = 0;
      word_at_ = at;
    }
    Advance();
    return 1;
  }

  // Without the guesses.
  [[nodiscard]] View Look(std::size_t at) const {
    View view;
    view.byte = BaseAt(at);
    view.before = BaseBefore(at, 1) | BaseBefore(at, 2) << 8U;
    view.since = static_cast<unsigned>(std::min<std::size_t>(since_word_, kSinceKinds - 1));
    view.is_whole = HasWord(at);
    if (view.is_whole) {
      view.word = WordAt(at);
      view.fill = FillOf(view.word >> 24U) * 3 + FillOf(view.word >> 16U & 0xffU);
    }
    return view;
  }

  // 0 before the first byte of the base.
  [[nodiscard]] unsigned BaseBefore(std::size_t at, std::size_t back) const {
    return base_at_ + at < back ? 0 : std::to_integer<unsigned>(base_[base_at_ + at - back]);
  }

  void FindGuesses(std::size_t at, View& view) const {
    if (!view.is_whole) {
      return;
    }
    view.guesses = guesses_.Of(BaseWordAt(at));
    for (const auto& guess : view.guesses) {
      view.expected = view.expected * 3 + (!guess ? 0U : *guess == 0 ? 1U : 2U);
    }
  }

  // Fills in the guesses where they are needed: for this, or because it has changed. Most places
  // are of a kind at which next to nothing changes, and cost no more than one chance.
  bool CodeWhetherChanged(std::size_t at, View& view) {
    const bool known = AddedAt(at) != 0;
    if (is_in_word_) {
      return CodeMixed(at, view, known);
    }
    auto& alone = *of_kind_.At((view.before & 0xffU) | view.fill << 8U, view.since);
    bool changed = false;
    if (alone.value() < kSeldom) {
      changed = coder_.Code(std::max(alone.value(), 1U), known);
      recent_ = recent_ << 1U | (changed ? 1U : 0U);
      if (changed) {
        FindGuesses(at, view);
      }
    } else {
      FindGuesses(at, view);
      changed = CodeMixed(at, view, known);
    }
    alone.Learn(changed);
    return changed;
  }

  bool CodeMixed(std::size_t at, const View& view, bool known) {
    const auto before = view.before & 0xffU;
    const auto goal = is_in_word_ ? view.byte | AddedAt(at - 1) << 8U : view.word >> 12U;
    const auto state = view.since | (is_in_word_ ? kSinceKinds : 0);
    auto& weights = changed_weights_[std::size_t{view.since} * kFillKinds + view.fill];
    const bool changed = weights.Code(
        coder_,
        {changed_[0].At(view.expected, state),
         changed_[1].At(view.byte | view.before << 8U, view.fill),
         changed_[2].At(before | view.expected << 8U | (recent_ & 15U) << 20U, view.since),
         changed_[3].At(goal, state),
         changed_[4].At(view.before | view.expected << 16U, view.fill)},
        known);
    recent_ = recent_ << 1U | (changed ? 1U : 0U);
    return changed;
  }

  // Whether one of the guesses, or the last change again, is what is added to the word. What does
  // not change its first byte is none here.
  bool CodeGuess(std::size_t at, const View& view) {
    const auto known = ChangeAt(at);
    std::array<std::uint32_t, kGuesses + 1> tried{};
    std::size_t count = 0;
    for (unsigned i = 0; i <= kGuesses; ++i) {
      const auto guess = i < kGuesses ? view.guesses[i] : std::optional(last_change_);
      const auto end = tried.begin() + static_cast<std::ptrdiff_t>(count);
      if (!guess || (*guess & 0xffU) == 0 || std::find(tried.begin(), end, *guess) != end) {
        continue;
      }
      tried[count++] = *guess;
      if (guess_weights_[i].Code(coder_,
                                 {guessed_[0].At(i, view.expected),
                                  guessed_[1].At(i, view.before),
                                  guessed_[2].At(i, view.fill)},
                                 *guess == known)) {
        SetChange(at, *guess);
        Learn(at, *guess);
        return true;
      }
    }
    return false;
  }

  // `place` tells which byte of a word it is, or kWord.
  void CodeByte(std::size_t at, const View& view, unsigned place) {
    const auto last = at > 0 ? AddedAt(at - 1) : 0;
    const std::array<std::uint32_t, kByteContexts> contexts = {
        place, place | last << 8U, place | view.byte << 8U, place | view.before << 8U};
    const auto known = AddedAt(at);
    const auto high = CodeHalf(contexts, place, 1, known >> 4U);
    const auto low = CodeHalf(contexts, place, 16 | high, known & 15U);
    step_[at] = static_cast<std::byte>(high << 4U | low);
  }

  // Four bits of a byte; `before` tells which, and what was before them. Their chances lie
  // together.
  unsigned CodeHalf(const std::array<std::uint32_t, kByteContexts>& contexts,
                    unsigned place,
                    unsigned before,
                    unsigned known) {
    std::array<Chance*, kByteContexts> row{};
    for (std::size_t i = 0; i < row.size(); ++i) {
      row[i] = bytes_[i].RowAt(contexts[i], before);
    }
    unsigned node = 1;
    for (unsigned i = 4; i-- > 0;) {
      auto chances = row;
      for (auto& chance : chances) {
        chance += node;
      }
      const bool bit = byte_weights_[place].Code(coder_, chances, (known >> i & 1U) != 0);
      node = node << 1U | (bit ? 1U : 0U);
    }
    return node & 15U;
  }

  // Behind one byte.
  void Advance() {
    ++since_word_;
    if (is_in_word_ && since_word_ == kWord) {
      Learn(word_at_, ChangeAt(word_at_));
      is_in_word_ = false;
    }
  }

  void Learn(std::size_t at, std::uint32_t change) {
    guesses_.Learn(BaseWordAt(at), change);
    last_change_ = change;
  }

  Coder& coder_;
  ByteSpan base_;
  MutableByteSpan added_;  // of the steps behind this one

  MutableByteSpan step_;     // of this step
  Bytes base_at_ = 0;        // where its bytes are in the base
  Bytes made_ = 0;           // where they are in what is made
  std::uint32_t moved_ = 0;  // from the base to there

  std::size_t since_word_ = kLongAgo;  // bytes since the beginning of the last word that changed
  bool is_in_word_ = false;            // whose bytes are coded one by one
  std::size_t word_at_ = 0;
  unsigned recent_ = 0;  // a bit for each place that was looked at, whether it changed
  std::uint32_t last_change_ = 0;

  WordGuesses guesses_;
  std::array<Chance, kLearnedBlocks> changes_;
  std::array<Chance, kLearnedBlocks> elsewhere_;
  unsigned change_blocks_ = 0;
  unsigned elsewhere_blocks_ = 0;
  Chances of_kind_{kSmallContextBits};
  std::vector<Chances> changed_ = std::vector(5, Chances(kContextBits));
  std::vector<Weights<5>> changed_weights_ =
      std::vector(std::size_t{kSinceKinds} * kFillKinds, Weights<5>(20'000));
  std::vector<Chances> guessed_ = std::vector(3, Chances(kSmallContextBits));
  std::vector<Weights<3>> guess_weights_ = std::vector(kGuesses + 1, Weights<3>(32'768));
  std::vector<Chances> bytes_ = std::vector(kByteContexts, Chances(kContextBits));
  std::vector<Weights<kByteContexts>> byte_weights_ =
      std::vector(kWord + 1, Weights<kByteContexts>(22'000));
};

[[noreturn]] void RefuseAdded() {
  throw Error(ErrorKind::kVerification, "its added bytes are not what its steps take");
}

// Codes all steps, which must take just these bytes.
template <class Coder>
void CodeSteps(Coder& coder, ByteSpan base, std::string_view steps, MutableByteSpan added) {
  AddedBytes<Coder> bytes(coder, base, added);
  StepReader reader(steps, base.size());
  Bytes done = 0;
  while (const auto step = reader.Next()) {
    if (step->length > added.size() - done) {
      RefuseAdded();
    }
    bytes.Code(*step);
    done += step->length;
  }
  if (done != added.size()) {
    RefuseAdded();
  }
}

}  // namespace

std::string PackAddedBytes(ByteSpan base, std::string_view steps, std::string_view added) {
  BitEncoder encoder;
  std::string known(added);
  CodeSteps(encoder, base, steps, AsWritableBytes(known));
  return encoder.Finish();
}

void UnpackAddedBytes(ByteSpan base,
                      std::string_view steps,
                      std::string_view packed,
                      MutableByteSpan added) {
  std::ranges::fill(added, std::byte{0});
  BitDecoder decoder(packed);
  CodeSteps(decoder, base, steps, added);
  if (!decoder.IsAtEnd()) {
    RefuseAdded();
  }
}

}  // namespace ros::delta
