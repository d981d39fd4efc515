// SPDX-License-Identifier: BSD-3-Clause
// Catch2 under either of the names its two major versions install.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
