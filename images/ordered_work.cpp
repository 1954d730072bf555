#include "images/ordered_work.hpp"

#include <algorithm>
#include <exception>
#include <utility>

namespace ros::images {
namespace {

constexpr unsigned kMostThreads = 8;

}  // namespace

OrderedWork::OrderedWork(std::size_t jobs,
                         std::size_t places,
                         std::size_t threads,
                         std::function<Job()> make_worker)
    : make_worker_(std::move(make_worker)), jobs_(jobs), places_(places) {
  threads_.reserve(threads);
  try {
    while (threads_.size() < threads) {
      threads_.emplace_back([this] { Run(); });
    }
  } catch (const std::exception&) {
    if (threads_.empty()) {
      throw;
    }
  }
}

OrderedWork::~OrderedWork() {
  Stop();
}

void OrderedWork::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  for (auto& thread : threads_) {
    thread.join();
  }
  threads_.clear();
}

std::size_t OrderedWork::Next() {
  std::unique_lock lock(mutex_);
  const auto place = released_ % places_.size();
  changed_.wait(lock, [&] { return places_[place].done; });
  if (places_[place].failure) {
    std::rethrow_exception(places_[place].failure);
  }
  return place;
}

void OrderedWork::Release() {
  {
    const std::lock_guard lock(mutex_);
    places_[released_ % places_.size()].done = false;
    ++released_;
  }
  changed_.notify_all();
}

std::size_t OrderedWork::DefaultThreads() {
  return std::clamp(std::thread::hardware_concurrency(), 1U, kMostThreads);
}

std::size_t OrderedWork::ReadingThreads() {
  return std::min<std::size_t>(2 * DefaultThreads(), kMostThreads);
}

bool OrderedWork::Take(std::size_t& job) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock,
                [&] { return stop_ || taken_ == jobs_ || taken_ < released_ + places_.size(); });
  if (stop_ || taken_ == jobs_) {
    return false;
  }
  job = taken_++;
  return true;
}

void OrderedWork::Finish(std::size_t job, std::exception_ptr failure) {
  {
    const std::lock_guard lock(mutex_);
    auto& place = places_[job % places_.size()];
    place.failure = std::move(failure);
    place.done = true;
  }
  changed_.notify_all();
}

void OrderedWork::Run() {
  Job work;
  std::size_t job = 0;
  while (Take(job)) {
    try {
      if (!work) {
        work = make_worker_();
      }
      work(job, job % places_.size());
      Finish(job, nullptr);
    } catch (...) {  // a thread's end, as main is the program's; Next() rethrows
      Finish(job, std::current_exception());
    }
  }
}

}  // namespace ros::images
