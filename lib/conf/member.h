// SPDX-License-Identifier: BSD-3-Clause
// From pointers to members to rows of the option table.
#pragma once

#include <type_traits>
#include <utility>

#include "conf/option.h"

namespace isthmus::conf {

template <class T>
struct MemberOf;
template <class Object_, class Member_>
struct MemberOf<Member_ Object_::*> {
  using Object = Object_;
  using Member = Member_;
};

template <auto First, auto... Rest, class Object>
constexpr auto& reach(Object& object) {
  if constexpr (sizeof...(Rest) == 0) {
    return object.*First;
  } else {
    return reach<Rest...>(object.*First);
  }
}

/// The member reached through a chain of member pointers, e.g. <&Nat64::timers, &Timers::udp>.
template <auto First, auto... Rest>
constexpr Field member() {
  using Object = typename MemberOf<decltype(First)>::Object;
  using T = std::remove_reference_t<decltype(reach<First, Rest...>(std::declval<Object&>()))>;
  return {[] { return type_name<T>(); },
          [](const Node& node, const Range& range, const std::string& path, void* object) {
            return read_value(node, range, path,
                              reach<First, Rest...>(*static_cast<Object*>(object)));
          },
          [](const void* object) {
            return print_value(reach<First, Rest...>(*static_cast<const Object*>(object)));
          }};
}

/// A list inside a group.
template <auto First, auto... Rest>
constexpr Section list_in(std::string_view path, std::string_view help) {
  using Object = typename MemberOf<decltype(First)>::Object;
  return {path,
          help,
          false,
          [](void* parent) -> void* {
            return &reach<First, Rest...>(*static_cast<Object*>(parent)).emplace_back();
          },
          [](const void* parent) {
            return reach<First, Rest...>(*static_cast<const Object*>(parent)).size();
          },
          [](const void* parent, std::size_t i) -> const void* {
            return &reach<First, Rest...>(*static_cast<const Object*>(parent))[i];
          }};
}

template <auto List>
constexpr Section list(std::string_view path, bool required, std::string_view help) {
  using Object = typename MemberOf<decltype(List)>::Object;
  return {
      path,
      help,
      required,
      [](void* parent) -> void* { return &(static_cast<Object*>(parent)->*List).emplace_back(); },
      [](const void* parent) { return (static_cast<const Object*>(parent)->*List).size(); },
      [](const void* parent, std::size_t i) -> const void* {
        return &(static_cast<const Object*>(parent)->*List)[i];
      }};
}

/// A list, required, whose elements may come and go at a reload.
template <auto List>
constexpr Section live_list(std::string_view path, std::string_view key, std::string_view help) {
  Section section = list<List>(path, true, help);
  section.key = key;
  return section;
}

}  // namespace isthmus::conf
