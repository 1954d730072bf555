#include "images/ordered_work.hpp"

#include <pthread.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <system_error>

using namespace ros::images;

namespace {

// While this lives a new thread wants a stack that no machine has.
class NoNewThreads {
 public:
  NoNewThreads() {
    pthread_attr_init(&before_);
    pthread_getattr_default_np(&before_);
    auto attributes = before_;
    pthread_attr_setstacksize(&attributes, std::size_t{1} << 47U);
    pthread_setattr_default_np(&attributes);
  }

  NoNewThreads(const NoNewThreads&) = delete;
  NoNewThreads& operator=(const NoNewThreads&) = delete;
  NoNewThreads(NoNewThreads&&) = delete;
  NoNewThreads& operator=(NoNewThreads&&) = delete;

  ~NoNewThreads() {
    pthread_setattr_default_np(&before_);
    pthread_attr_destroy(&before_);
  }

 private:
  pthread_attr_t before_ = {};
};

}  // namespace

TEST_CASE("OrderedWork: results come in order, however many threads and places", "[images]") {
  const auto threads = GENERATE(as<std::size_t>(), 1, 2, 5);
  const auto places = GENERATE(as<std::size_t>(), 1, 2, 7);
  const auto jobs = GENERATE(as<std::size_t>(), 0, 1, 100);
  std::vector<std::size_t> results(places, 0);
  OrderedWork work(jobs, places, threads, [&] {
    return [&](std::size_t job, std::size_t place) { results[place] = job * job; };
  });
  for (std::size_t job = 0; job < jobs; ++job) {
    REQUIRE(results[work.Next()] == job * job);
    work.Release();
  }
}

TEST_CASE("OrderedWork: no job begins before its place is free", "[images]") {
  std::atomic<std::size_t> begun = 0;
  OrderedWork work(
      50, 3, 4, [&] { return [&](std::size_t /*job*/, std::size_t /*place*/) { ++begun; }; });
  for (std::size_t job = 0; job < 50; ++job) {
    work.Next();
    CHECK(begun <= job + 3);
    work.Release();
  }
}

TEST_CASE("OrderedWork: the first failure in order is the one that is told", "[images]") {
  OrderedWork work(100, 10, 4, [] {
    return [](std::size_t job, std::size_t /*place*/) {
      if (job >= 20) {
        throw std::runtime_error("job " + std::to_string(job));
      }
    };
  });
  for (std::size_t job = 0; job < 20; ++job) {
    work.Next();
    work.Release();
  }
  CHECK_THROWS_WITH(work.Next(), "job 20");
}

TEST_CASE("OrderedWork: a worker that cannot be made fails its job", "[images]") {
  OrderedWork work(3, 2, 2, []() -> OrderedWork::Job { throw std::runtime_error("no memory"); });
  CHECK_THROWS_WITH(work.Next(), "no memory");
}

TEST_CASE("OrderedWork: where threads cannot be started, those do the work that could",
          "[images]") {
  std::optional<NoNewThreads> none;
  SECTION("some") {
    std::once_flag once;
    std::size_t done = 0;
    OrderedWork work(50, 3, 100'000, [&] {
      std::call_once(once, [&] { none.emplace(); });
      return [&](std::size_t /*job*/, std::size_t /*place*/) {};
    });
    for (; done < 50; ++done) {
      work.Next();
      work.Release();
    }
    CHECK(done == 50);
  }
  SECTION("none") {
    none.emplace();
    CHECK_THROWS_AS(OrderedWork(50, 3, 4, [] { return OrderedWork::Job(); }), std::system_error);
  }
}

TEST_CASE("OrderedWork: may be dropped at any time", "[images]") {
  const auto taken = GENERATE(as<std::size_t>(), 0, 1, 30);
  std::atomic<std::size_t> begun = 0;
  {
    OrderedWork work(1000000, 4, 3, [&] {
      return [&](std::size_t /*job*/, std::size_t /*place*/) { ++begun; };
    });
    for (std::size_t job = 0; job < taken; ++job) {
      work.Next();
      work.Release();
    }
  }
  CHECK(begun <= taken + 4);
}
