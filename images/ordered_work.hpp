#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace ros::images {

// Jobs 0, 1, 2 ... done on several threads, their results taken in order by the owner's thread.
// Job n puts its result into place n % places, and begins only when the one before it in that place
// has been released: that bounds the memory. An exception of a job is rethrown by Next() when its
// turn comes, so the first wrong piece is the one that is told. The destructor stops and joins.
class OrderedWork {
 public:
  using Job = std::function<void(std::size_t job, std::size_t place)>;

  // `make_worker` is called once on each thread and returns what that thread works with. Where not
  // so many threads can be started, those that can do all; throws std::system_error for none.
  OrderedWork(std::size_t jobs,
              std::size_t places,
              std::size_t threads,
              std::function<Job()> make_worker);
  OrderedWork(const OrderedWork&) = delete;
  OrderedWork& operator=(const OrderedWork&) = delete;
  OrderedWork(OrderedWork&&) = delete;
  OrderedWork& operator=(OrderedWork&&) = delete;
  ~OrderedWork();

  // Waits for the next job in order and returns its place; called at most `jobs` times, with a
  // Release() in between.
  std::size_t Next();
  // The place that Next() returned may be used again.
  void Release();

  // How many threads are worth it here: one for each processor, from 1 to 8.
  static std::size_t DefaultThreads();
  // The same where they wait for a disk most of the time: two for each processor, at most 8.
  static std::size_t ReadingThreads();

 private:
  struct Place {
    bool done = false;
    std::exception_ptr failure;
  };

  void Run();
  // Waits for a job that may begin; false when there is none left.
  bool Take(std::size_t& job);
  void Finish(std::size_t job, std::exception_ptr failure);
  void Stop();

  std::function<Job()> make_worker_;
  std::size_t jobs_;
  std::vector<Place> places_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t taken_ = 0;
  std::size_t released_ = 0;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace ros::images
