// SPDX-License-Identifier: BSD-3-Clause
// Replays a corpus through a fuzz target, so that every past crash is an ordinary test, without
// clang. Usage: replay STEP DIRECTORY...   Prints how many inputs ran; a crash ends the process.
// Every STEPth prefix of an input is one, too: truncation is the commonest malformation. Of
// scripts, each of whose prefixes plays all that came before, few are enough.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int main(int argc, char** argv) {
  unsigned count = 0;
  const std::size_t step = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 0;
  if (step == 0) return 2;
  for (int i = 2; i < argc; ++i) {
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      const std::vector<char> bytes(std::istreambuf_iterator<char>(file), {});
      LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
      for (std::size_t n = 0; n < bytes.size() && n < 512; n += step) {
        const std::vector<char> prefix(bytes.begin(), bytes.begin() + static_cast<long>(n));
        LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(prefix.data()), n);
      }
      ++count;
    }
  }
  std::printf("replayed %u inputs\n", count);
  return count == 0;
}
