// SPDX-License-Identifier: BSD-3-Clause
#include "control/time_text.h"

#include <charconv>
#include <chrono>
#include <cstdio>

namespace isthmus::control {
namespace {

using std::chrono::days;
using std::chrono::sys_days;

class TimeReader {
 public:
  explicit TimeReader(std::string_view text) : rest_(text) {}

  std::optional<unsigned> digits(std::size_t count, unsigned most) {
    if (rest_.size() < count) return std::nullopt;
    unsigned value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + count, value);
    if (error != std::errc{} || end != rest_.data() + count || value > most) return std::nullopt;
    rest_.remove_prefix(count);
    return value;
  }
  bool take(std::string_view any_of) {
    if (rest_.empty() || any_of.find(rest_.front()) == std::string_view::npos) return false;
    last_ = rest_.front();
    rest_.remove_prefix(1);
    return true;
  }
  char last() const { return last_; }
  bool is_done() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  char last_ = 0;
};

std::optional<sys_days> read_date(TimeReader& in) {
  const auto year = in.digits(4, 9999);
  if (!year || !in.take("-")) return std::nullopt;
  const auto month = in.digits(2, 12);
  if (!month || !in.take("-")) return std::nullopt;
  const auto day = in.digits(2, 31);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(*month), std::chrono::day(*day)};
  if (!date.ok()) return std::nullopt;
  return sys_days(date);
}

std::optional<int64_t> read_clock(TimeReader& in) {
  const auto hour = in.digits(2, 23);
  if (!hour || !in.take(":")) return std::nullopt;
  const auto minute = in.digits(2, 59);
  if (!minute || !in.take(":")) return std::nullopt;
  const auto second = in.digits(2, 60);
  if (!second) return std::nullopt;
  int64_t ms = ((*hour * 60 + *minute) * 60 + *second) * int64_t{1000};
  if (!in.take(".")) return ms;
  int64_t worth = 100;
  bool any = false;
  for (; const auto digit = in.digits(1, 9); worth /= 10, any = true) ms += *digit * worth;
  if (!any) return std::nullopt;
  return ms;
}

std::optional<int64_t> read_zone(TimeReader& in) {
  if (in.take("Zz")) return 0;
  if (!in.take("+-")) return std::nullopt;
  const int sign = in.last() == '-' ? -1 : 1;
  const auto hours = in.digits(2, 23);
  if (!hours || !in.take(":")) return std::nullopt;
  const auto minutes = in.digits(2, 59);
  if (!minutes) return std::nullopt;
  return sign * static_cast<int64_t>(*hours * 60 + *minutes) * 60000;
}

}  // namespace

std::optional<uint64_t> parse_time(std::string_view text) {
  constexpr uint64_t kMostSeconds = 253402300799;  // the end of 9999
  if (!text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos) {
    uint64_t seconds = 0;
    const auto error = std::from_chars(text.data(), text.data() + text.size(), seconds).ec;
    if (error != std::errc{} || seconds > kMostSeconds) return std::nullopt;
    return seconds * 1000;
  }
  TimeReader in(text);
  const auto date = read_date(in);
  if (!date || !in.take("Tt")) return std::nullopt;
  const auto clock = read_clock(in);
  if (!clock) return std::nullopt;
  const auto zone = read_zone(in);
  if (!zone || !in.is_done()) return std::nullopt;
  const int64_t ms = int64_t{date->time_since_epoch().count()} * 86400000 + *clock - *zone;
  if (ms < 0) return std::nullopt;
  return static_cast<uint64_t>(ms);
}

std::string time_text(uint64_t unix_ms) {
  const auto day = static_cast<int>(unix_ms / 86400000);
  const std::chrono::year_month_day date{sys_days(days(day))};
  const auto ms = unix_ms % 86400000;
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02u:%02u:%02u.%03uZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<unsigned>(ms / 3600000),
                static_cast<unsigned>(ms / 60000 % 60), static_cast<unsigned>(ms / 1000 % 60),
                static_cast<unsigned>(ms % 1000));
  return text;
}

}  // namespace isthmus::control
